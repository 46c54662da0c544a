"""Which strategy applies to a call, told from the topology alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scopeproxy.edges.settings import STRATEGIES
from scopeproxy.lang.parser import parse
from scopeproxy.model.identity import FailedLogin, Identity, Login, SiteToken, Token
from scopeproxy.model.topology import Account, Address, Credentials, Endpoint, ProxySettings, Site, Topology, Url
from scopeproxy.planning.strategies import (
    WHY_NOT,
    Case,
    covered,
    remedy,
    sites_to_log_in_at,
    strategy_for,
    where_to_log_in,
    why_not,
)

END = Endpoint(Url("http", Address("127.0.0.1", 80)))
KINDS = ("identity", "image", "compute")


ACCOUNTS = {"Corte": (Account("member", "paris", "/pw", {"demo": "demo"}),)}


def sites(*tokens, shares=(), corte=None, **proxy):
    settings = ProxySettings(tokens=tokens, **proxy)
    made = {name: Site(name, name, dict.fromkeys(KINDS, END), proxy=settings) for name in ("Paris", "Corte", "Nice")}
    made["Paris"] = replace(made["Paris"], shares={"identity": frozenset(shares)})
    if corte is not None:
        made["Corte"] = replace(made["Corte"], proxy=corte)
    return Topology(made)


def case(service="image", here="Paris", site="Corte", issuer="Paris"):
    return Case(service, here, site, issuer)


def test_every_strategy_of_the_file_has_a_row():
    assert set(WHY_NOT) == set(STRATEGIES)


@pytest.mark.parametrize(
    ("topology", "service", "strategy"),
    [
        (sites("login", "home"), "image", "login"),
        (sites("home", "login"), "image", "home"),
        (sites("home", "login"), "identity", "login"),
        (sites("home"), "identity", None),
        (sites("home", "shared"), "identity", None),
        (sites("home", "shared", shares=["Corte"]), "identity", "shared"),
        (sites("federated", "account"), "image", None),
        (sites("federated", "account", accounts=ACCOUNTS), "image", "account"),
        (sites("account", accounts=ACCOUNTS, credentials=Credentials(password_to=())), "identity", "account"),
        (sites("login", "account", accounts=ACCOUNTS), "image", "login"),
        (sites("account", accounts={"Nice": ()}), "image", None),
        (sites("login", "home", credentials=Credentials(password_to=())), "image", "home"),
        (sites("home", "login", corte=ProxySettings(tokens=("login",))), "image", "login"),
        (sites("home", corte=ProxySettings(tokens=("home",), trust=("Nice",))), "image", None),
        (sites(), "image", None),
    ],
)
def test_the_first_that_applies_in_the_operators_order(topology, service, strategy):
    assert strategy_for(case(service), topology) == strategy


def test_home_at_the_site_itself_is_by_its_own_will():
    there = case(here="Corte")
    assert strategy_for(there, sites("home")) == "home"
    assert why_not("home", there, sites("home", trust=("Nice",))) == "proxy.trust of Corte does not list Paris"


def test_an_account_stands_for_tokens_of_this_site_and_needs_a_keystone_and_a_safe_way_there():
    paris = sites("account", accounts=ACCOUNTS)
    assert "this one is Nice's" in why_not("account", case(issuer="Nice"), paris)
    bare = replace(paris.sites["Corte"], services={"image": END})
    assert why_not("account", case(), replace(paris, sites={**paris.sites, "Corte": bare})) == "Corte has no keystone"
    plain = replace(bare, services={"identity": Endpoint(Url("http", Address("192.0.2.1", 80)))})
    said = why_not("account", case(), replace(paris, sites={**paris.sites, "Corte": plain}))
    assert said.startswith("Paris sends no password to Corte over plain http")


@pytest.mark.parametrize(
    ("topology", "service", "told"),
    [
        (sites("login"), "image", "log in again under this scope"),
        (sites("home"), "identity", "login would do, or shared would"),
        (sites("home", "shared"), "image", "login would do: see proxy.tokens of Paris"),
        (sites("login", credentials=Credentials(password_to=())), "image", "shared would"),
    ],
)
def test_what_would_do(topology, service, told):
    assert told in remedy(case(service), topology)


@pytest.mark.parametrize(
    ("topology", "scope", "issuer", "logins"),
    [
        (sites("login"), "{glance: Corte}", "Paris", ["Corte"]),
        (sites("login", "home"), "{glance: Corte|Nice}", "Paris", ["Corte", "Nice"]),
        (sites("home", "login"), "{glance: Corte}", "Paris", []),
        (sites("home", "login"), "{glance: Nice, keystone: Paris&Corte}", "Paris", ["Corte"]),
        (sites("home", "login"), "*: Corte", "Corte", []),
        (sites("home", "login"), "*: Paris&Corte", "Paris", ["Corte"]),
        (sites("shared", "login", shares=["Corte"]), "{keystone: Paris&Corte, nova: Nice}", "Paris", ["Nice"]),
        (sites("login"), "{keystone: Corte}", "Corte", ["Paris"]),
        (sites("home", "login"), "{keystone: Corte}", "Corte", []),
        (sites("login", credentials=Credentials(password_to=())), "{glance: Corte}", "Paris", ["Corte"]),
        (sites("home"), "{keystone: Paris&Corte}", "Paris", []),
    ],
)
def test_logins_are_made_where_something_needs_them(topology, scope, issuer, logins):
    assert sites_to_log_in_at(parse(scope), "Paris", issuer, topology) == logins


@pytest.mark.parametrize(
    ("scope", "order"),
    [
        ("{glance: Corte}", ("Paris",)),
        ("{keystone: Corte|Paris}", ("Corte", "Paris")),
        ("{keystone: Corte&Paris}", ("Paris",)),
        ("{keystone: Corte&Nice}", ("Corte",)),
        ("*: Nice", ("Nice",)),
    ],
)
def test_a_client_logs_in_where_keystone_is_bound(scope, order):
    assert where_to_log_in(parse(scope), "Paris") == order


@pytest.mark.parametrize(
    ("topology", "failed", "sites"),
    [
        (sites("login"), (), ["Paris", "Corte"]),
        (sites("login"), ("Nice",), ["Paris", "Corte"]),
        (sites("login", "home"), (), ["Paris", "Corte", "Nice"]),
        # A login that was refused stands, but for those for whom an account stands in.
        (sites("login", "home"), ("Nice",), ["Paris", "Corte"]),
        (sites("login", "account", accounts={"Nice": ()}), ("Nice",), ["Paris", "Corte", "Nice"]),
        (sites("login", "account", accounts=ACCOUNTS), ("Nice",), ["Paris", "Corte"]),
    ],
)
def test_a_login_covers_the_sites_that_any_strategy_has_a_token_for(topology, failed, sites):
    who = Identity("u", "p", 9e9)
    made = {site: SiteToken(site, Token(site), who) for site in ("Paris", "Corte")}
    login = Login("f", "Paris", who, 0.0, made | {site: FailedLogin(site, 401, "no", 0.0) for site in failed})
    assert covered("Paris", topology, login) == sites
