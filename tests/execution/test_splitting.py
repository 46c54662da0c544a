"""One body to several sites at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.execution.bodies import Once
from scopeproxy.execution.splitting import Split
from scopeproxy.model.messages import Body, Outcome, Reply, Unreached
from tests.execution.test_runner import Tape

KIB = 1024
PATIENCE = 20.0


class Client:
    """Sends pieces when told; `sent` counts those that were taken."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.sent = 0
        self.lost = False
        for piece in pieces:
            self.pieces.put_nowait(piece)

    def ends(self) -> Client:
        self.pieces.put_nowait(None)
        return self

    def leaves(self) -> None:
        self.lost = True
        self.pieces.put_nowait(None)

    async def come(self) -> AsyncIterator[bytes]:
        while (piece := await self.pieces.get()) is not None:
            self.sent += 1
            yield piece
        if self.lost:
            raise ConnectionError("the client left")

    def body(self, length: int | None = None) -> Once:
        return Once(self.come(), length)


class Site:
    """Takes a body piece by piece, as long as it may, and then answers."""

    def __init__(self, name: str, status: int = 204, most: int | None = None, opens: bool = True) -> None:
        self.name, self.status, self.most, self.opens = name, status, most, opens
        self.may_take, self.may_open = asyncio.Event(), asyncio.Event()
        self.may_take.set()
        self.may_open.set()
        self.taken = bytearray()
        self.went_on: asyncio.Task[None] | None = None
        self.length: int | None = None

    async def call(self, body: Body) -> Outcome:
        self.length = body.length
        await self.may_open.wait()
        if not self.opens:
            return Unreached(self.name, False, "refused")
        try:
            count = 0
            async for piece in body.open():
                self.taken += piece
                count += 1
                if count == self.most:
                    break
                await self.may_take.wait()
        except ConnectionError as error:
            return Unreached(self.name, True, str(error))
        return Reply(self.name, self.status)


async def send(split: Split, *sites: Site) -> list[Outcome]:
    try:
        async with asyncio.timeout(PATIENCE):
            return list(await asyncio.gather(*(split.send(site.name, site.call, 1000) for site in sites)))
    finally:
        split.close()


def split(
    client: Client, *sites: Site, patience: float = PATIENCE, window: int = KIB, length: int | None = None
) -> Split:
    return Split(client.body(length), [site.name for site in sites], patience, window)


async def turns(count: int = 50) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def statuses(outcomes: list[Outcome]) -> list[int | str]:
    return [outcome.status if isinstance(outcome, Reply) else outcome.why for outcome in outcomes]


@given(st.lists(st.binary(max_size=40), max_size=30), st.integers(1, 5), st.integers(1, 100))
async def test_every_site_gets_what_the_client_sent(pieces: list[bytes], count: int, window: int) -> None:
    sites = [Site(str(number)) for number in range(count)]
    client = Client(*pieces).ends()
    assert statuses(await send(split(client, *sites, window=window, length=7), *sites)) == [204] * count
    assert [(bytes(site.taken), site.length) for site in sites] == [(b"".join(pieces), 7)] * count


async def test_nothing_is_read_before_every_site_asks_for_the_body_or_has_answered() -> None:
    paris, corte, lyon = Site("Paris"), Site("Corte"), Site("Lyon", opens=False)
    corte.may_open.clear()
    lyon.may_open.clear()
    client = Client(b"data").ends()
    sending = asyncio.ensure_future(send(split(client, paris, corte, lyon), paris, corte, lyon))
    await turns()
    assert client.sent == 0
    corte.may_open.set()
    await turns()
    assert client.sent == 0
    lyon.may_open.set()
    assert statuses(await sending) == [204, 204, "refused"]


async def test_nobody_waits_for_a_site_that_is_passed_over() -> None:
    # Something that was queued for it stood in the way; the others waited for half a minute.
    paris, corte = Site("Paris"), Site("Corte")
    one = split(Client(b"data").ends(), paris, corte)
    one.pass_over("Corte")
    async with asyncio.timeout(PATIENCE / 2):
        assert statuses(await send(one, paris)) == [204]
    assert paris.taken == b"data"


async def test_what_no_site_wants_is_not_read() -> None:
    sites = [Site("Paris", opens=False), Site("Corte", opens=False)]
    client = Client(b"data").ends()
    await send(split(client, *sites), *sites)
    await turns()
    assert client.sent == 0


async def test_the_client_is_read_as_fast_as_the_slowest_site_takes() -> None:
    paris, corte = Site("Paris"), Site("Corte")
    corte.may_take.clear()
    client = Client(*[bytes(256)] * 100).ends()
    sending = asyncio.ensure_future(send(split(client, paris, corte), paris, corte))
    await turns()
    # The window, and the piece that the slow one is at.
    assert (client.sent, len(paris.taken)) == (5, 5 * 256)
    corte.may_take.set()
    assert statuses(await sending) == [204, 204]
    assert len(corte.taken) == 100 * 256


async def test_a_site_that_takes_nothing_for_too_long_is_left_behind_and_the_others_get_all() -> None:
    paris, corte, lyon = Site("Paris"), Site("Corte"), Site("Lyon")
    corte.may_take.clear()
    client = Client(*[bytes(256)] * 100).ends()
    both = split(client, paris, corte, lyon, patience=0.05)
    assert statuses(await send(both, paris, corte, lyon)) == [204, "it took nothing of the body for 0.05 s", 204]
    assert (len(paris.taken), len(lyon.taken)) == (25600, 25600)
    assert both.left_behind == {"Corte"}


async def test_a_site_that_never_asks_for_the_body_is_left_behind() -> None:
    paris, corte = Site("Paris"), Site("Corte")
    corte.may_open.clear()
    both = split(Client(b"data").ends(), paris, corte, patience=0.05)
    assert statuses(await send(both, paris, corte))[0] == 204
    assert both.left_behind == {"Corte"}


async def test_a_slow_client_is_not_laid_to_the_sites() -> None:
    paris, corte = Site("Paris"), Site("Corte")
    client = Client(bytes(2 * KIB))
    both = split(client, paris, corte, patience=0.05)
    sending = asyncio.ensure_future(send(both, paris, corte))
    with suppress(TimeoutError):
        async with asyncio.timeout(0.15):
            await asyncio.shield(sending)
    client.pieces.put_nowait(bytes(2 * KIB))
    client.ends()
    assert statuses(await sending) == [204, 204]


@pytest.mark.parametrize("status", [404, 409, 413, 503])
async def test_a_site_that_answers_early_with_an_error_holds_nobody_up(status: int) -> None:
    class Early(Site):
        """Answers while its body is still being written, as HTTP servers may."""

        async def call(self, body: Body) -> Outcome:
            pieces = body.open()
            self.taken += await anext(pieces)
            self.went_on = asyncio.create_task(self._go_on(pieces))
            return Reply(self.name, self.status, (), b"", Tape(b"no", b"!"))

        async def _go_on(self, pieces: AsyncIterator[bytes]) -> None:
            await self.may_take.wait()
            async for piece in pieces:
                self.taken += piece

    paris, corte = Site("Paris"), Early("Corte", status)
    corte.may_take.clear()
    client = Client(*[bytes(256)] * 100).ends()
    outcomes = await send(split(client, paris, corte), paris, corte)
    assert statuses(outcomes) == [204, status]
    assert isinstance(outcomes[1], Reply)
    assert (outcomes[1].body, len(paris.taken)) == (b"no!", 25600)
    corte.may_take.set()
    assert corte.went_on is not None
    # What it was sent must never seem to be the whole.
    with pytest.raises(ConnectionError, match="nobody waits"):
        await corte.went_on
    assert len(corte.taken) == 256


async def test_a_site_that_is_lost_halfway_holds_nobody_up() -> None:
    paris, corte = Site("Paris"), Site("Corte", 502, most=3)
    client = Client(*[bytes(256)] * 100).ends()
    assert statuses(await send(split(client, paris, corte), paris, corte)) == [204, 502]
    assert (len(paris.taken), len(corte.taken)) == (25600, 768)


async def test_a_client_that_leaves_breaks_off_every_site() -> None:
    paris, corte = Site("Paris"), Site("Corte")
    client = Client(b"half")
    client.leaves()
    assert statuses(await send(split(client, paris, corte), paris, corte)) == ["the client left"] * 2
    assert paris.taken == corte.taken == b"half"


async def test_an_error_that_nobody_foresaw_breaks_off_and_is_not_told() -> None:
    async def come() -> AsyncIterator[bytes]:
        yield b"half"
        raise RuntimeError("secret")

    paris = Site("Paris")
    assert statuses(await send(Split(Once(come(), None), ["Paris"], PATIENCE), paris)) == ["RuntimeError"]


async def test_each_site_has_the_body_once() -> None:
    async def twice(body: Body) -> Outcome:
        assert body.replayable
        assert [piece async for piece in body.open()] == [b"data"]
        assert not body.replayable
        with pytest.raises(ConnectionError, match="was not kept"):
            await anext(body.open())
        return Reply("Paris", 204)

    one = Split(Client(b"data").ends().body(), ["Paris"], PATIENCE)
    assert statuses([await one.send("Paris", twice, 10)]) == [204]
    one.close()


async def test_an_answer_that_does_not_end_is_none() -> None:
    async def call(body: Body) -> Outcome:
        return Reply("Paris", 204, (), b"", Tape(b"x", stuck=True))

    one = Split(Client().ends().body(), ["Paris"], 0.01)
    (outcome,) = [await one.send("Paris", call, 10)]
    one.close()
    assert outcome == Unreached("Paris", True, "its answer did not end within the time that the call was given")


async def test_whoever_gives_up_leaves_nothing_running() -> None:
    paris, corte = Site("Paris"), Site("Corte")
    client = Client(b"data")
    both = split(client, paris, corte)
    sending = asyncio.ensure_future(send(both, paris, corte))
    await turns()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await turns()
    assert {task for task in asyncio.all_tasks() if not task.done()} == {asyncio.current_task()}
