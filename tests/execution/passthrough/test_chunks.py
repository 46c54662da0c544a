"""Chunks are followed line by line; nothing that is malformed passes, wherever it is cut."""

from __future__ import annotations

import pytest

from scopeproxy.execution.passthrough.chunks import MOVES, Chunks, Where
from scopeproxy.execution.passthrough.head import Malformed

WHOLE = b"5;ext=1\r\nhello\r\n00A\r\n0123456789\r\n0\r\nX-T: 1\r\nEtag:\r\n\r\n"


def follow(chunks, *pieces):
    """What passes, and what is still held."""
    passed, held = b"", b""
    for piece in pieces:
        data = held + piece
        at = chunks.follow(data)
        passed, held = passed + data[:at], data[at:]
    return passed, held


def test_a_body_may_be_cut_anywhere_and_lines_pass_whole():
    for cut in range(len(WHOLE) + 1):
        chunks = Chunks()
        assert follow(chunks, WHOLE[:cut], WHOLE[cut:] + b"GET /") == (WHOLE, b"GET /")
        assert chunks.done
    chunks = Chunks()
    assert follow(chunks, *(WHOLE[at : at + 1] for at in range(len(WHOLE)))) == (WHOLE, b"")
    assert chunks.done


def test_all_moves_are_in_the_table_and_all_of_the_table_is_used():
    made = set()
    chunks, before = Chunks(), Where.SIZE
    data, held = WHOLE, b""
    for at in range(len(data)):
        held += data[at : at + 1]
        held = held[chunks.follow(held) :]
        if chunks.where is not before or chunks.where is Where.TRAILER:
            made.add((before, chunks.where))
            before = chunks.where
    table = {(one, other) for one, others in MOVES.items() for other in others}
    assert made <= table | {(Where.TRAILER, Where.TRAILER)}
    assert table <= made


@pytest.mark.parametrize(
    "wrong",
    [
        b"nonsense\r\n",
        b"g\r\n",
        b"\r\n",
        b" 5\r\nhello\r\n",
        b"5 \r\nhello\r\n",
        b"+5\r\nhello\r\n",
        b"-5\r\nhello\r\n",
        b"0x5\r\nhello\r\n",
        b"5_0\r\n",
        b"10000000000000000\r\n",
        b"0000000000000000\r\n",
        b"5\nhello\r\n",
        b"5;a\nb\r\n",
        b"5;a\0b\r\n",
        b"5\r\nhelloX\r\n",
        b"5\r\nhello\n",
        b"5\r\nhello\rX",
        b"0\r\nX-T : 1\r\n",
        b"0\r\n folded\r\n",
        b"0\r\nX-T: a\0b\r\n",
        b"0\r\nX-T\r\n",
        b"0\r\nContent-Length: 5\r\n",
        b"0\r\ntransfer-encoding: chunked\r\n",
        b"0\r\nHost: h\r\n",
        b"0\r\nX-Scope-Home: Corte\r\n",
        b"0\r\nX-Auth-Token: t\r\n",
        b"5;" + b"a" * 5000,
        b"0\r\n" + (b"X-T: " + b"a" * 1000 + b"\r\n") * 70,
    ],
)
def test_what_is_malformed_is_refused_and_does_not_pass(wrong):
    for size in (1, len(wrong)):
        chunks = Chunks()
        with pytest.raises(Malformed):
            follow(chunks, *(wrong[at : at + size] for at in range(0, len(wrong), size)))
        assert not chunks.done
