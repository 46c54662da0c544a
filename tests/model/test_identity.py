"""Who a token speaks for, and that the token itself is shown nowhere."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from scopeproxy.model.identity import FailedLogin, Identity, Login, SiteToken, Token

SECRET = "gAAAAABo-this-is-the-secret"
TOKEN = Token(SECRET)
IDENTITY = Identity("user", "project", 1000.0, frozenset({"member"}))
SITE_TOKEN = SiteToken("Corte", TOKEN, IDENTITY)
FAILED = FailedLogin("Marseille", 401, "the password is not known there", 5.0)
LOGIN = Login(TOKEN.fingerprint, "Paris", IDENTITY, 5.0, {"Corte": SITE_TOKEN, "Marseille": FAILED})


@pytest.mark.parametrize(
    "show", [repr, str, format, "{!r:}".format, lambda value: f"{value}", lambda value: f"{[value]}"]
)
@pytest.mark.parametrize("value", [TOKEN, SITE_TOKEN, LOGIN], ids=lambda value: type(value).__name__)
def test_a_token_is_not_shown(value: object, show: Callable[[object], str]) -> None:
    shown = show(value)
    # Not a part of it either: the beginning of a token that somebody guesses is worth something.
    assert not [part for part in (SECRET, SECRET[:8], SECRET[-8:]) if part in shown]


def test_a_token_is_not_shown_by_what_fails_with_it() -> None:
    with pytest.raises(KeyError) as missing:
        {}[TOKEN]
    assert SECRET not in str(missing.value)
    assert SECRET not in repr(missing.value)


def test_a_token_is_shown_by_the_beginning_of_its_fingerprint() -> None:
    digest = hashlib.sha256(SECRET.encode()).hexdigest()
    assert TOKEN.fingerprint == digest
    assert str(TOKEN) == repr(TOKEN) == f"Token({digest[:8]}…)"


def test_equal_tokens_have_one_fingerprint_and_others_do_not() -> None:
    assert Token(SECRET) == TOKEN
    assert Token(SECRET).fingerprint == TOKEN.fingerprint
    assert Token(SECRET + "x").fingerprint != TOKEN.fingerprint


def test_a_token_of_any_characters_has_a_fingerprint() -> None:
    assert len(Token("").fingerprint) == len(Token("clé-東京").fingerprint) == 64


def test_what_a_login_left_behind_is_told_without_the_token() -> None:
    shown = repr(LOGIN)
    assert [word for word in ("Paris", "Corte", "Marseille", "401", TOKEN.fingerprint) if word not in shown] == []
    assert dict(Login("fingerprint", "Paris", IDENTITY, 5.0).sites) == {}
