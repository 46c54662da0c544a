"""Who issued a token."""

from __future__ import annotations

import pytest

from scopeproxy.errors import Unauthorized
from scopeproxy.execution.tokens.issuers import Issuers
from scopeproxy.model.identity import Identity, Login, Token
from scopeproxy.model.topology import Address, Endpoint, Site, Topology, Url

END = Endpoint(Url("http", Address("127.0.0.1", 80)))
SITES = Topology(
    {
        "Paris": Site("Paris", "Paris", {"identity": END}),
        "Corte": Site("Corte", "Corte", {"identity": END}),
        "Docs": Site("Docs", "Docs", {"docs": END}),
    }
)
HERS = Token("hers")


class Logins:
    async def login(self, fingerprint):
        return Login(fingerprint, "Corte", Identity("u", "p", 0.0), 0.0) if fingerprint == HERS.fingerprint else None


@pytest.mark.parametrize(
    ("token", "home", "issuer"), [(Token("x"), "", "Paris"), (HERS, "", "Corte"), (HERS, "Paris", "Paris")]
)
async def test_what_came_along_counts_then_the_login_then_it_is_this_site(token, home, issuer):
    assert await Issuers(SITES, "Paris", Logins()).of(token, home) == issuer


@pytest.mark.parametrize("home", ["Nice", "Docs"])
async def test_a_home_without_a_keystone_is_refused(home):
    with pytest.raises(Unauthorized, match=f"one of {home}"):
        await Issuers(SITES, "Paris", Logins()).of(HERS, home)
