"""With a client's token go those that were had for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scopeproxy.execution.tokens.revocation import Revocation
from scopeproxy.model.identity import FailedLogin, Identity, Login, SiteToken, Token
from scopeproxy.model.messages import Reply, Unreached

WHO = Identity("u", "p", 9e9)
HERS = Token("hers")


class Ledger:
    def __init__(self, login):
        self.held = login

    async def forget_login(self, fingerprint):
        held, self.held = self.held, None
        return held

    async def note_revoked(self, fingerprint, until):
        self.revoked = {fingerprint}


class Validator:
    def __init__(self):
        self.forgotten = []

    def forget(self, fingerprint):
        self.forgotten.append(fingerprint)


async def test_every_site_is_asked_to_revoke_its_own_by_itself_and_one_that_is_down_holds_up_none():
    asked = []

    async def ask(site, request):
        asked.append((site, request.method, request.header("X-Auth-Token"), request.header("X-Subject-Token")))
        return Unreached(site, False, "down") if site == "Corte" else Reply(site, 204)

    sites = {
        "Paris": SiteToken("Paris", HERS, WHO),
        "Corte": SiteToken("Corte", Token("c"), WHO),
        "Nice": FailedLogin("Nice", 401, "no", 0.0),
        "Marseille": SiteToken("Marseille", Token("m"), WHO),
    }
    validator = Validator()
    revocation = Revocation(ask, Ledger(Login(HERS.fingerprint, "Paris", WHO, 0.0, sites)), validator, 1.0)
    await revocation.revoke(HERS.fingerprint)
    assert sorted(asked) == [("Corte", "DELETE", "c", "c"), ("Marseille", "DELETE", "m", "m")]
    assert set(validator.forgotten) == {HERS.fingerprint, Token("c").fingerprint, Token("m").fingerprint}


async def test_a_token_without_a_login_is_only_forgotten():
    validator = Validator()
    await Revocation(None, Ledger(None), validator, 1.0).revoke(HERS.fingerprint)
    assert validator.forgotten == [HERS.fingerprint]


@pytest.mark.parametrize(("expires", "known"), [(9e9, {HERS.fingerprint}), (1.0, None)])
async def test_what_was_revoked_is_told_from_what_had_expired(expires, known):
    ledger = Ledger(Login(HERS.fingerprint, "Paris", replace(WHO, expires=expires), 0.0, {}))
    await Revocation(None, ledger, Validator(), 1.0).revoke(HERS.fingerprint)
    assert getattr(ledger, "revoked", None) == known
