"""Scoped reads to another site: plain answers pass, and whatever else comes, or does not, is the journey's."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from scopeproxy.execution.passthrough.relays import KEPT
from scopeproxy.execution.passthrough.states import AtClient
from scopeproxy.model.messages import Reply
from scopeproxy.model.topology import Timeouts
from tests.execution.passthrough.conftest import relay_of

READ = b"GET /x HTTP/1.1\r\nHost: h\r\nX-Scope: docs: Corte\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nVia: 1.1 Corte (scopeproxy)\r\nX-Scope-Sites: Corte=200\r\n\r\nhi"
LABELS = {"service": "docs", "intent": "list"}


async def known(road, **other):
    """A road on which the read is known to go to Corte."""
    road.relay = replace(relay_of(road), **other)
    for number in range(2):
        road.asks(READ)
        await road.settle()
        road.journeys[number].answers()
        await road.settle()
    road.client.taken()
    return road


async def asked(road, data=READ):
    """The other site's end of a relayed read."""
    road.asks(data)
    return await road.service()


async def test_a_plain_answer_passes_and_tells_of_the_site(road):
    await known(road)
    socket = await asked(road)
    assert socket.taken() == b"GET /there/x HTTP/1.1\r\nHost: corte\r\nX-Scope-Signature: 0\r\n\r\n"
    assert await road.answers(OK) == (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nVia: 1.1 Corte (scopeproxy), 1.1 Paris (scopeproxy)\r\n"
        b"X-Scope-Sites: Corte=200\r\n\r\nhi"
    )
    road.asks(READ)
    assert b"X-Scope-Signature: 1\r\n" in socket.taken()
    assert (await road.answers(OK)).endswith(b"hi")
    assert (len(road.journeys), len(road.pool.made)) == (2, 1)
    assert road.counted("scopeproxy_calls_total", scoped="yes", outcome="2xx", **LABELS) == 2
    assert road.counted("scopeproxy_site_calls_total", site="Corte", outcome="2xx", **LABELS) == 2
    assert road.counted("scopeproxy_carriers_total", service="docs", carrier="header") == 2
    assert road.counted("scopeproxy_calls_in_flight") == 0


async def test_several_reads_ahead_and_calls_without_a_scope_take_turns(road):
    await known(road)
    road.asks(READ + READ + b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
    for _ in range(2):
        assert b"X-Scope-Sites: Corte=200\r\n" in await road.answers(OK)
        await road.settle()
    assert (await road.service()).taken().startswith(b"GET /base/x ")
    assert (await road.answers(OK)).endswith(b"hi")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nX-Scope-Sites: Corte=unreached\r\n\r\n",
        b"HTTP/1.1 300 Multiple Choices\r\nContent-Length: 500\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nlocation: http://corte/y\r\nContent-Length: 0\r\n\r\n",
        b"no HTTP at all\r\n\r\n",
    ],
)
async def test_every_other_answer_is_the_journeys_to_give(road, answer):
    await known(road)
    socket = await asked(road)
    assert await road.answers(answer) == b""
    await road.settle()
    assert (socket.closed, len(road.journeys)) == (True, 3)
    assert road.journeys[2].lent.headers == (("Host", "h"), ("X-Scope", "docs: Corte"))
    road.journeys[2].answers(b"the journey's")
    await road.settle()
    assert road.client.taken().endswith(b"\r\n\r\nthe journey's")
    road.asks(READ)
    await road.settle()
    assert len(road.journeys) == 4
    assert road.counted("scopeproxy_calls_in_flight") == 0


async def test_a_connection_that_is_lost_or_cannot_be_had_is_the_journeys_to_tell_of(road):
    await known(road)
    (await asked(road)).lose()
    await road.settle()
    assert len(road.journeys) == 3
    road.journeys[2].answers()
    road.time += KEPT
    for _ in range(2):
        await road.settle()
        road.asks(READ)
        await road.settle()
        road.journeys[-1].answers()
    await road.settle()
    road.pool.refuses = "no connection"
    road.asks(READ)
    await road.settle()
    assert len(road.journeys) == 6
    assert road.counted("scopeproxy_calls_in_flight") == 0


async def test_once_the_head_is_out_a_loss_breaks_off(road):
    await known(road)
    socket = await asked(road)
    assert (await road.answers(OK[:-1])).endswith(b"h")
    socket.lose()
    assert road.client.aborted
    assert len(road.journeys) == 2


async def test_an_answer_that_is_late_is_waited_for_while_the_site_can_be_reached(road):
    looked = []

    async def reaches():
        looked.append(road.time)
        return True

    await known(road, reaches=reaches)
    began = road.time
    await asked(road)
    for seconds in (2.9, 0.1, 5.9, 0.1, 0.9):
        road.passes(seconds)
        await road.settle()
    assert looked == [began + 3, began + 9]
    assert (await road.answers(OK)).endswith(b"hi")
    assert road.front.state is AtClient.READY


async def test_a_site_that_cannot_be_reached_any_more_is_told_as_such(road):
    async def reaches():
        return False

    await known(road, reaches=reaches)
    socket = await asked(road)
    road.passes(3)
    await road.settle()
    assert road.client.taken().endswith(b"no answer, and no new connection to it either")
    assert socket.closed
    assert road.counted("scopeproxy_site_calls_total", site="Corte", outcome="maybe_sent", **LABELS) == 1
    assert road.counted("scopeproxy_calls_total", scoped="yes", outcome="5xx", **LABELS) == 1
    assert len(road.journeys) == 2


async def test_no_answer_in_all_the_time_is_told_and_not_waited_for_once_more(road):
    await known(road)
    await asked(road)
    for _ in range(3):
        road.passes(4)
        await road.settle()
    assert road.client.taken().endswith(b"no answer within 10 s")
    assert road.front.state is AtClient.READY


async def test_an_answer_ends_the_look_at_its_site(road):
    looks = asyncio.Event()

    async def reaches():
        await looks.wait()
        return False

    await known(road, reaches=reaches)
    await asked(road)
    road.passes(3)
    await road.settle()
    assert (await road.answers(OK)).endswith(b"hi")
    looks.set()
    await road.settle()
    assert road.client.taken() == b""
    assert road.front.state is AtClient.READY


async def test_a_client_that_leaves_has_its_read_given_up(road):
    await known(road)
    socket = await asked(road)
    road.client.lose()
    assert socket.closed
    assert len(road.journeys) == 2
    assert road.counted("scopeproxy_site_calls_total", site="Corte", outcome="abandoned", **LABELS) == 1


@pytest.mark.parametrize(
    "other",
    [
        READ.replace(b"GET", b"DELETE"),
        READ.replace(b"GET", b"POST"),
        READ.replace(b"HTTP/1.1", b"HTTP/1.0"),
        READ.replace(b"Host", b"X-Scope-Options: strict\r\nHost"),
        READ.replace(b"Host", b"X-Scope: docs: Nice\r\nHost"),
        READ.replace(b"Host", b"X-Scope-Signature: v1\r\nHost"),
        READ.replace(b"Host", b"X-Auth-Token: a\r\nX-Auth-Token: b\r\nHost"),
        READ.replace(b"Host", b"Content-Length: 1\r\nHost"),
        READ.replace(b"Host", b"Transfer-Encoding: chunked\r\nHost"),
        READ.replace(b"Host", b"Connection: Upgrade\r\nUpgrade: websocket\r\nHost"),
    ],
)
async def test_whatever_is_more_than_a_read_with_a_scope_takes_the_journey(road, other):
    road.relay = relay_of(road)
    for number in range(4):
        road.asks(other)
        await road.settle()
        road.journeys[number].answers()
        await road.settle()
        road.client = road.connect()
    assert road.pool.made == []


async def test_a_connection_takes_so_many_requests_whoever_answers_them(road):
    await known(road)
    road.lane = replace(road.lane, requests=4)
    road.fronts.lane = lambda: road.lane
    road.asks(READ)
    assert b"Connection: close" not in await road.answers(OK)
    road.asks(READ)
    assert b"Connection: close" in await road.answers(OK)
    await road.settle()
    assert road.client.closed


async def test_a_client_that_leaves_is_noticed_after_the_journey_has_its_read(road):
    await known(road)
    road.pool.refuses = "no connection"
    road.asks(READ)
    assert road.client.paused
    await road.settle()
    assert (len(road.journeys), road.client.paused) == (3, False)


@pytest.mark.parametrize(
    ("timeouts", "patience"),
    [(Timeouts(answer=10, total=4), 3.0), (Timeouts(answer=4), 11.0)],
    ids=["the total", "a connection that may take longer than an answer"],
)
async def test_it_waits_no_longer_than_a_journey_would(road, timeouts, patience):
    road.lane = replace(road.lane, timeouts=timeouts)
    await known(road, patience=patience)
    await asked(road)
    for _ in range(4):
        assert road.client.taken() == b""
        road.passes(1)
        await road.settle()
    assert road.client.taken().endswith(b"no answer within 4 s")
    assert len(road.journeys) == 2


async def test_a_loss_after_a_long_wait_is_told_and_not_waited_for_once_more(road):
    await known(road)
    socket = await asked(road)
    road.passes(3)
    socket.lose()
    await road.settle()
    assert road.client.taken().endswith(b"the connection was closed before an answer")
    assert len(road.journeys) == 2
    assert road.counted("scopeproxy_calls_in_flight") == 0


async def test_it_stands_in_line_for_a_connection_as_long_as_for_an_answer(road):
    await known(road)
    # What a connection may take is no matter of the line.
    road.pool.slow, road.pool._patience = asyncio.Event(), 0.0
    road.asks(READ)
    for _ in range(3):
        road.passes(3)
        await road.settle()
    road.pool.slow.set()
    assert (await asked(road, b"")).taken().startswith(b"GET /there/x ")
    assert (await road.answers(OK)).endswith(b"hi")
    assert len(road.journeys) == 2


async def test_who_stands_in_line_for_too_long_was_sent_nothing(road):
    await known(road)
    road.pool.slow = asyncio.Event()
    road.asks(READ)
    for _ in range(4):
        road.passes(3)
        await road.settle()
    assert road.client.taken().startswith(b"HTTP/1.1 502 ")
    assert road.counted("scopeproxy_site_calls_total", site="Corte", outcome="never_sent", **LABELS) == 1
    road.pool.slow.set()
    await road.settle()
    assert road.pool.made == []


async def test_no_connection_after_a_long_wait_is_told_of_that_site(road):
    sites = []

    def failed(unreached, seconds):
        sites.append((unreached.site, unreached.sent))
        return Reply("Paris", 502, (("Content-Length", "0"),))

    await known(road, failed=failed)
    road.pool.slow, road.pool.refuses = asyncio.Event(), "no connection"
    road.asks(READ)
    road.passes(3)
    road.pool.slow.set()
    await road.settle()
    assert road.client.taken().startswith(b"HTTP/1.1 502 ")
    assert sites == [("Corte", False)]
    assert len(road.journeys) == 2


async def test_what_the_other_site_answered_is_counted_as_what_it_was(road):
    await known(road)
    await asked(road)
    await road.answers(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno")
    assert road.counted("scopeproxy_site_calls_total", site="Corte", outcome="4xx", **LABELS) == 1


async def test_a_stop_ends_the_decisions_under_way(road):
    decided = asyncio.Event()

    async def decide(_):
        try:
            await asyncio.Event().wait()
        finally:
            decided.set()

    road.lane.relays._decide = decide
    for number in range(2):
        road.asks(READ)
        await road.settle()
        road.journeys[number].answers()
        await road.settle()
    assert not decided.is_set()
    await road.fronts.shutdown(0)
    await road.settle()
    assert decided.is_set()
