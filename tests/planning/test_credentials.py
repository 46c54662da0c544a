"""Where passwords and tokens may be sent."""

from __future__ import annotations

import pytest

from scopeproxy.model.topology import Address, Credentials, ProxySettings, Site, Url
from scopeproxy.planning.credentials import PASSWORD, TOKEN, withheld

TLS, CLEAR, LOOPBACK = (
    Url(scheme, Address(host, 5000)) for scheme, host in (("https", "corte"), ("http", "corte"), ("http", "127.0.0.1"))
)


def site(name: str, operator: str = "us", **settings: object) -> Site:
    return Site(name, name, {}, {"operator": operator}, proxy=ProxySettings(**settings))  # type: ignore[arg-type]


PARIS, CORTE, FOREIGN = site("Paris"), site("Corte"), site("Lyon", "them")


@pytest.mark.parametrize("kind", [PASSWORD, TOKEN])
def test_credentials_go_to_sites_of_the_same_operator(kind: str) -> None:
    assert withheld(kind, PARIS, CORTE, TLS) is None
    assert f"Paris sends no {kind} to Lyon" in (withheld(kind, PARIS, FOREIGN, TLS) or "")


def test_what_is_listed_replaces_the_operators_label() -> None:
    here = site("Paris", credentials=Credentials(password_to=("Lyon",), token_to=("*",)))
    assert withheld(PASSWORD, here, FOREIGN, TLS) is None
    assert "credentials.password_to" in (withheld(PASSWORD, here, CORTE, TLS) or "")
    assert withheld(TOKEN, here, FOREIGN, TLS) is None


def test_an_empty_list_lets_nothing_out() -> None:
    assert withheld(TOKEN, site("Paris", credentials=Credentials(token_to=())), CORTE, TLS)


def test_nothing_goes_in_the_clear_beyond_loopback() -> None:
    assert "plain http" in (withheld(TOKEN, PARIS, CORTE, CLEAR) or "")
    assert withheld(TOKEN, PARIS, CORTE, LOOPBACK) is None
    assert withheld(TOKEN, site("Paris", insecure=True), CORTE, CLEAR) is None


def test_insecure_allows_no_site_that_is_not_allowed() -> None:
    assert withheld(PASSWORD, site("Paris", insecure=True), FOREIGN, CLEAR)


def test_a_site_keeps_nothing_from_itself() -> None:
    assert withheld(PASSWORD, PARIS, PARIS, CLEAR) is None
