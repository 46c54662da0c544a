"""The wheel, installed as a user would and tried from another folder.

Without the network: its dependencies are borrowed from the environment that runs the tests.  With
WHEEL_DEPENDENCIES=fetched (`make wheel-test`) they are installed anew, with the tools that pyproject.toml names.
"""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FETCHED = os.environ.get("WHEEL_DEPENDENCIES") == "fetched"
SHIPPED = ("LICENSE", "README.md", "cli_plugin", "grammar", "pyproject.toml", "scopeproxy", "setup.cfg")


def run(*command: object, cwd: Path) -> str:
    """What the command printed; it must end well and may not see the folder that the tests run in."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # From a copy: setuptools leaves a build/ folder behind, and what an earlier build left there goes into the wheel.
    source = tmp_path_factory.mktemp("source")
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    isolation = [] if FETCHED else ["--no-isolation"]
    run(sys.executable, "-m", "build", "--wheel", *isolation, "--outdir", source / "dist", cwd=source)
    (made,) = (source / "dist").glob("*.whl")
    return made


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder which is not the repository: there, a package missing from the wheel is found out."""
    return tmp_path_factory.mktemp("elsewhere")


@pytest.fixture(scope="module")
def bin_folder(wheel: Path, elsewhere: Path) -> Path:
    """Where the commands are in an environment that holds the wheel."""
    home = elsewhere / "venv"
    venv.create(home, symlinks=True, with_pip=FETCHED)
    python = home / "bin" / "python"
    if FETCHED:
        run(python, "-m", "pip", "install", "--quiet", f"{wheel}[client]", cwd=elsewhere)
        return home / "bin"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=elsewhere)
    own, borrowed = sysconfig.get_path("purelib", vars={"base": str(home)}), sysconfig.get_path("purelib")
    Path(own, "borrowed.pth").write_text(f"{borrowed}\n")
    command = home / "bin" / "openstack"
    command.write_text(f"#!{python}\nimport sys\nfrom openstackclient.shell import main\nsys.exit(main())\n")
    command.chmod(0o755)
    return home / "bin"


def test_the_wheel_holds_what_it_must_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    folders = {name.partition("/")[0].partition("-")[0] for name in names}
    assert folders == {"scopeproxy"}
    assert {"scopeproxy/py.typed", "scopeproxy/grammar/scope.lark", "scopeproxy/osc/plugin.py"} <= set(names)
    assert [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]
    revisions = {path.name for path in (ROOT / "scopeproxy/execution/migrations").glob("r*.py")}
    assert revisions == {name.rpartition("/")[2] for name in names if "/migrations/r" in name}


def test_the_command_starts(bin_folder: Path, elsewhere: Path) -> None:
    shown = run(bin_folder / "scopeproxy", "--help", cwd=elsewhere)
    assert all(command in shown for command in ("serve", "check", "explain", "demo"))


def test_a_scope_is_parsed_with_the_shipped_grammar(bin_folder: Path, elsewhere: Path) -> None:
    program = "from scopeproxy.lang import parser; print(parser.__file__); print(parser.parse('{nova: Paris&Corte}'))"
    where, scope = run(bin_folder / "python", "-c", program, cwd=elsewhere).splitlines()
    assert Path(where).is_relative_to(elsewhere)
    assert scope == "{compute: Paris&Corte}"


def test_the_openstack_command_has_the_option(bin_folder: Path, elsewhere: Path) -> None:
    assert "--scope" in run(bin_folder / "openstack", "--help", cwd=elsewhere)


def test_the_lowest_versions_are_those_of_setup_cfg() -> None:
    """`tox -e lowest` runs with them; a bound that nobody runs with would be a guess."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    required = setup["options"]["install_requires"] + setup["options.extras_require"]["client"]
    lines = (ROOT / "constraints-lowest.txt").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == required.replace(">=", "==").split()
