"""What can be done with a connection, and what is done with one that is gone."""

from __future__ import annotations

import asyncio

import pytest

from scopeproxy.execution.passthrough.wire import HIGH_WATER, Wire


class Pretended(asyncio.Transport):
    """A transport that notes what it is told.  `resets`: whether the other end has reset the connection."""

    def __init__(self, half_closes: bool = True, resets: bool = False) -> None:
        super().__init__()
        self.told: list[object] = []
        self.half_closes, self.resets, self.closing = half_closes, resets, False

    def get_extra_info(self, name, default=None):
        return ("192.0.2.1", 5) if name == "peername" else default

    def set_write_buffer_limits(self, high=None, low=None):
        self.told.append(high)

    def write(self, data):
        self.told.append(data)

    def can_write_eof(self):
        return self.half_closes

    def write_eof(self):
        if self.resets:
            raise OSError("not connected")
        self.told.append("eof")

    def pause_reading(self):
        self.told.append("pause")

    def resume_reading(self):
        self.told.append("resume")

    def is_closing(self):
        return self.closing

    def close(self):
        self.told.append("close")

    def abort(self):
        self.told.append("abort")


def made(**how):
    transport = Pretended(**how)
    return Wire(transport), transport


def test_a_wire_does_what_it_is_told():
    wire, transport = made()
    assert (wire.address, wire.is_there, wire.is_held_back, wire.can_half_close) == ("192.0.2.1", True, False, True)
    wire.write(b"data")
    wire.write(b"")
    wire.pause_reading()
    assert wire.is_held_back
    wire.resume_reading()
    assert not wire.is_held_back
    assert wire.write_eof()
    wire.close()
    wire.abort()
    assert transport.told == [HIGH_WATER, b"data", "pause", "resume", "eof", "close", "abort"]


@pytest.mark.parametrize(("then", "told"), [
    (lambda wire: wire.flush(), []),
    (lambda wire: wire.write(b"more"), [b"more"]),
    (lambda wire: wire.write_eof(), ["eof"]),
    (lambda wire: wire.close(), ["close"]),
])  # fmt: skip
def test_what_is_held_goes_before_all_else(then, told):
    wire, transport = made()
    wire.hold(b"he")
    wire.hold(b"ld")
    assert transport.told == [HIGH_WATER]
    then(wire)
    wire.flush()
    assert transport.told == [HIGH_WATER, b"held", *told]


def test_what_is_held_for_a_connection_that_ends_at_once_goes_nowhere():
    wire, transport = made()
    wire.hold(b"held")
    wire.is_there = False
    wire.flush()
    assert transport.told == [HIGH_WATER]


@pytest.mark.parametrize("how", ["lost", "closing"])
def test_nothing_is_asked_of_a_connection_that_is_gone(how):
    wire, transport = made()
    if how == "lost":
        wire.is_there = False
        wire.write(b"data")
    transport.closing = how == "closing"
    wire.pause_reading()
    wire.resume_reading()
    assert not wire.write_eof()
    assert (transport.told, wire.is_held_back) == ([HIGH_WATER], False)


@pytest.mark.parametrize("how", [{"half_closes": False}, {"resets": True}])
def test_whether_the_other_end_could_be_told_of_an_end_is_known(how):
    wire, transport = made(**how)
    assert wire.can_half_close is ("resets" in how)
    assert not wire.write_eof()
    assert transport.told == [HIGH_WATER]
