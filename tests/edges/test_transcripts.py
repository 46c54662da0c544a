"""docs/transcripts.md, played: what goes to which site and what comes back, for each row of what `&` gives."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from scopeproxy.edges.app import App
from scopeproxy.edges.config import load
from tests.edges.conftest import Back, Stage, read_body, read_head

DOCS = Path(__file__).parents[2] / "docs"
SITES = ("Paris", "Corte")
POLICIES = {"undo", "keep", "queue"}
ANY = "…"

_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_BLOCK = re.compile(r"^```transcript\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_REQUEST = re.compile(r"(?P<who>\S+) (?P<method>[A-Z]+) (?P<target>/\S*) ?(?P<body>.*)", re.DOTALL)
_ANSWER = re.compile(r"(?P<status>\d{3}) ?(?P<body>.*)", re.DOTALL)
_HEADER = re.compile(r"([A-Z][\w-]+): (.+)")


@dataclass
class Message:
    """A request or an answer: its first line, its body (None: none), and the headers that are told of it."""

    line: str
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Exchange:
    """One request of a client's, what each site is asked meanwhile and answers, and the client's answer.

    `away`, `back`: a site that goes, or comes back, before it; without a `request` what is sent then is waited for.
    """

    away: str = ""
    back: str = ""
    service: str = ""
    request: Message | None = None
    answer: Message | None = None
    asked: dict[str, list[tuple[Message, Message]]] = field(default_factory=lambda: {site: [] for site in SITES})


def transcripts() -> Iterator[tuple[str, str]]:
    text = (DOCS / "transcripts.md").read_text()
    _, *sections = _SECTION.split(text)
    for title, content in zip(sections[::2], sections[1::2], strict=True):
        for block in _BLOCK.findall(content):
            yield title, block


def exchanges(block: str) -> Iterator[Exchange]:
    """What a block tells.  A line of white space and then no header goes on with the one before it."""
    exchange = Exchange()
    last: Message | None = None
    for line in joined(block):
        if found := re.fullmatch(r"(\S+) is (away|back)", line):
            if exchange.request or exchange.back:
                yield exchange
            exchange, last = Exchange(**{found[2]: found[1]}), None
        elif line.startswith("> "):
            if exchange.request or exchange.back:
                yield exchange
                exchange = Exchange()
            exchange.service, exchange.request = request(line[2:])
            last = exchange.request
        elif line.startswith("< "):
            last = exchange.answer = answer(line[2:])
        elif not line.startswith("  "):
            site, asked = request(line)
            last = asked
            exchange.asked[site].append((asked, Message("", None)))
        elif header := _HEADER.fullmatch(line.strip()):
            assert last is not None, line
            last.headers[header[1]] = header[2]
        else:
            site_of = next(site for site in SITES if exchange.asked[site] and exchange.asked[site][-1][0] is last)
            last = answer(line.strip())
            exchange.asked[site_of][-1] = (exchange.asked[site_of][-1][0], last)
    yield exchange


def joined(block: str) -> Iterator[str]:
    """The lines, those that go on put together."""
    whole = ""
    for line in block.splitlines():
        if whole and line.startswith("       "):
            whole += " " + line.strip()
            continue
        if whole:
            yield whole
        whole = line
    yield whole


def request(text: str) -> tuple[str, Message]:
    found = _REQUEST.fullmatch(text)
    assert found, text
    return found["who"], Message(f"{found['method']} {found['target']}", content(found["body"]))


def answer(text: str) -> Message:
    found = _ANSWER.fullmatch(text)
    assert found, text
    return Message(found["status"], content(found["body"]))


def content(text: str) -> Any:
    """JSON, or else text; `…` may stand for any value."""
    try:
        return json.loads(re.sub(rf": {ANY}(?=[,}}\]])", f': "{ANY}"', text)) if text else None
    except ValueError:
        return text


def alike(came: Any, told: Any) -> bool:
    """Whether what came is what is told."""
    if told == ANY:
        return True
    if isinstance(told, str) and told.endswith(ANY):
        return isinstance(came, str) and came.startswith(told[:-1])
    if isinstance(told, dict):
        return (
            isinstance(came, dict) and came.keys() == told.keys() and all(alike(came[key], told[key]) for key in told)
        )
    if isinstance(told, list):
        return isinstance(came, list) and len(came) == len(told) and all(map(alike, came, told))
    return bool(came == told)


def written(first: str, body: Any, headers: dict[str, str]) -> bytes:
    data = b"" if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
    kind = "application/octet-stream" if isinstance(body, str) else "application/json"
    lines = [first, *(f"{name}: {value}" for name, value in headers.items())]
    lines += [f"Content-Type: {kind}"] if data else []
    lines += [] if "204" in first else [f"Content-Length: {len(data)}"]
    return "\r\n".join([*lines, "", ""]).encode() + data


def read(head: bytes, body: bytes) -> Message:
    first, *lines = head.decode().removesuffix("\r\n\r\n").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    if headers.get("Transfer-Encoding") == "chunked":
        body = b"".join(body.split(b"\r\n")[1::2])
    return Message(first, content(body.decode()), headers)


class Play:
    """Proxies of both sites before services that answer as is told."""

    def __init__(self, stage: Stage, path: Path, stack: AsyncExitStack, backs: dict[str, Back]) -> None:
        self._stage, self._path, self._stack = stage, path, stack
        self._apps: dict[str, App] = {}
        self.came: dict[str, list[Message]] = {site: [] for site in SITES}
        self.due: dict[str, list[Message]] = {site: [] for site in SITES}
        for site, back in backs.items():
            back.script = self._script(site)

    def _script(self, site: str) -> Any:
        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                head = await read_head(reader)
                self.came[site].append(read(head, await read_body(reader, head)))
                one = self.due[site].pop(0) if self.due[site] else Message("500", None)
                writer.write(written(f"HTTP/1.1 {one.line} X", one.body, one.headers))

        return script

    async def up(self, site: str) -> None:
        self._apps[site] = App(load(self._path), site)
        await self._apps[site].start()

    async def down(self, site: str) -> None:
        await self._apps.pop(site).stop()

    async def down_all(self) -> None:
        for site in tuple(self._apps):
            await self.down(site)

    async def ask(self, one: Message) -> Message:
        (front,) = self._apps["Paris"].house.here.services.values()
        wire = await self._stage.wire(front.socket)
        came = await wire.ask(written(f"{one.line} HTTP/1.1", one.body, {"Host": "h", **one.headers}))
        wire.leave()
        head, mark, body = came.partition(b"\r\n\r\n")
        return read(head + mark, body)

    async def until_all_came(self, asked: dict[str, list[tuple[Message, Message]]]) -> None:
        async with asyncio.timeout(20):
            while any(len(self.came[site]) < len(asked[site]) for site in SITES):
                await asyncio.sleep(0.01)


BLOCKS = list(transcripts())


@pytest.mark.parametrize(("title", "block"), BLOCKS, ids=[title.replace(" ", "-") for title, _ in BLOCKS])
async def test_it_goes_as_it_is_told(stage: Stage, title: str, block: str) -> None:
    told = list(exchanges(block))
    services = {one.service for one in told if one.service}
    async with AsyncExitStack() as stack:
        backs = {site: await stage.back() for site in SITES}
        sites = {site: dict.fromkeys(services, back.address) for site, back in backs.items()}
        own = {"services": {"docs": {}}} if services == {"docs"} else {"services": {}}
        play = Play(stage, stage.sites(sites, **own), stack, backs)
        stack.push_async_callback(play.down_all)
        for site in SITES:
            await play.up(site)
        for exchange in told:
            await one_exchange(play, exchange)


async def one_exchange(play: Play, exchange: Exchange) -> None:
    play.came = {site: [] for site in SITES}
    play.due = {site: [answered for _, answered in exchange.asked[site]] for site in SITES}
    if exchange.away:
        await play.down(exchange.away)
    if exchange.back:
        await play.up(exchange.back)
    if exchange.request is not None:
        came, told = await play.ask(exchange.request), exchange.answer
        assert told is not None
        assert came.line.split(" ")[1] == told.line, came
        assert alike(came.body, told.body), json.dumps(came.body)
        marks = {name: value for name, value in came.headers.items() if name.startswith("X-Scope-")}
        marks.pop("X-Scope-Request-Id", None)
        wanted = {name: value for name, value in told.headers.items() if name.startswith("X-Scope-")}
        assert marks == wanted
        assert {name: came.headers.get(name) for name in told.headers} == told.headers
    await play.until_all_came(exchange.asked)
    for site in SITES:
        lines = [one.line.removesuffix(" HTTP/1.1") for one in play.came[site]]
        assert lines == [asked.line for asked, _ in exchange.asked[site]], site
        for one, (asked, _) in zip(play.came[site], exchange.asked[site], strict=True):
            assert alike(one.body, asked.body), (site, one)
            assert {name: one.headers.get(name) for name in asked.headers} == asked.headers


def test_every_row_and_every_policy_has_a_transcript() -> None:
    language = (DOCS / "language.md").read_text()
    table = language.partition("<!-- generated: merges -->")[2].partition("<!-- end -->")[0]
    rows = {line.split("|")[1].strip() for line in table.strip().splitlines()[2:]}
    titles = {title for title, _ in BLOCKS}
    assert "list" in rows
    assert rows | POLICIES | {"references", "a service of one's own"} == titles
