"""What the documents show is what the code does: generated parts, examples, names, links."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest
from lark import Lark

from scopeproxy.edges.cli import main
from scopeproxy.edges.config import parse_topology
from scopeproxy.edges.settings import STRATEGIES
from scopeproxy.errors import BadCollaboration
from scopeproxy.execution import ledger_rows
from scopeproxy.execution.tokens import broker
from scopeproxy.execution.tokens.broker import Asked, Grant, NotThis
from scopeproxy.execution.tokens.vouching import Vouching
from scopeproxy.lang.names import MOST_SITES
from scopeproxy.lang.parser import parse, parse_command_line
from scopeproxy.lang.source import MOST_BYTES, MOST_LEVELS
from scopeproxy.lang.vocabulary import OPENSTACK, Vocabulary
from scopeproxy.lang.wire import Options
from scopeproxy.model import messages, services
from scopeproxy.model.identity import Identity, Token
from scopeproxy.model.messages import Held, Reply, Request, Unreached
from scopeproxy.model.topology import Topology
from scopeproxy.planning import carriers, merging, rules, signing, strategies
from scopeproxy.planning.intent import Kind, classify
from scopeproxy.planning.planner import MAX_HOPS
from scopeproxy.planning.rewriting import SCOPE_REQUEST, SCOPE_RESPONSE
from scopeproxy.planning.scoped_paths import scope_of, text_of

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
OURS = [ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in (
    "README", "architecture", "extending", "identity", "language"))]  # fmt: skip


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def shown(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ---- generated parts


def test_the_generated_parts_are_what_the_tables_give(generate: ModuleType) -> None:
    other_list = generate.published() not in text("docs/language.md")
    but = generate.BY_THE_PUBLISHED_LIST if other_list else ()
    pages = {page.name: page.read_text("utf-8") for page in generate.pages()}
    stale = [name for name, page in pages.items() if generate.rewritten(page, but) != page]
    assert not stale, "run python -m docs.generate"


def test_every_part_is_on_a_page_and_closed(generate: ModuleType) -> None:
    whole = "".join(page.read_text("utf-8") for page in generate.pages())
    begun = re.findall(r"<!-- generated: ([a-z-]+) -->", whole)
    assert set(begun) == set(generate.PARTS)
    assert len(begun) == whole.count("<!-- end -->")


def test_every_kind_of_request_has_an_example_of_that_kind(generate: ModuleType) -> None:
    assert {kind: classify(request).kind for kind, request in generate.EXAMPLES.items()} == {k: k for k in Kind}


def test_every_module_is_in_the_architecture() -> None:
    listed = set(re.findall(r"^\| `([a-z0-9_]+\.(?:py|lark))`", text("docs/architecture.md"), re.MULTILINE))
    folders = [ROOT / "scopeproxy", ROOT / "cli_plugin", ROOT / "grammar"]
    sources = [path for folder in folders for path in folder.rglob("*.*") if path.suffix in (".py", ".lark")]
    assert listed == {path.name for path in sources} - {"__init__.py"}


# ---- scopes


def test_every_scope_in_a_path_is_read() -> None:
    segments = re.findall(r"/scope/([^/\s<]+)/identity", text("docs/other-clients.md"))
    assert len(segments) > 5
    for segment in segments:
        scope_of(text_of(segment), {"everywhere": "nova: all(*)"}, OPENSTACK)


def test_every_example_of_a_named_scope_is_read(tmp_path: Path) -> None:
    page = text("docs/operating.md").partition("### Named scopes")[2]
    (example,) = re.findall(r"\n((?: {4}.*\n)+)", page.partition("### ")[0])
    sites = "".join(
        f"  {name}: {{labels: {{c: France}}, services: {{nova: {{front: 'http://127.0.{n}.1:1'}}}}}}\n"
        for n, name in enumerate(("Paris", "Corte"), 1)
    )
    read = parse_topology(f"sites:\n{sites}{dedent(example)}", "sites.yaml", tmp_path)
    assert set(read.scopes) == {"everywhere", "both", "france"}
    assert read.regions == {"france": "France"}


def examples() -> list[str]:
    blocks = shown(text("docs/language.md"), "scope")
    return [re.split(r" {3,}", line)[0] for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("example", examples())
def test_every_scope_of_the_language_reference_is_read(example: str) -> None:
    scope = parse(example)
    assert parse(str(scope)) == scope


def printed() -> list[list[str]]:
    return [
        re.split(r" +→ +", line) for block in shown(text("docs/language.md"), "printed") for line in block.splitlines()
    ]


@pytest.mark.parametrize(("written", "as_printed"), printed())
def test_scopes_print_as_the_language_reference_shows(written: str, as_printed: str) -> None:
    known = Vocabulary(own=frozenset({"our app"}))
    assert str(parse(written, known)) == as_printed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_scope_on_a_command_line_is_read(page: Path) -> None:
    for option in re.findall(r"^\$ .*--scope '([^']+)'", page.read_text("utf-8"), re.MULTILINE):
        parse_command_line([option])


def test_the_headers_and_options_are_those_of_the_code() -> None:
    page = text("docs/language.md")
    assert set(re.findall(r"^\| `(X-Scope[A-Za-z-]*)`", page, re.MULTILINE)) == {*SCOPE_REQUEST, *SCOPE_RESPONSE}
    named = {
        name.replace("-", "_") for name in re.findall(r"^\| `(on-partial|strict|timeout|settle)", page, re.MULTILINE)
    }
    assert named == set(Options.__slots__)


def test_the_numbers_are_those_of_the_code() -> None:
    language, architecture = text("docs/language.md"), text("docs/architecture.md")
    assert f"{MOST_BYTES:,} bytes, {MOST_LEVELS} levels of parentheses and {MOST_SITES:,} different" in language
    assert f"has travelled over more than {MAX_HOPS}," in language
    assert f"Clocks may be {signing.WINDOW} s apart" in architecture
    assert f"over {carriers.MAX_TAG:,} characters" in architecture
    assert f"req-{carriers.REQUEST_ID_MARK}-" in architecture
    assert f"<token>{carriers.SEPARATOR}<payload>" in architecture


def test_what_is_stored_is_told() -> None:
    told = set(re.findall(r"^\| `([a-z_]+)` \|.*\|.*\|$", text("docs/identity.md"), re.MULTILINE)) - set(STRATEGIES)
    assert told == set(ledger_rows.schema.tables) - {"alembic_version"}


def test_the_strategies_are_those_of_the_topology() -> None:
    assert set(STRATEGIES) <= set(re.findall(r"^\| `([a-z_]+)` \|", text("docs/identity.md"), re.MULTILINE))


# ---- the first scoped call


@pytest.fixture
def sites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Topology:
    """The topology file of README.md, in the current directory, and what it says."""
    (file,) = shown(text("README.md"), "yaml")
    (tmp_path / "sites.yaml").write_text(file)
    monkeypatch.chdir(tmp_path)
    return parse_topology(file, "sites.yaml", tmp_path)


def test_the_topology_of_the_readme_is_right(sites: Topology) -> None:
    assert [site.name for site in sites] == ["Paris", "Corte"]
    assert all(end.back and end.back.path == end.front.path for site in sites for end in site.services.values())
    assert main(["check", "sites.yaml"]) == 0


def test_scopeproxy_answers_as_the_readme_shows(sites: Topology, capsys: pytest.CaptureFixture[str]) -> None:
    found = re.findall(r"^\$ scopeproxy explain (.*)\n((?:(?!\$|```).*\n)+)", text("README.md"), re.MULTILINE)
    assert found
    for command, answer in found:
        arguments = re.findall(r"'([^']*)'|(\S+)", command)
        assert main(["explain", *(quoted or plain for quoted, plain in arguments)]) == 0
        assert capsys.readouterr().out == answer


# ---- names and links


@pytest.mark.parametrize("page", OURS, ids=lambda page: page.name)
def test_every_function_that_is_named_exists(page: Path) -> None:
    named = re.findall(
        r"`((?:lang|model|planning|execution|edges)(?:\.[a-z_]+)+(?:\.[A-Za-z_]+)*)`", page.read_text("utf-8")
    )
    assert [name for name in named if not exists(f"scopeproxy.{name}")] == []


def exists(name: str) -> bool:
    """Whether a dotted name leads to a module, or to something in one."""
    parts = name.split(".")
    for length in range(len(parts), 1, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


@pytest.mark.parametrize("page", OURS, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    written = page.read_text("utf-8")
    links = re.findall(r"\]\(((?!https?:)[^)\s]+)\)", written)
    missing = [link for link in links if not leads_somewhere(page, link)]
    assert missing == []


def leads_somewhere(page: Path, link: str) -> bool:
    path, _, fragment = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return False
    return not fragment or fragment in {
        anchor(title) for title in re.findall(r"^#+ (.*)", target.read_text("utf-8"), re.M)
    }


def anchor(title: str) -> str:
    """The name that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_target_of_make_exists(page: Path) -> None:
    named = set(re.findall(r"(?:^    |`)make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE))
    assert named <= set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))


def test_a_release_note_is_one_item() -> None:
    for note in (ROOT / "releasenotes" / "notes").iterdir():
        assert re.fullmatch(r"[a-z0-9-]+\.(upgrade|feature|fix)\.md", note.name)
        assert re.findall(r"^\S", note.read_text("utf-8"), re.MULTILINE) == ["-"], note.name


@pytest.mark.parametrize("page", OURS, ids=lambda page: page.name)
def test_lines_are_short(page: Path) -> None:
    lines = re.sub(r"<!-- generated.*?<!-- end -->", "", page.read_text("utf-8"), flags=re.DOTALL).splitlines()
    assert [line for line in lines if len(line) > 120 and not line.startswith("|")] == []


# ---- docs/extending.md, applied


def block(name: str) -> str:
    (found,) = shown(text("docs/extending.md"), f"python {name}")
    return dedent(found)


def row(name: str, module: ModuleType) -> Any:
    return eval(block(name), dict(vars(module)))


def test_a_service_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    new = row("service", services)
    assert parse("{mistral: Paris}") == parse("{workflow: Paris}")
    assert services.needs(new.type) is None or new.type not in services.SERVICES
    monkeypatch.setitem(services.SERVICES, new.type, new)
    needed = services.needs("workflow")
    assert needed is not None
    assert {"workflow", "identity", "compute", "placement"} <= needed
    assert "orchestration" not in needed


def test_a_bad_collaboration_is_a_row(monkeypatch: pytest.MonkeyPatch, generate: ModuleType) -> None:
    scope, two = parse("{nova: Paris, barbican: Corte}"), generate.TWO_SITES
    rules.refuse(None, None, scope, "Paris", two)
    monkeypatch.setattr(rules, "ROWS", (*rules.ROWS, row("collaboration", rules)))
    with pytest.raises(BadCollaboration, match="the key of an encrypted volume"):
        rules.refuse(None, None, scope, "Paris", two)
    attach = Request("compute", "POST", "/v2.1/servers/1/os-volume_attachments", body=Held(b"{}"))
    half = parse("{barbican: Corte}")
    with pytest.raises(BadCollaboration):
        rules.refuse(attach, classify(attach), half, "Paris", two)
    rules.refuse(None, None, half, "Paris", two)
    assert "key-manager" in rules.substrates("compute")


def test_a_merge_rule_is_a_function_and_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    names = dict(vars(merging))
    exec(block("merge"), names)
    request = Request("compute", "GET", "/v2.1/limits")
    intent = classify(request)
    answers: list[messages.Outcome] = [
        Reply(
            "Paris", 200, (), json.dumps({"limits": {"absolute": {"maxTotalCores": 20, "maxImageMeta": -1}}}).encode()
        ),
        Reply("Corte", 200, (), json.dumps({"limits": {"absolute": {"maxTotalCores": 5, "maxImageMeta": 3}}}).encode()),
        Unreached("Nice", False, "no connection"),
    ]
    built = merging.merge(request, intent, answers)
    monkeypatch.setattr(merging, "MERGES", {**merging.MERGES, Kind.TOTALS: names["_totals"]})
    merged = merging.merge(request, intent, answers)
    assert merged == built
    assert merged.reply.json["limits"] == {"absolute": {"maxTotalCores": 25, "maxImageMeta": 3}}
    assert merged.partial == ("Nice",)


async def test_a_token_strategy_is_a_class() -> None:
    names: dict[str, Any] = {**vars(broker), "Vouching": Vouching, "Mapping": Mapping}
    exec(block("strategy"), names)

    class Vouched:
        async def identity(self, asked: Asked) -> Identity:
            return Identity("alice", "demo", 2e9)

    federated = names["FederatedStrategy"](Vouched(), {"Corte": Token("robot's")})
    asked = Asked("image", "Corte", Token("secret"), "Paris", "Paris")
    assert await federated.grant(asked) == Grant(Token("robot's"))
    assert await federated.grant(replace(asked, site="Nice")) == NotThis("the federation has no token of Nice")
    assert names["FederatedStrategy"].name in strategies.WHY_NOT


def test_an_operator_begins_in_the_grammar() -> None:
    (diff,) = shown(text("docs/extending.md"), "diff")
    lines = diff.splitlines()
    (old,) = [line[1:] for line in lines if line.startswith("-")]
    new = "\n".join(line[1:] for line in lines if line.startswith("+"))
    grammar = text("grammar/scope.lark")
    assert f"\n{old}\n" in grammar
    lark = Lark(grammar.replace(old, new), parser="lalr", start="scope", maybe_placeholders=False)
    tree = lark.parse("{nova: Paris ^ Corte & Nice | Lille}")
    (quickest,) = tree.find_data("quickest")
    assert len(quickest.children) == 2
    assert [found.data for found in tree.find_data("together")] == ["together"]
