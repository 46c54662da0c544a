"""Conditional requests to an application at several sites, on real sockets: each site has versions of its own."""

from __future__ import annotations

import re

import pytest

from tests.edges.conftest import read_body, read_head

BOTH = "docs: Paris&Corte"


class Note:
    """A site's only resource, with a version; `there`: whether it has it at all."""

    def __init__(self, version, there=True):
        self.version, self.there = version, there
        self.heads = []

    @property
    def tag(self):
        return f'"v{self.version}"'

    async def serve(self, reader, writer):
        while True:
            head = (await read_head(reader)).decode()
            body = await read_body(reader, head.encode())
            self.heads.append(head)
            writer.write(self.answer(head, body))

    def answer(self, head, body):
        if not self.there:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"
        must = re.search(r"\r\nIf-Match: (.*)\r\n", head)
        if must and must[1] != "*" and self.tag not in must[1].split(", "):
            return b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 2\r\n\r\n{}"
        if head.startswith("PUT"):
            self.version += 1
        text = f"HTTP/1.1 200 OK\r\nETag: {self.tag}\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n"
        return text.encode() + b'{"id": "n"}'


class Country:
    """A client at Paris, and the note of each site."""

    def __init__(self, wire, notes):
        self._wire, self.notes = wire, notes

    async def ask(self, method, scope=BOTH, **headers):
        """Status, headers and body of an answer."""
        lines = {"Host": "h", "X-Scope": scope, **{name.replace("_", "-"): value for name, value in headers.items()}}
        body = b"" if method in ("GET", "HEAD") else b"{}"
        if body:
            lines |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        answer = await self._wire.ask(f"{method} /notes/n HTTP/1.1\r\n{head}\r\n".encode() + body)
        head, _, body = answer.partition(b"\r\n\r\n")
        status, *rows = head.decode().split("\r\n")
        return int(status.split(" ")[1]), dict(row.split(": ", 1) for row in rows), body.decode()

    def versions(self):
        return {site: note.version for site, note in self.notes.items()}


@pytest.fixture
async def country(stage):
    notes = {"Paris": Note(1), "Corte": Note(7), "Lyon": Note(4)}
    path = stage.sites({name: {"docs": (await stage.back(note.serve)).address} for name, note in notes.items()})
    apps = {name: await stage.proxy(path, name) for name in notes}
    return Country(await stage.wire(apps["Paris"]), notes)


async def test_what_was_read_at_both_is_changed_at_both_and_again_by_the_tag_of_the_answer(country):
    _, headers, _ = await country.ask("GET")
    assert headers["ETag"].startswith('"scope:')
    status, changed, _ = await country.ask("PUT", If_Match=headers["ETag"])
    assert (status, country.versions()) == (200, {"Paris": 2, "Corte": 8, "Lyon": 4})
    assert changed["ETag"] != headers["ETag"]
    status, _, _ = await country.ask("PUT", If_Match=changed["ETag"])
    assert (status, country.versions()) == (200, {"Paris": 3, "Corte": 9, "Lyon": 4})


async def test_a_write_that_was_overtaken_at_one_site_is_a_partial_failure(country):
    _, headers, _ = await country.ask("GET")
    country.notes["Corte"].version += 1
    status, told, body = await country.ask("PUT", If_Match=headers["ETag"])
    assert (status, told["X-Scope-Sites"], told["X-Scope-Partial"]) == (412, "Paris=200, Corte=412", "Corte")
    assert "Paris: done 200" in body
    assert country.versions() == {"Paris": 2, "Corte": 8, "Lyon": 4}


async def test_a_write_that_was_overtaken_everywhere_changes_nothing(country):
    _, headers, _ = await country.ask("GET")
    for site in ("Paris", "Corte"):
        country.notes[site].version += 1
    assert (await country.ask("PUT", If_Match=headers["ETag"]))[0] == 412
    assert country.versions() == {"Paris": 2, "Corte": 8, "Lyon": 4}


async def test_a_client_that_has_all_of_it_is_told_so_and_else_gets_it(country):
    _, headers, _ = await country.ask("GET")
    status, told, body = await country.ask("GET", If_None_Match=headers["ETag"])
    assert (status, told["ETag"], body) == (304, headers["ETag"], "")
    country.notes["Corte"].version += 1
    status, told, body = await country.ask("GET", If_None_Match=headers["ETag"])
    assert (status, body) == (200, '{"id": "n"}')
    assert told["ETag"] != headers["ETag"]


async def test_what_one_site_lacks_is_changed_where_it_is(country):
    country.notes["Corte"].there = False
    _, headers, _ = await country.ask("GET")
    status, told, _ = await country.ask("PUT", If_Match=headers["ETag"])
    assert (status, told["X-Scope-Sites"]) == (200, "Paris=200, Corte=404")


async def test_what_has_come_to_be_meanwhile_is_not_overwritten(country):
    country.notes["Corte"].there = False
    _, headers, _ = await country.ask("GET")
    country.notes["Corte"].there = True
    assert (await country.ask("PUT", If_Match=headers["ETag"]))[0] == 412
    assert country.versions()["Corte"] == 7


@pytest.mark.parametrize(("value", "status"), [('"v1"', 400), ("revision_number=1", 400), ('"scope:eHg"', 400)])
async def test_a_condition_that_is_not_of_all_is_refused_before_anything_is_sent(country, value, status):
    given, headers, body = await country.ask("PUT", If_Match=value)
    assert given == status
    assert "X-Scope-Sites" not in headers
    assert "scope: " in body
    assert not [note for note in country.notes.values() if note.heads]


async def test_a_tag_of_another_scope_is_refused_before_anything_is_sent(country):
    _, headers, _ = await country.ask("GET")
    for note in country.notes.values():
        note.heads.clear()
    status, _, body = await country.ask("PUT", "docs: Paris&Lyon", If_Match=headers["ETag"])
    assert (status, [note for note in country.notes.values() if note.heads]) == (412, [])
    assert "an answer without Lyon" in body


async def test_the_tag_of_several_is_good_at_one_of_them(country):
    _, headers, _ = await country.ask("GET")
    assert (await country.ask("PUT", "docs: Corte", If_Match=headers["ETag"]))[0] == 200
    assert country.versions() == {"Paris": 1, "Corte": 8, "Lyon": 4}
    assert '\r\nIf-Match: "v7"\r\n' in country.notes["Corte"].heads[-1]


async def test_the_tag_of_one_site_is_its_own(country):
    _, headers, _ = await country.ask("GET", "docs: Corte")
    assert headers["ETag"] == '"v7"'
    assert (await country.ask("PUT", "docs: Corte", If_Match='"v7"'))[0] == 200
    assert (await country.ask("PUT", "docs: Corte|Paris", If_Match='"v8"'))[0] == 200
    assert country.versions() == {"Paris": 1, "Corte": 9, "Lyon": 4}


async def test_beside_alternatives_the_one_that_was_read_is_changed(country):
    country.notes["Corte"].there = False
    scope = "docs: Paris & (Corte | Lyon)"
    _, headers, _ = await country.ask("GET", scope)
    status, _, body = await country.ask("PUT", scope, If_Match=headers["ETag"])
    assert (status, country.versions()) == (200, {"Paris": 2, "Corte": 7, "Lyon": 5}), body
    # An alternative that has it by now is not what was read.
    country.notes["Corte"].there = True
    _, headers, _ = await country.ask("GET", "docs: Paris&Lyon")
    status, _, body = await country.ask("PUT", scope, If_Match=headers["ETag"])
    assert (status, country.versions()) == (200, {"Paris": 3, "Corte": 7, "Lyon": 6}), body


async def test_a_part_of_the_answer_has_no_tag(country):
    country.notes["Corte"].answer = lambda *_: b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n{}"
    status, headers, _ = await country.ask("GET")
    assert (status, headers.get("ETag"), headers["X-Scope-Partial"]) == (200, None, "Corte")
