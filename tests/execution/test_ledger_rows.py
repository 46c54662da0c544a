"""Sealing: what is on disk opens with the site's key, in its own row, and nowhere else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.execution.ledger_rows import Safe
from scopeproxy.model.identity import Identity, SiteToken, Token

KEY = b"k" * 32
names = st.text(min_size=1, max_size=30)
entries = st.builds(
    SiteToken,
    names,
    st.builds(Token, names),
    st.builds(Identity, names, st.none() | names, st.floats(0, 1e12), st.frozensets(names, max_size=3)),
)


@given(names, entries)
def test_what_was_sealed_opens_again(login, entry):
    assert Safe(KEY).open(login, entry.site, Safe(KEY).seal(login, entry)) == entry


@given(names, entries)
def test_it_opens_neither_with_another_key_nor_in_another_row(login, entry):
    sealed = Safe(KEY).seal(login, entry)
    assert Safe(b"q" * 32).open(login, entry.site, sealed) is None
    assert Safe(KEY).open(login + "x", entry.site, sealed) is None
    assert Safe(KEY).open(login, entry.site + "x", sealed) is None


@given(names, entries)
def test_the_token_is_not_in_what_is_sealed(login, entry):
    token = "gAAAAAB" + entry.token.value
    sealed = Safe(KEY).seal(login, SiteToken(entry.site, Token(token), entry.identity))
    assert token.encode() not in sealed


@given(names, st.binary(max_size=200))
def test_what_was_never_sealed_is_as_good_as_absent(login, data):
    assert Safe(KEY).open(login, "Corte", data) is None
