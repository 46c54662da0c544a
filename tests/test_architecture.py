"""The drawing of docs/architecture.md, kept true: who may import whom, who may know which library, what is tested."""

from __future__ import annotations

import ast
import subprocess
import sys
from fnmatch import fnmatch
from functools import cache
from importlib.util import resolve_name
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Folders to the names they are installed under: package_dir of setup.cfg.
PACKAGES = {"scopeproxy": "scopeproxy", "grammar": "scopeproxy.grammar", "cli_plugin": "scopeproxy.osc"}

# Each layer, and the layers it may import beside itself.
LAYERS = {
    "errors": (),
    "grammar": (),
    "lang": ("errors", "grammar"),
    "model": ("errors", "lang"),
    "planning": ("errors", "lang", "model"),
    "execution": ("errors", "lang", "model", "planning"),
    "edges": ("errors", "lang", "model", "planning", "execution", "emulator"),
    "emulator": ("errors", "lang", "model"),
    "osc": ("errors", "lang", "model"),
}

_HTTP = (
    "scopeproxy/edges/*",
    "scopeproxy/emulator/*",
)

# A library, and the only files that know it.
LIBRARIES = {
    "aiohttp": _HTTP,
    "multidict": _HTTP,
    "yarl": _HTTP,
    "sqlalchemy": ("scopeproxy/execution/ledger*.py", "scopeproxy/execution/migrations/*"),
    "alembic": ("scopeproxy/execution/ledger_migrations.py", "scopeproxy/execution/migrations/*"),
    "keystoneauth1": ("scopeproxy/edges/account.py", "cli_plugin/*"),
    "orjson": ("scopeproxy/model/documents.py",),
    "lark": ("scopeproxy/lang/parser.py",),
    "yaml": ("scopeproxy/edges/config.py", "scopeproxy/emulator/*"),
    "prometheus_client": ("scopeproxy/execution/metrics.py", "scopeproxy/edges/admin.py"),
    "cliff": ("cli_plugin/*",),
    "openstack": ("scopeproxy/edges/account.py", "cli_plugin/*"),
    "osc_lib": ("cli_plugin/*",),
    "requests": ("cli_plugin/*",),
}

SOURCES = sorted(path.relative_to(ROOT) for folder in PACKAGES for path in (ROOT / folder).rglob("*.py"))
IDS = [str(path) for path in SOURCES]


def module_name(source: Path) -> str:
    inside = source.relative_to(source.parts[0]).with_suffix("").parts
    return ".".join((PACKAGES[source.parts[0]], *(part for part in inside if part != "__init__")))


def package_of(source: Path) -> str:
    return module_name(source if source.name == "__init__.py" else source.parent / "__init__.py")


def layer(module: str) -> str:
    """`scopeproxy.lang.parser` is in lang; the package itself, which holds nothing, is in no layer."""
    return module.partition(".")[2].partition(".")[0]


@cache
def parsed(source: Path) -> ast.Module:
    return ast.parse((ROOT / source).read_text(), str(source))


def imported(source: Path) -> set[str]:
    """Every module that the source imports, at whatever depth, for types only included."""
    found = set()
    for node in ast.walk(parsed(source)):
        match node:
            case ast.Import(names):
                found |= {alias.name for alias in names}
            case ast.ImportFrom(module, names, level):
                origin = resolve_name("." * level + (module or ""), package_of(source))
                # `from scopeproxy.lang import parser` may name a module or what is in one: the longer name will do.
                found |= {f"{origin}.{alias.name}" for alias in names}
    return found


@pytest.mark.parametrize("source", SOURCES, ids=IDS)
def test_imports_point_one_way(source: Path) -> None:
    own = layer(module_name(source))
    allowed = {own, *LAYERS.get(own, ())}
    wrong = {name for name in imported(source) if name.startswith("scopeproxy.") and layer(name) not in allowed}
    assert not wrong, f"{own or 'the package itself'} may import {sorted(allowed)} only"


@pytest.mark.parametrize("source", SOURCES, ids=IDS)
def test_libraries_are_known_where_they_belong(source: Path) -> None:
    roots = {name.partition(".")[0] for name in imported(source)}
    wrong = {
        library
        for library, homes in LIBRARIES.items()
        if library in roots and not any(fnmatch(str(source), home) for home in homes)
    }
    assert not wrong


def test_every_source_file_has_its_test_file() -> None:
    def test_file(source: Path) -> Path:
        inside = source.relative_to("scopeproxy") if source.parts[0] == "scopeproxy" else source
        return "tests" / inside.with_name(f"test_{inside.name}")

    untested = [source for source in SOURCES if source.name != "__init__.py"]
    missing = [str(test_file(source)) for source in untested if not (ROOT / test_file(source)).exists()]
    assert not missing, "\n".join(missing)


def test_names_come_from_the_domain() -> None:
    hidden = {"utils", "util", "common", "helpers", "misc"}
    assert not [str(source) for source in SOURCES if hidden & set(source.with_suffix("").parts)]


def test_every_module_begins_by_telling_what_lives_in_it() -> None:
    silent = [str(source) for source in SOURCES if parsed(source).body and not ast.get_docstring(parsed(source))]
    assert not silent


# One process is forked for each module, after the libraries were imported once: that takes milliseconds.
_IMPORT_EACH_ALONE = """
import importlib, os, sys
libraries, modules = (argument.split(",") for argument in sys.argv[1:])
for name in libraries:
    importlib.import_module(name)
failed = 0
for name in modules:
    pid = os.fork()
    if not pid:
        importlib.import_module(name)
        sys.stdout.flush()
        os._exit(0)
    if os.waitpid(pid, 0)[1]:
        print(name, "cannot be imported alone", file=sys.stderr)
        failed = 1
os._exit(failed)
"""


def test_a_proxy_starts_without_what_it_may_never_need() -> None:
    rare = {"aiohttp", "alembic", "cryptography", "keystoneauth1", "openstack", "requests"}
    told = "import sys, scopeproxy.edges.serve; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, timeout=60, check=True)
    imported = set(done.stdout.split())
    assert "sqlalchemy" in imported
    assert not imported & rare


def test_each_module_can_be_imported_alone() -> None:
    modules = [module_name(source) for source in SOURCES]
    command = [sys.executable, "-c", _IMPORT_EACH_ALONE, ",".join(LIBRARIES), ",".join(modules)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
