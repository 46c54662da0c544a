"""What is asked of the sites, what is made of their answers, and what is mended, against scripted sites."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from scopeproxy.execution.auditing import AT_ONCE, PATIENCE, Auditing
from scopeproxy.execution.ledger import Ledger
from scopeproxy.execution.replicas import Replicas
from scopeproxy.model.messages import Held, Outcome, Reply, Request, Unreached, json_reply
from scopeproxy.planning.audit import Finding, State
from scopeproxy.planning.replica_news import ReplicaSet

P, C, M = (f"{n}0000000-0000-4000-8000-000000000000" for n in (1, 2, 3))
NEW, OTHER = (f"{n}0000000-0000-4000-8000-000000000000" for n in (8, 9))
IMAGE = ReplicaSet("image", "images", {"Paris": P, "Corte": C})


@dataclass
class Data:
    """A download."""

    chunks: list[bytes]
    closed: bool = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            yield chunk

    async def aclose(self) -> None:
        self.closed = True


@dataclass
class Sites:
    """Sites with things below paths; what was written there is kept."""

    things: dict[tuple[str, str], Any] = field(default_factory=dict)
    lists: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    answers: dict[tuple[str, str, str], Outcome] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    written: list[tuple[str, str, Any]] = field(default_factory=list)
    data: Data = field(default_factory=lambda: Data([b"ab", b"cd"]))

    async def ask(self, site: str, request: Request, stream: bool = False) -> Outcome:
        self.asked.append(f"{site} {request.method} {request.target}")
        if site in self.down:
            return Unreached(site, False, "connection refused")
        known = self.answers.get((site, request.method, request.path))
        if known is not None:
            return known
        if request.method != "GET":
            held = isinstance(request.body, Held)
            body = request.json if held else b"".join([chunk async for chunk in request.body.open()])
            self.written.append((site, f"{request.method} {request.path}", body))
            return json_reply(site, 201, {"id": NEW}) if request.method == "POST" else json_reply(site, 200, {})
        if stream:
            return Reply(site, 200, (("Content-Length", "4"),), rest=self.data)
        if request.path.count("/") == 2:
            name = dict(request.query).get("name")
            listed = [one for one in self.lists.get((site, request.path), []) if one["name"] == name]
            return json_reply(site, 200, {request.path.rpartition("/")[2]: listed})
        thing = self.things.get((site, request.path))
        return Reply(site, 404) if thing is None else json_reply(site, 200, thing)

    def image(self, site: str, id_: str, **more: Any) -> None:
        self.things[site, f"/v2/images/{id_}"] = {"id": id_, "name": "twin", "size": 4, "checksum": "x", **more}


@pytest.fixture
async def replicas(tmp_path: Any) -> AsyncIterator[Replicas]:
    ledger = Ledger(f"sqlite:///{tmp_path}/paris.db", b"k")
    await ledger.open()
    yield Replicas(ledger)
    await ledger.close()


@pytest.fixture
def sites() -> Sites:
    sites = Sites()
    sites.image("Paris", P)
    sites.image("Corte", C)
    return sites


@pytest.fixture
async def auditing(replicas: Replicas, sites: Sites) -> Auditing:
    await replicas.learn("image", "images", IMAGE.members)
    return Auditing(sites.ask, replicas, "Paris", "p1")


def told(rows: list[Finding]) -> list[tuple[str, str, str]]:
    return [(row.state.value, row.site, row.id) for row in rows]


# ---- looking


async def test_where_all_is_alike_nothing_is_found(auditing: Auditing) -> None:
    assert await auditing.look([IMAGE]) == [[]]


async def test_many_sets_are_looked_at_a_few_at_a_time(replicas: Replicas, sites: Sites) -> None:
    progress: list[int] = []
    auditing = Auditing(sites.ask, replicas, progress=progress.append)
    count = 3 * AT_ONCE
    sets = [ReplicaSet("image", "images", {"Paris": P, "Corte": f"c{number}"}) for number in range(count)]
    found = await auditing.look(sets)
    assert [told(rows) for rows in found] == [[("missing", "Corte", f"c{number}")] for number in range(count)]
    assert progress == list(range(1, count + 1))


async def test_what_has_the_name_of_a_set_and_is_of_none_is_extra(
    auditing: Auditing, replicas: Replicas, sites: Sites
) -> None:
    await replicas.learn("image", "images", {"Paris": "p2", "Corte": M})
    names = [{"id": C, "name": "twin"}, {"id": M, "name": "twin"}, {"id": OTHER, "name": "twin"}]
    sites.lists["Corte", "/v2/images"] = names
    (rows,) = await auditing.look([IMAGE])
    assert told(rows) == [("extra", "Corte", OTHER)]


async def test_a_site_that_stays_silent_is_not_asked_for_ever(auditing: Auditing, sites: Sites) -> None:
    sites.down = {"Corte"}
    sets = [IMAGE] * 4 * AT_ONCE
    rows = [row for found in await auditing.look(sets) for row in found]
    assert {(row.state, row.site) for row in rows} == {(State.UNANSWERED, "Corte")}
    assert len(rows) == len(sets)
    assert len([one for one in sites.asked if one.startswith("Corte")]) < PATIENCE + AT_ONCE
    assert f"not asked any more, after {PATIENCE} calls" in rows[-1].why


async def test_what_nobody_knows_how_to_ask_for_is_told(replicas: Replicas, sites: Sites) -> None:
    pages = ReplicaSet("docs", "pages", {"Paris": "1", "Corte": "2"})
    rows = await Auditing(sites.ask, replicas).look_at(pages)
    assert {row.why for row in rows} == {"not reached (how pages of docs are asked for is not known here)"}
    assert sites.asked == []


async def test_references_to_replicas_are_alike(replicas: Replicas, sites: Sites) -> None:
    await replicas.learn("network", "networks", {"Paris": "n-p", "Corte": "n-c"})
    subnet = ReplicaSet("network", "subnets", {"Paris": P, "Corte": C})
    for site, id_, network in (("Paris", P, M), ("Corte", C, OTHER)):
        sites.things[site, f"/v2.0/subnets/{id_}"] = {"subnet": {"id": id_, "name": "s", "network_id": network}}
    auditing = Auditing(sites.ask, replicas)
    assert await auditing.look_at(subnet) == []
    await replicas.learn("network", "networks", {"Paris": M, "Corte": NEW})
    (row,) = await auditing.look_at(subnet)
    assert row.fields == ("network_id",)


# ---- mending


async def mended(auditing: Auditing, of: ReplicaSet) -> tuple[ReplicaSet, list[str | None]]:
    now, rows = await auditing.repair(of, await auditing.look_at(of))
    return now, [row.mended for row in rows]


async def test_what_differs_is_set_as_the_base_has_it(auditing: Auditing, sites: Sites) -> None:
    sites.image("Corte", C, min_ram=7)
    assert await mended(auditing, IMAGE) == (IMAGE, ["set"])
    assert sites.written == [("Corte", f"PATCH /v2/images/{C}", [{"op": "remove", "path": "/min_ram"}])]


async def test_what_is_missing_is_made_with_its_data_and_joins_the_set(
    auditing: Auditing, replicas: Replicas, sites: Sites
) -> None:
    sites.image("Paris", P, min_ram=7)
    del sites.things["Corte", f"/v2/images/{C}"]
    now, done = await mended(auditing, IMAGE)
    assert (now.members, done) == ({"Paris": P, "Corte": NEW}, [f"made as {NEW}"])
    assert sites.written == [
        ("Corte", "POST /v2/images", {"name": "twin", "min_ram": 7}),
        ("Corte", f"PUT /v2/images/{NEW}/file", b"abcd"),
    ]
    assert sites.data.closed
    assert await replicas.of("image", [NEW, C]) == {NEW: {"Paris": P, "Corte": NEW}}
    sites.image("Corte", NEW, min_ram=7)
    row = Finding(State.MISSING, "image", "images", "Corte", C)
    assert [row.remains for row in await auditing.look_again(now, [row])] == [False]


@pytest.mark.parametrize(("size", "carried"), [(None, True), (9, False)])
async def test_data_are_carried_to_where_there_are_none_and_never_replaced(
    auditing: Auditing, sites: Sites, size: int | None, carried: bool
) -> None:
    sites.image("Corte", C, size=size, checksum=None)
    _, (done,) = await mended(auditing, IMAGE)
    written = [("Corte", f"PUT /v2/images/{C}/file", b"abcd")] if carried else []
    assert sites.written == written
    assert done is not None
    assert done.startswith("its data were carried there" if carried else "its data are others")


@pytest.mark.parametrize(
    ("answer", "told_of"),
    [
        (json_reply("Corte", 409, {"message": "exists"}), "not made: answered 409 (exists)"),
        (Unreached("Corte", True, "timeout"), "not made: no answer (timeout), it may have happened"),
    ],
)
async def test_what_cannot_be_made_is_told_and_the_set_stays(
    auditing: Auditing, replicas: Replicas, sites: Sites, answer: Outcome, told_of: str
) -> None:
    del sites.things["Corte", f"/v2/images/{C}"]
    sites.answers["Corte", "POST", "/v2/images"] = answer
    assert await mended(auditing, IMAGE) == (IMAGE, [told_of])
    assert await replicas.of("image", [C]) == {C: IMAGE.members}


async def test_nothing_is_made_beside_another_of_its_name(auditing: Auditing, sites: Sites) -> None:
    del sites.things["Corte", f"/v2/images/{C}"]
    sites.lists["Corte", "/v2/images"] = [{"id": OTHER, "name": "twin"}]
    _, done = await mended(auditing, IMAGE)
    assert done == [f"not made: {OTHER} is called twin there; rename or delete it first", None]
    assert sites.written == []


async def test_without_a_member_at_the_base_nothing_is_repaired(auditing: Auditing, sites: Sites) -> None:
    del sites.things["Paris", f"/v2/images/{P}"]
    _, done = await mended(auditing, IMAGE)
    assert done == ["not repaired: Paris does not show a member of this set"]
    assert sites.written == []


async def test_what_a_new_one_refers_to_is_found_by_name_where_no_set_tells(replicas: Replicas, sites: Sites) -> None:
    """Of a set the proxy translates; a network that was only shared by name is looked for."""
    subnet = ReplicaSet("network", "subnets", {"Paris": P, "Corte": C})
    await replicas.learn("network", "subnets", subnet.members)
    shown = {"id": P, "name": "s", "network_id": M, "cidr": "10.0.0.0/24", "ip_version": 4}
    sites.things["Paris", f"/v2.0/subnets/{P}"] = {"subnet": shown}
    sites.things["Paris", f"/v2.0/networks/{M}"] = {"network": {"id": M, "name": "net"}}
    sites.lists["Corte", "/v2.0/networks"] = [{"id": OTHER, "name": "net"}]
    await mended(Auditing(sites.ask, replicas, "Paris"), subnet)
    (site, call, body), *_ = sites.written
    assert (site, call) == ("Corte", "POST /v2.0/subnets")
    assert body["subnet"]["network_id"] == OTHER


# ---- forgetting


async def test_what_is_missing_is_forgotten_and_what_is_there_stays(
    auditing: Auditing, replicas: Replicas, sites: Sites
) -> None:
    await replicas.learn("image", "images", {"Paris": P, "Marseille": M})
    whole = ReplicaSet("image", "images", {**IMAGE.members, "Marseille": M})
    sites.image("Marseille", M, min_ram=7)
    del sites.things["Corte", f"/v2/images/{C}"]
    rows = await auditing.forget(whole, await auditing.look_at(whole))
    assert [(row.site, row.mended, row.remains) for row in rows] == [
        ("Marseille", None, True),
        ("Corte", "forgotten", False),
    ]
    assert await replicas.of("image", [P, C]) == {P: {"Paris": P, "Marseille": M}}
    assert sites.written == []
