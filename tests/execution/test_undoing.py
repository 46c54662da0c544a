"""What a create left behind is deleted again by its own id, and what cannot be is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from scopeproxy.execution.asking import Asking, Take
from scopeproxy.execution.undoing import UNDONE, Undoing
from scopeproxy.lang.scope import At, Scope
from scopeproxy.model.messages import Held, Outcome, Reply, Request, Unreached
from scopeproxy.planning.intent import classify
from scopeproxy.planning.plan import Call, Work

REQUEST = Request(
    "image", "POST", "/v2/images?x=1", (("Content-Type", "application/json"), ("X-Auth-Token", "t")), Held(b"{}")
)
WORK = Work(REQUEST, classify(REQUEST), Scope((("image", At("Corte")),)), "Paris")


async def undoing(answer: Reply, deleted: Outcome, within: float = 60.0) -> tuple[Undoing, list[Call]]:
    calls: list[Call] = []

    async def forward(call: Call) -> Outcome:
        calls.append(call)
        return deleted if call.request.method == "DELETE" else answer

    asking = Asking(WORK, forward, 1000)
    await asking.ask(Call("Corte", REQUEST), Take.HEAD)
    return Undoing(WORK, asking, 1000, within), calls


async def test_it_deletes_what_was_made_and_only_that() -> None:
    undo, calls = await undoing(Reply("Corte", 201, (), b'{"id": "a/b"}'), Reply("Corte", 204))
    assert await undo.undo(["Corte", "Paris"]) == {"Corte": UNDONE}
    request = calls[-1].request
    assert (request.method, request.target, request.body) == ("DELETE", "/v2/images/a%2Fb", Held())
    assert request.headers == (("X-Auth-Token", "t"),)
    assert await undo.undo(["Corte"]) == {}
    assert undo.results == {"Corte": UNDONE}


@pytest.mark.parametrize(
    ("answer", "deleted", "told"),
    [
        (b"{}", Reply("Corte", 204), "does not tell which id"),
        (b'{"id": "i1"}', Reply("Corte", 403), "HTTP 403; i1 is left there"),
        (b'{"id": "i1"}', Reply("Corte", 404), "not found at /v2/images/i1"),
        (b'{"id": "i1"}', Unreached("Corte", False, "refused"), "refused; i1 is left there"),
    ],
)
async def test_what_cannot_be_undone_is_told(answer: bytes, deleted: Outcome, told: str) -> None:
    undo, _ = await undoing(Reply("Corte", 201, (), answer), deleted)
    assert told in (await undo.undo(["Corte"]))["Corte"]


class Drip:
    """A body that never ends."""

    closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b" "
        await asyncio.Event().wait()

    async def aclose(self) -> None:
        self.closed = True


async def test_an_undo_ends_although_the_answer_to_the_create_does_not() -> None:
    body = Drip()
    undo, calls = await undoing(Reply("Corte", 201, (), b"", body), Reply("Corte", 204), 0)
    assert await undo.undo(["Corte"]) == {"Corte": "not undone: it took over 0 s"}
    assert (len(calls), body.closed) == (1, True)
