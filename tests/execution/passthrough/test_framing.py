"""How far a body goes is read in one way only; h11, which knows nothing of us, agrees wherever it is cut."""

from __future__ import annotations

from itertools import pairwise

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.execution.passthrough.framing import CHUNKED, TO_THE_END, check_old, follower, of_reply, of_request
from scopeproxy.execution.passthrough.head import Fields, Malformed, ReplyHead


def lines(*texts):
    return Fields(b"\r\n".join([b"", *texts, b"", b""])).lines


def answer(status, *texts, minor=b"1"):
    data = b"\r\n".join([b"HTTP/1.%b %d So so" % (minor, status), *texts, b"", b""])
    return ReplyHead(data, len(data))


def test_a_body_has_a_length_or_chunks_or_is_none():
    assert of_request(lines(b"Content-Length: 17")) == 17
    assert of_request(lines(b"content-length:\t0 ")) == 0
    assert of_request(lines(b"Transfer-Encoding: Chunked")) == CHUNKED
    assert of_request(lines(b"Host: h")) == 0


WRONG = [
    (b"Content-Length: 1", b"Content-Length: 1"),
    (b"Content-Length: 1, 1",),
    (b"Content-Length: 1", b"Transfer-Encoding: chunked"),
    (b"Transfer-Encoding: chunked", b"Content-Length: 1"),
    (b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
    (b"Transfer-Encoding: gzip, chunked",),
    (b"Transfer-Encoding: chunked, identity",),
    (b"Transfer-Encoding: xchunked",),
    (b"Transfer-Encoding: chunked;a=b",),
    (b"Transfer-Encoding: identity",),
    (b"Transfer-Encoding:",),
    (b"Content-Length:",),
    (b"Content-Length: +1",),
    (b"Content-Length: -1",),
    (b"Content-Length: 0x1",),
    (b"Content-Length: 1_0",),
    (b"Content-Length: 1 0",),
    (b"Content-Length: 1.0",),
    (b"Content-Length: \xc2\xb2",),
    (b"Content-Length: 9999999999999999999",),
]


@pytest.mark.parametrize("wrong", WRONG)
def test_framing_that_two_could_read_in_two_ways_is_refused(wrong):
    with pytest.raises(Malformed):
        of_request(lines(*wrong))
    with pytest.raises(Malformed):
        of_reply(b"GET", answer(200, *wrong))


def test_http_1_0_knows_no_chunks():
    chunked = b"Transfer-Encoding: chunked"
    with pytest.raises(Malformed):
        check_old(lines(chunked))
    with pytest.raises(Malformed):
        of_reply(b"GET", answer(200, chunked, minor=b"0"))
    assert of_reply(b"GET", answer(200, chunked)) == CHUNKED
    check_old(lines(b"Content-Length: 3"))


def test_an_answer_without_framing_goes_to_the_end_and_some_have_no_body_whatever_they_say():
    assert of_reply(b"GET", answer(200)) == TO_THE_END
    assert of_reply(b"GET", answer(200, b"Content-Length: 7")) == 7
    for said in ((b"Content-Length: 7",), (b"Transfer-Encoding: chunked",), ()):
        assert of_reply(b"HEAD", answer(200, *said)) == 0
        for status in (100, 103, 204, 304):
            assert of_reply(b"GET", answer(status, *said)) == 0


def pieces(data, cuts):
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def followed(framing, given_):
    """All that passes of a body whose pieces come like this, and what is left of the last piece at its end."""
    body, passed, held = follower(framing), b"", b""
    for piece in given_:
        data = held + piece
        if body.done:
            held = data
            continue
        at = body.follow(data)
        passed, held = passed + data[:at], data[at:]
    return passed, held, body.done


BODIES = st.lists(st.binary(min_size=1, max_size=40), max_size=6)
AFTER = st.sampled_from([b"", b"GET / HTTP/1.1\r\n", b"\r\n", b"0"])


def chunks(parts, extension=b"", trailers=b""):
    return b"".join(b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part in parts) + b"0\r\n" + trailers + b"\r\n"


@given(BODIES, AFTER, st.lists(st.integers(min_value=0)), st.sampled_from([b"", b";a=b", b'; q="x"']))
def test_bodies_end_where_h11_says_however_they_are_cut(parts, after, cuts, extension):
    for framing, head, body in (
        (len(b"".join(parts)), b"Content-Length: %d" % len(b"".join(parts)), b"".join(parts)),
        (CHUNKED, b"Transfer-Encoding: chunked", chunks(parts, extension, b"X-T: 1\r\n")),
    ):
        passed, left, done = followed(framing, pieces(body + after, cuts))
        assert done
        assert (passed, left) == (body, after)
        server = h11.Connection(h11.SERVER)
        server.receive_data(b"POST / HTTP/1.1\r\nHost: h\r\n" + head + b"\r\n\r\n" + passed)
        data = b""
        while not isinstance(event := server.next_event(), h11.EndOfMessage):
            assert event is not h11.NEED_DATA
            data += bytes(event.data) if isinstance(event, h11.Data) else b""
        assert data == b"".join(parts)
        assert server.trailing_data[0] == b""


def test_an_endless_body_takes_everything():
    passed, left, done = followed(TO_THE_END, [b"abc", b"", b"d"])
    assert (passed, left, done) == (b"abcd", b"", False)
