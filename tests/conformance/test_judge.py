"""Messages made at random, and the tables' own, are read as h11 reads them, wherever they are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.planning.carriers import SEPARATOR, Tags
from tests.conformance import judge
from tests.conformance.smuggling import BODIES, HEADS, SMUGGLED
from tests.conformance.table import CASES

TOKEN = st.text("abcXYZ019!#$%&'*+-.^_`|~", min_size=1, max_size=8).map(str.encode)
VALUE = st.text('abc 019\t,;="/é', max_size=12).map(lambda text: text.encode())
# Names that matter come often, and rightly framed as well as wrongly.
LENGTHS = st.sampled_from([b"0", b"5", b" 5", b"5, 5", b"+5"])
CODINGS = st.sampled_from([b"chunked", b"Chunked", b"gzip"])
LINE = st.one_of(
    st.tuples(st.sampled_from([b"Content-Length", b"content-length"]), LENGTHS),
    st.tuples(st.sampled_from([b"Transfer-Encoding", b"TE", b"Trailer"]), CODINGS),
    st.tuples(TOKEN, VALUE),
)
BODY = st.one_of(
    st.sampled_from([b"", b"hello", b"hellohello", b"0\r\n\r\n"]),
    st.lists(st.binary(min_size=1, max_size=20), max_size=4).map(
        lambda parts: b"".join(b"%x;a=b\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\nX-T: 1\r\n\r\n"
    ),
)
CUTS = st.lists(st.integers(0, 400), max_size=6).map(tuple)


def head(first, lines):
    return b"\r\n".join([first, *(name + b":" + value for name, value in lines), b"", b""])


@given(TOKEN, st.lists(LINE, max_size=5), BODY, st.sampled_from([b"", SMUGGLED]), CUTS)
def test_requests_are_read_as_h11_reads_them(method, lines, body, after, cuts):
    judge.request(head(method + b" /x HTTP/1.1", [(b"Host", b"h"), *lines]) + body + after, cuts)


@given(st.integers(200, 599), st.lists(LINE, max_size=5), BODY, CUTS, st.sampled_from([b"GET", b"HEAD"]))
def test_answers_are_read_as_h11_reads_them(status, lines, body, cuts, method):
    judge.reply(head(b"HTTP/1.1 %d OK" % status, lines) + body, cuts, method)


@given(st.binary(max_size=300), CUTS)
def test_bytes_of_any_kind_are_read_or_refused(data, cuts):
    judge.request(data, cuts)
    judge.reply(data, cuts)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_has_to_pass_is_read_alike_when_cut_at_every_byte(case):
    whole = [judge.request(case.sent, (cut,)) for cut in range(len(case.sent))]
    assert all(whole) or not any(whole)
    for cut in range(len(case.answer)):
        judge.reply(case.answer, (cut,))


@pytest.mark.parametrize("trick", [*HEADS, *BODIES], ids=lambda trick: trick.name)
def test_no_trick_is_read_as_a_whole_request(trick):
    sent = trick.sent[:2000] if len(trick.sent) > 10_000 else trick.sent
    taken = any(judge.request(sent + SMUGGLED, (cut,)) for cut in range(0, len(sent), 3))
    # Which target and which Host are good is decided once the head is read.
    assert not taken or trick.rule in ("9112 3.2", "9112 3.2.2", "9112 3.2.3", "9112 3.2.4", "9110 4.2.1", "9110 4.2.4")


@given(st.text(max_size=60), st.text(max_size=60), st.text("abcABC019_-.", max_size=60))
def test_a_tag_that_nobody_made_is_no_tag(token, between, tag):
    tags = Tags(b"k" * 32, "Paris")
    judge.tag(tags, token + between)
    judge.tag(tags, token + SEPARATOR + tag)
