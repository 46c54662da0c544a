"""Whether several sites have taken in the same data."""

from __future__ import annotations

from typing import Any

from scopeproxy.execution.asking import Asking, Take
from scopeproxy.execution.comparing import Comparing
from scopeproxy.lang.scope import Scope
from scopeproxy.model.messages import Held, Outcome, Reply, Request, Unreached, json_reply
from scopeproxy.planning.intent import classify
from scopeproxy.planning.plan import Call, Work
from tests.execution.test_runner import Tape

IDS = {"Paris": "p1", "Corte": "c1", "Lyon": "l1"}


def upload(site: str = "Paris") -> Request:
    return Request("image", "PUT", f"/v2/images/{IDS[site]}/file", (("X-Auth-Token", "t"),), Held(b"data"))


async def difference(patience: float = 10.0, **says: Any) -> tuple[str, list[str]]:
    """What is found to differ, and what was asked, when sites tell this of their images."""
    asked = []

    async def forward(call: Call) -> Outcome:
        if call.request.method == "PUT":
            return Reply(call.site, 204)
        asked.append(f"{call.site} {call.request.method} {call.request.target}")
        told = says[call.site]
        return told if isinstance(told, Reply | Unreached) else json_reply(call.site, 200, told)

    work = Work(upload(), classify(upload()), Scope(), "Paris")
    asking = Asking(work, forward, 1000)
    calls = [Call(site, upload(site)) for site in says]
    for call in calls:
        await asking.ask(call, Take.ALL)
    return await Comparing(work, asking, 1000, patience).difference(calls), asked


async def test_each_site_is_asked_for_its_own_image() -> None:
    told, asked = await difference(Paris={"checksum": "a"}, Corte={"checksum": "a"})
    assert (told, asked) == ("", ["Paris GET /v2/images/p1", "Corte GET /v2/images/c1"])


async def test_sites_that_have_taken_in_other_data_are_named() -> None:
    told, _ = await difference(Paris={"checksum": "a"}, Corte={"checksum": "b"}, Lyon={"checksum": "a"})
    assert told == "their md5s differ: Paris a, Corte b, Lyon a"


async def test_of_a_site_that_does_not_tell_nothing_is_said() -> None:
    stuck = Reply("Corte", 200, (), b"", Tape(b'{"checksum"', stuck=True))
    for silent in (Unreached("Corte", True, "lost"), json_reply("Corte", 403, {"checksum": "b"}), stuck):
        assert (await difference(0.01, Paris={"checksum": "a"}, Corte=silent))[0] == ""


async def test_one_site_is_not_compared() -> None:
    assert await difference(Paris={"checksum": "a"}) == ("", [])
