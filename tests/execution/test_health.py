"""Which sites are believed down, and when they are probed; time is passed in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from scopeproxy.execution.health import PROBE_DOWN_EVERY, PROBE_UP_EVERY, TICK, Health, Probe
from scopeproxy.model.messages import Outcome, Reply, Unreached

DOWN, LOST = Unreached("Corte", False, "connection refused"), Unreached("Corte", True, "timeout")


class Clock:
    """Seconds, as the test has them."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(["Corte", "Lyon"], clock)


def test_nothing_is_known_at_first(health: Health) -> None:
    assert (health.state("Corte"), health.believed_down("Corte"), health.round_trip("Corte")) == (
        "unknown",
        False,
        None,
    )
    assert health.peers == ("Corte", "Lyon")


def test_a_site_is_down_from_a_call_that_could_not_be_sent_until_one_is_answered(health: Health) -> None:
    health.note("Corte", DOWN)
    assert health.state("Corte") == "down"
    health.note("Corte", Reply("Corte", 500))
    assert health.state("Corte") == "up"


def test_a_slow_answer_makes_no_site_down(health: Health) -> None:
    health.note("Corte", LOST)
    assert not health.believed_down("Corte")


async def test_a_probe_that_is_not_answered_makes_a_site_down(health: Health) -> None:
    await health.probe("Corte", probe_of(LOST))
    assert health.state("Corte") == "down"


async def test_round_trips_are_smoothed(health: Health, clock: Clock) -> None:
    async def taking(seconds: float) -> None:
        async def probe(site: str) -> Outcome:
            clock.now += seconds
            return Reply(site, 204)

        await health.probe("Corte", probe)

    await taking(0.08)
    assert health.round_trip("Corte") == pytest.approx(0.08)
    await taking(0.16)
    assert health.round_trip("Corte") == pytest.approx(0.09)


async def test_the_answer_to_a_probe_is_let_go_of(health: Health) -> None:
    # Each probe left a connection behind.
    stream = Stream()
    await health.probe("Corte", probe_of(Reply("Corte", 200, rest=stream)))
    assert stream.closed


async def test_sites_that_are_down_are_probed_every_second_and_the_others_every_half_minute(
    health: Health, clock: Clock
) -> None:
    assert health.due() == ("Corte", "Lyon")
    await health.probe("Corte", probe_of(DOWN))
    await health.probe("Lyon", probe_of(Reply("Lyon", 204)))
    assert health.due() == ()
    clock.now += PROBE_DOWN_EVERY
    assert health.due() == ("Corte",)
    clock.now += PROBE_UP_EVERY
    assert health.due() == ("Corte", "Lyon")
    assert PROBE_DOWN_EVERY + TICK <= 1


async def test_a_call_that_finds_a_site_down_makes_it_due(health: Health, clock: Clock) -> None:
    await health.probe("Corte", probe_of(Reply("Corte", 204)))
    health.note("Corte", DOWN)
    clock.now += PROBE_DOWN_EVERY
    assert "Corte" in health.due()


async def test_a_site_that_keeps_its_probe_waiting_does_not_hold_up_the_others(health: Health, clock: Clock) -> None:
    # One site that took connections and never answered kept all others from being found again for a minute.
    probed: list[str] = []

    async def probe(site: str) -> Outcome:
        probed.append(site)
        if site == "Corte":
            await asyncio.Event().wait()
        return Unreached(site, False, "connection refused")

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(0)
        clock.now += seconds
        if clock.now > 103:
            raise EOFError

    with pytest.raises(ExceptionGroup):
        await health.watch(probe, sleep)
    assert (probed.count("Corte"), probed.count("Lyon")) == (1, 5)


class Stream:
    """A body that nobody reads."""

    closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"never read"

    async def aclose(self) -> None:
        self.closed = True


def probe_of(outcome: Outcome) -> Probe:
    async def probe(site: str) -> Outcome:
        return outcome

    return probe
