"""What the journal holds of a call comes out as it went in, and only for whom it was sealed."""

from __future__ import annotations

from dataclasses import replace

from scopeproxy.execution.envelope import Envelope
from scopeproxy.execution.spool import Spool, Spooled
from tests.execution.test_ledger_journal import ENVELOPE, LETTER, SECRET


def test_a_letter_comes_out_as_it_went_in_and_only_with_its_key_for_its_row():
    sealed = ENVELOPE.seal("w1", "Corte", LETTER)
    assert ENVELOPE.open("w1", "Corte", sealed) == LETTER
    assert SECRET.encode() not in sealed
    assert ENVELOPE.open("w1", "Paris", sealed) is None
    assert ENVELOPE.open("w2", "Corte", sealed) is None
    assert Envelope(b"other", Spool(None, b"other")).open("w1", "Corte", sealed) is None


def test_of_data_in_the_spool_only_the_length_is_told():
    spool = Spool("/spool", b"k" * 32)
    envelope = Envelope(b"k" * 32, spool)
    letter = replace(LETTER, request=replace(LETTER.request, body=spool.body("w1", 7)))
    opened = envelope.open("w1", "Corte", envelope.seal("w1", "Corte", letter))
    assert opened is not None
    body = opened.request.body
    assert isinstance(body, Spooled)
    assert (body.name, body.length) == ("w1", 7)
    assert replace(opened, request=LETTER.request) == LETTER


def test_a_mark_tells_nothing_without_the_key_and_names_are_their_owners():
    uuid = "5f64f646-d869-44d9-b434-f603198db6aa"
    assert ENVELOPE.marks([uuid], "u:p") == ENVELOPE.marks([uuid], "v:p")
    assert ENVELOPE.marks(["default"], "u:p") != ENVELOPE.marks(["default"], "v:p")
    assert Envelope(b"other", Spool(None, b"other")).marks([uuid], "u:p") != ENVELOPE.marks([uuid], "u:p")
