"""The tables of legal moves, exhaustively."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scopeproxy.execution.passthrough.back import _ON_DATA as AT_SERVICE
from scopeproxy.execution.passthrough.back import Back
from scopeproxy.execution.passthrough.front import _ON_DATA as AT_CLIENT
from scopeproxy.execution.passthrough.front import Front
from scopeproxy.execution.passthrough.states import CLIENT_MOVES, SERVICE_MOVES, AtClient, AtService
from tests.execution.passthrough.conftest import Road, relay_of

TABLES = [(AtClient, CLIENT_MOVES, AT_CLIENT), (AtService, SERVICE_MOVES, AT_SERVICE)]


@pytest.mark.parametrize(("states", "moves", "handlers"), TABLES)
def test_what_is_in_the_table_is_legal_and_nothing_else_is(road, states, moves, handlers):
    def end_of(states):
        return Front(road.fronts) if states is AtClient else Back(road.pool, "http://h")

    assert set(moves) == set(states)
    assert [int(state) for state in states] == list(range(len(handlers)))
    for one, other in itertools.product(states, states):
        end = end_of(states)
        end.state = one
        if other in moves[one]:
            end._move(other)
            assert end.state is other
        else:
            with pytest.raises(AssertionError, match=f"from {one!r} to {other!r}"):
                end._move(other)


@pytest.mark.parametrize(("states", "moves", "handlers"), TABLES)
def test_every_state_can_be_reached_and_left_for_closed_alone_at_the_end(states, moves, handlers):
    first = next(iter(states))
    reached, waiting = {first}, [first]
    while waiting:
        for state in moves[waiting.pop()] - reached:
            reached.add(state)
            waiting.append(state)
    assert reached == set(states)
    assert [state for state in states if not moves[state]] == [states.CLOSED]
    assert all(states.CLOSED in moves[state] for state in states if state is not states.CLOSED)


# ---- whatever happens, in whatever order

GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
SAID = (
    GET, GET[:9], GET[9:], b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n", b"hello", b"he",
    b"PUT /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
    b"5\r\nhello\r\n0\r\n\r\n", b"GET /other HTTP/1.1\r\nHost: h\r\n\r\n",
    b"POST /other HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n",
    b"PUT /other HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"GET /x HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", b"\0", b"\r\n",
    b"GET /x HTTP/1.1\r\nHost: h\r\nX-Scope: docs: Corte\r\n\r\n",
)  # fmt: skip
ANSWERED = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", b"HTTP/1.1 200 OK\r\nContent-Le", b"ngth: 2\r\n\r\nhi",
    b"HTTP/1.1 200 OK\r\n\r\n", b"data", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"2\r\nhi\r\n0\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 101 Switching\r\n\r\n",
    b"HTTP/1.1 204 No\r\nConnection: close\r\n\r\n", b"\0",
)  # fmt: skip
DONE = (
    "client ends", "client goes", "client full", "client ready", "service ends", "service goes", "service full",
    "service ready", "journey answers", "journey breaks",
    "journey switches", "journey speaks", "journey ends", "refuses", "accepts", "stops",
)  # fmt: skip
EVENTS = st.one_of(
    st.tuples(st.just("client says"), st.sampled_from(SAID)),
    st.tuples(st.just("service says"), st.sampled_from(ANSWERED)),
    st.tuples(st.sampled_from(DONE), st.just(b"")),
    st.tuples(st.just("time"), st.sampled_from([1, 9, 80, 4000])),
)


class Story:
    """Plays events, as an event loop would tell them, to the client's end and to the newest connection to a service."""

    def __init__(self, road):
        self.road, self.full, self.ended = road, {}, set()

    def play(self, name, what):
        who, _, does = name.partition(" ")
        if who in ("client", "service"):
            made = self.road.pool.made
            socket = self.road.client if who == "client" else made[-1] if made else None
            if socket is not None and not socket.closed:
                self.tell(socket, does, what)
        elif who == "journey":
            if self.road.journeys:
                journey = self.road.journeys[-1]
                {"answers": lambda: journey.answers(b"x"), "breaks": journey.breaks, "switches": journey.switches,
                 "speaks": lambda: speaks(journey, b"x"), "ends": lambda: speaks(journey, None)}[does]()  # fmt: skip
        elif who == "time":
            self.road.passes(what)
        elif who == "stops":
            self.road.fronts.pre_shutdown()
        else:
            self.road.pool.refuses = "no" if who == "refuses" else ""

    def tell(self, socket, does, what):
        protocol, full = socket.protocol, self.full.get(socket, False)
        if does in ("says", "ends") and socket in self.ended:
            return
        if does == "says" and not socket.paused:
            protocol.data_received(what)
        elif does == "ends":
            self.ended.add(socket)
            if not protocol.eof_received():
                socket.close()
        elif does == "goes":
            socket.lose()
        elif does == "full" and not full:
            self.full[socket] = True
            protocol.pause_writing()
        elif does == "ready" and full:
            self.full[socket] = False
            protocol.resume_writing()


def speaks(journey, said):
    if journey.service is not None:
        (journey.service.tunnel.end if said is None else lambda: journey.service.tunnel.put(said))()


@settings(max_examples=200, deadline=None, database=None)
@given(st.lists(EVENTS, max_size=25))
def test_whatever_happens_no_move_is_illegal_and_nothing_is_left_behind(events):
    async def story():
        road = Road(answer=10.0)
        relay = relay_of(road)
        road.lane.relays.find = lambda asked: relay
        told = Story(road)
        for name, what in events:
            told.play(name, what)
            await road.settle()
        if not road.client.closed:
            road.client.lose()
        for _ in range(3):
            await road.settle()
            if road.client.protocol.deadline != float("inf"):
                road.passes(5000)
        await road.settle()
        assert len(road.fronts) == 0
        assert road.counted("scopeproxy_calls_in_flight") == 0
        assert all(one.service.is_given_up for one in road.journeys if one.service is not None)
        road.pool.close()
        assert all(socket.closed for socket in road.pool.made)
        await road.settle()
        assert road.pool.counts() == {"in_use": 0, "idle": 0, "waiting": 0}

    asyncio.run(story())
