"""Rewrites the generated parts of the pages in this folder from the tables in the code.

    python -m docs.generate            rewrite what is stale, and tell which pages were
    python -m docs.generate --check    only tell; exit code 1 when something is stale

A generated part stands between `<!-- generated: NAME -->` and `<!-- end -->`; NAME is a key of PARTS.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from os_service_types import ServiceTypes

from scopeproxy import errors
from scopeproxy.errors import ScopeError, ScopeProxyError
from scopeproxy.lang.mistakes import CHARACTERS, MISTAKES
from scopeproxy.lang.parser import parse
from scopeproxy.lang.vocabulary import Vocabulary, openstack_services
from scopeproxy.model.messages import Held, Request
from scopeproxy.model.services import SERVICES
from scopeproxy.model.topology import Address, Endpoint, Site, Topology, Url
from scopeproxy.planning import (
    merging,
    natural_keys,
    reference_fields,
    reference_targets,
    rules,
    verdicts,
    volatile,
    writable,
)
from scopeproxy.planning.intent import GENERAL, ROWS, Kind, classify
from scopeproxy.planning.items import NATURAL
from scopeproxy.planning.plan import AllOf, Refuse, Work
from scopeproxy.planning.planner import NEGOTIATED, make_plan
from scopeproxy.planning.sorting import ASCENDING

ROOT = Path(__file__).resolve().parent.parent

_MARKED = re.compile(r"(<!-- generated: ([a-z-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def rewritten(page: str, but: Collection[str] = ()) -> str:
    """The page with each generated part, but for these, as the code has it now."""

    def part(found: re.Match[str]) -> str:
        return found[0] if found[2] in but else f"{found[1]}\n{PARTS[found[2]]()}\n\n{found[4]}"

    return _MARKED.sub(part, page)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as GitHub reads it, where `|` ends a cell even inside of code."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


def code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


# ---- the language


def wrong_scopes() -> str:
    rows = [(f"`{one.examples[0][0]}`", one.advice) for one in MISTAKES if one.start == "scope"]
    return table(("a text such as", "is answered"), rows)


def characters() -> str:
    told: dict[str, list[str]] = {}
    for character, advice in CHARACTERS.items():
        shown = "a no-break space" if character == "\u00a0" else f"`{character}`"
        told.setdefault(advice, []).append(shown)
    return table(("character", "is answered"), [(" ".join(all_), advice) for advice, all_ in told.items()])


def shown_errors() -> str:
    """What a mistake looks like, where the sites are known."""
    known = Vocabulary(sites=frozenset({"Paris", "Corte", "Lausanne"}), groups=frozenset({"France"}))
    texts = ("{nova: Paris&}", "{nova: Pari}", "{glnace: Corte}", "{nova: France}", "{nova: Paris, compute: Corte}")
    return "\n".join(("```text", *(_error(text, known) for text in texts), "```"))


def _error(text: str, vocabulary: Vocabulary) -> str:
    try:
        parse(text, vocabulary)
    except ScopeError as error:
        return str(error)
    raise AssertionError(f"{text} is not wrong")


# ---- requests


def general_requests() -> str:
    rows = [(method, on_many.value, on_one.value) for method, (on_many, on_one) in GENERAL.items()]
    return table(("method", "on a collection", "on one resource, or beneath it"), rows)


def special_requests() -> str:
    """The exceptions, by kind."""
    told: dict[tuple[str, str], list[str]] = {}
    for services, methods, path, kind in ROWS:
        key = (kind.value, ", ".join(sorted(services)))
        told.setdefault(key, []).append(f"{'/'.join(sorted(methods)) if methods else 'any'} {path}")
    return table(("kind", "services", "requests"), [(kind, names, code(all_)) for (kind, names), all_ in told.items()])


# ---- `|`


def verdict_table() -> str:
    # A list is no write.
    rows = [
        (row.outcome, row.reads.value, "–" if row is verdicts.EMPTY else row.writes.value) for row in verdicts.TABLE
    ]
    return table(("outcome at a site", "reads", "writes"), rows)


# ---- `&`

# A request of each kind, to see by the planner what `&` makes of it.
EXAMPLES: Mapping[Kind, Request] = {
    Kind.LIST: Request("compute", "GET", "/v2.1/servers/detail"),
    Kind.SHOW: Request("compute", "GET", "/v2.1/servers/vm1"),
    Kind.CREATE: Request("compute", "POST", "/v2.1/os-keypairs", body=Held(b"{}")),
    Kind.UPDATE: Request("network", "PUT", "/v2.0/networks/net1", body=Held(b"{}")),
    Kind.DELETE: Request("compute", "DELETE", "/v2.1/servers/vm1"),
    Kind.ACTION: Request("compute", "POST", "/v2.1/servers/vm1/action", body=Held(b'{"reboot": {}}')),
    Kind.UPLOAD: Request("image", "PUT", "/v2/images/cirros/file"),
    Kind.DOWNLOAD: Request("image", "GET", "/v2/images/cirros/file"),
    Kind.DISCOVERY: Request("compute", "GET", "/v2.1"),
    Kind.TOTALS: Request("compute", "GET", "/v2.1/limits"),
    Kind.LOGIN: Request("identity", "POST", "/v3/auth/tokens"),
    Kind.TOKEN: Request("identity", "GET", "/v3/auth/tokens"),
    Kind.CONSOLE: Request("compute", "POST", "/v2.1/servers/vm1/remote-consoles", body=Held(b"{}")),
}

# These two never come to a merge: execution/identity_calls.py carries them out.
_ABOUT_TOKENS = {
    Kind.LOGIN: "A login at every site of the scope; one token to the client (identity.md).",
    Kind.TOKEN: "Never fanned out: the site that issued the token is asked.",
}


def _site(name: str) -> Site:
    end = Endpoint(Url("http", Address("127.0.0.1", 80)))
    return Site(name, name, dict.fromkeys(SERVICES, end))


TWO_SITES = Topology({name: _site(name) for name in ("Paris", "Corte")})


def merge_table() -> str:
    rows = [(kind.value, f"`{one.method} {one.target}`", together(one)) for kind, one in EXAMPLES.items()]
    return table(("kind", "for example", "with `&`"), rows)


def together(request: Request) -> str:
    """What `&` makes of a request, as the planner says."""
    intent = classify(request)
    if intent.kind in _ABOUT_TOKENS:
        return _ABOUT_TOKENS[intent.kind]
    scope = parse(f"{{{request.service}: Paris & Corte}}")
    plan = make_plan(Work(request, intent, scope, "Paris"), TWO_SITES)
    if isinstance(plan, Refuse):
        return _refused(plan.error, request)
    assert isinstance(plan, AllOf)
    return paragraph(merging.MERGES[intent.kind].__doc__)


def _refused(error: ScopeProxyError, request: Request) -> str:
    told = str(error).removeprefix("scope: ").removeprefix(f"{request.method} {request.path}: ")
    return f"{error.status}: {told}."


def natural_table() -> str:
    told: dict[str, list[str]] = {}
    for service, collection in NATURAL:
        told.setdefault(service, []).append(collection)
    return table(("service", "collections"), [(service, code(names)) for service, names in told.items()])


def sorting() -> str:
    return (
        f"Where the request tells no direction, ascending is meant by {', '.join(sorted(ASCENDING))}; "
        "descending by all others."
    )


def negotiated() -> str:
    return f"This concerns {', '.join(sorted(NEGOTIATED))}."


# ---- replicas


def volatile_table() -> str:
    rows = [(_any(service), _any(collection), code(names)) for service, collection, names in volatile.ROWS]
    return table(("service", "collection", "not compared"), rows)


def writable_table() -> str:
    rows = [(one.service, one.collection, *_written(one)) for one in writable.ROWS.values()]
    return table(("service", "collection", "made with", "set", "by"), rows)


def _written(row: writable.Row) -> tuple[str, str, str]:
    beneath, owner = [one.field for one in row.beneath], [row.owner] if row.owner else []
    data = f"; its {row.data}" if row.data else ""
    made = code([*row.made_with, *owner, *beneath]) + data if row.made_with else "not made again"
    set_ = code([*row.set_with, *beneath]) + (f" but {code(row.once)}" if row.once else "")
    verbs = [row.verb] if row.verb else []
    calls = [*verbs, *(f"{one.method} …/{one.path}" for one in row.beneath)]
    return made, set_ or "-", code(calls) or "-"


# ---- references and collaborations


def references_table() -> str:
    told: dict[tuple[str, str, str], list[str]] = {}
    for service, collection, field, to_service, to_collection in reference_fields.BODIES:
        to = f"{to_service} {to_collection}" if to_service else f"what {_holders(field)} tells"
        told.setdefault((_any(service), _any(collection), to), []).append(field)
    rows = [(service, collection, code(fields), to) for (service, collection, to), fields in told.items()]
    return table(("service", "collection", "field of the body", "names one of"), rows)


def _any(name: str) -> str:
    return "any" if name == "*" else name


def _holders(field: str) -> str:
    """Which field beside it tells what the ids in a field of the body refer to."""
    beside = {"uuid": "source_type", "value": "path", "object_id": "object_type", "resource_id": "resource_type"}
    return f"its `{beside[field.rpartition('.')[2]]}`"


def queries_table() -> str:
    told: dict[tuple[str, str, str], list[str]] = {}
    for service, collection, key, to, of in reference_targets.QUERIES:
        told.setdefault((_any(service), _any(collection), f"{to} {of}"), []).append(f"?{key}=")
    rows = [(service, collection, code(keys), to) for (service, collection, to), keys in told.items()]
    return table(("service", "collection", "filter", "names one of"), rows)


def paths_table() -> str:
    rows = [(service, f"`{part}/*`", f"{to} {of}") for service, part, to, of in reference_targets.PATHS]
    related = [
        (service, " ".join(f"`{part}/*`" for part in sorted(parts)), "several in one path: each its own")
        for service, parts in reference_targets.RELATIONS.items()
    ]
    return table(("service", "part of the path", "names one of"), (*rows, *related))


def names_table() -> str:
    told: dict[str, list[str]] = {}
    for one in natural_keys.NAMINGS.values():
        told.setdefault(one.service, []).append(f"{one.collection}{' (default domain)' if one.of_domain else ''}")
    return table(("service", "found by name"), [(service, ", ".join(names)) for service, names in told.items()])


def collaborations() -> str:
    rows = [(f"{row.caller} with {row.partner} elsewhere", row.reason, row.remedy, row.substrate) for row in rules.ROWS]
    return table(("refused", "because", "remedy", "lifted by `shares:`"), rows)


def lonely() -> str:
    return "\n".join(f"- {one.what.rstrip(',')}" for one in rules.LONELY)


# ---- services


def services_table() -> str:
    rows = []
    for row in SERVICES.values():
        calls = "any" if row.calls is None else ", ".join(sorted(row.calls)) or "nobody"
        rows.append((row.type, code(_names(row.type)), row.fault, calls))
    return table(("service type", "also called", "error bodies as", "calls on its user's behalf"), rows)


# What these say depends on the release of os-service-types as well.
BY_THE_PUBLISHED_LIST = ("services", "other-services")


def published() -> str:
    """The day of the list of services that is installed here."""
    day: str = ServiceTypes().version.partition("T")[0]
    return f"The list is that of {day}."


def other_services() -> str:
    others = sorted({type_ for type_ in openstack_services().values() if type_ not in SERVICES})
    told = wrapped(f"{one} ({code(_names(one))})" if _names(one) else one for one in others)
    return f"{told}\n\n{published()}"


def _names(service_type: str) -> list[str]:
    return sorted(
        name for name, type_ in openstack_services().items() if type_ == service_type and name != service_type
    )


def wrapped(items: Iterable[str], width: int = 118) -> str:
    """The items, separated by commas, in lines of that width."""
    lines = [""]
    for item in [f"{item}," for item in items]:
        if lines[-1] and len(lines[-1]) + len(item) + 1 > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {item}".strip()
    return "\n".join(lines)[:-1] + "."


# ---- errors


def errors_table() -> str:
    rows = []
    for one in _classes(ScopeProxyError):
        rows.append((f"`{one.__name__}`", _status(one), paragraph(one.__doc__)))
    return table(("error", "HTTP status", "meaning"), rows)


def _classes(root: type[ScopeProxyError]) -> Iterator[type[ScopeProxyError]]:
    for one in root.__subclasses__():
        if one.__module__ == errors.__name__:
            yield one
            yield from _classes(one)


def _status(one: type[ScopeProxyError]) -> str:
    if one is errors.SiteFailure:
        return "502, 503, 504"
    return "none: nothing starts" if one is errors.ConfigurationError else str(one.status)


# ---- the source tree

# In the order of the imports: each may import those above it.
LAYERS = {
    "scopeproxy": "errors, for all",
    "grammar": "installed as scopeproxy.grammar",
    "scopeproxy/lang": "LANGUAGE: text to values and back",
    "scopeproxy/model": "VOCABULARY: what is talked about",
    "scopeproxy/planning": "DECISIONS: pure and synchronous",
    "scopeproxy/execution": "EFFECTS: asynchronous",
    "scopeproxy/execution/migrations": "EFFECTS: the form of the ledger, revision by revision",
    "scopeproxy/execution/passthrough": "EFFECTS: the fast path, for calls that pass untouched",
    "scopeproxy/execution/tokens": "EFFECTS: tokens for other sites",
    "scopeproxy/edges": "DOORS: sockets, files, commands",
    "cli_plugin": "the client's side, installed as scopeproxy.osc; imports errors, lang and model at most",
    "scopeproxy/emulator": "several sites for the demo and the tests; imports errors, lang and model at most",
}


def modules() -> str:
    return "\n\n".join(_layer(folder, told) for folder, told in LAYERS.items())


def _layer(folder: str, told: str) -> str:
    sources = [path for path in sorted((ROOT / folder).glob("*")) if path.suffix in (".py", ".lark")]
    rows = [(f"`{path.name}`", about(path)) for path in sources if path.stem != "__init__"]
    return f"**`{folder}/`** {told}\n\n{table(('module', 'holds'), rows)}"


def layers() -> str:
    """Which layer imports which, as the sources do."""
    rows = []
    for folder in ("lang", "model", "planning", "execution", "edges", "emulator"):
        names = [name.split(".") for _, name in _imports(ROOT / "scopeproxy" / folder)]
        known = {name[1] for name in names if name[0] == "scopeproxy" and len(name) > 1}
        rows.append((folder, ", ".join(sorted(known - {folder}))))
    return table(("layer", "imports"), rows)


_FOREIGN = ("aiohttp", "sqlalchemy", "lark", "yaml", "prometheus_client", "cryptography", "os_service_types")


def libraries() -> str:
    """Which modules know which library."""
    known: dict[str, dict[str, None]] = {library: {} for library in _FOREIGN}
    for path, name in _imports(ROOT / "scopeproxy"):
        library = name.partition(".")[0]
        if library in known and "emulator" not in path.parts:
            known[library][str(path.relative_to(ROOT / "scopeproxy"))] = None
    return table(("library", "is known to"), [(library, code(sorted(paths))) for library, paths in known.items()])


def _imports(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every module that the sources below a folder import, with who imports it."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                yield path, node.module
            elif isinstance(node, ast.Import):
                yield from ((path, alias.name) for alias in node.names)


def about(path: Path) -> str:
    """The first sentence of a module's docstring; of the grammar, its first comment."""
    text = path.read_text("utf-8")
    if path.suffix == ".lark":
        return first_sentence(text.partition("\n")[0].removeprefix("//").strip())
    return first_sentence(ast.get_docstring(ast.parse(text)))


def paragraph(docstring: str | None) -> str:
    return " ".join((docstring or "").partition("\n\n")[0].split())


def first_sentence(docstring: str | None) -> str:
    whole = paragraph(docstring)
    found = re.match(r".*?\.(?= |$)", whole)
    return found[0] if found else whole


# ---- the suite on OpenStack, which imports openstacksdk: only when its parts are made


def strategies_table() -> str:
    from tests.openstack.strategies import STRATEGIES
    from tests.openstack.table import strategies_rows

    return table(("what", *(f"*{name}*" for name in STRATEGIES)), strategies_rows())


def real_only() -> str:
    from tests.openstack.table import real_only_rows

    rows = [(code([name]), why) for name, why in real_only_rows()]
    return table(("case", "why"), rows) if rows else "None: the embedded cloud plays all of them."


PARTS: Mapping[str, Callable[[], str]] = {
    "wrong-scopes": wrong_scopes,
    "characters": characters,
    "shown-errors": shown_errors,
    "general-requests": general_requests,
    "special-requests": special_requests,
    "verdicts": verdict_table,
    "merges": merge_table,
    "natural-keys": natural_table,
    "sorting": sorting,
    "negotiated": negotiated,
    "references": references_table,
    "queries": queries_table,
    "paths": paths_table,
    "names": names_table,
    "collaborations": collaborations,
    "lonely": lonely,
    "services": services_table,
    "other-services": other_services,
    "errors": errors_table,
    "layers": layers,
    "libraries": libraries,
    "modules": modules,
    "strategies": strategies_table,
    "real-only": real_only,
    "volatile": volatile_table,
    "writable": writable_table,
}


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def main(arguments: Sequence[str]) -> int:
    """Rewrite the pages, or (`--check`) tell which are stale."""
    stale = [page for page in pages() if rewritten(page.read_text("utf-8")) != page.read_text("utf-8")]
    for page in stale:
        print(f"{page.relative_to(ROOT)} {'is stale' if '--check' in arguments else 'was rewritten'}")
        if "--check" not in arguments:
            page.write_text(rewritten(page.read_text("utf-8")), "utf-8")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
