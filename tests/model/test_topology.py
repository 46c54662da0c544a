"""The values that describe sites: addresses, URLs, groups, distances, and what a scope may name."""

from __future__ import annotations

import pytest

from scopeproxy.model.topology import (
    Address,
    Endpoint,
    OwnService,
    ProxySettings,
    Site,
    Topology,
    Url,
    vocabulary,
)


def test_an_address_is_printed_as_it_is_written() -> None:
    assert str(Address("127.0.0.1", 5000)) == "127.0.0.1:5000"
    assert str(Address("::1", 5000)) == "[::1]:5000"


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("localhost.", True),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("localhost.example", False),
    ],
)
def test_what_is_on_loopback_stays_on_this_machine(host: str, here: bool) -> None:
    assert Address(host, 1).on_loopback is here


@pytest.mark.parametrize(
    ("url", "printed", "authority"),
    [
        (Url("http", Address("h", 80)), "http://h", "h"),
        (Url("https", Address("h", 443), "/identity"), "https://h/identity", "h"),
        (Url("https", Address("h", 80)), "https://h:80", "h:80"),
        (Url("http", Address("::1", 80)), "http://[::1]", "[::1]"),
        (Url("http", Address("::1", 5000), "/v3"), "http://[::1]:5000/v3", "[::1]:5000"),
    ],
)
def test_a_url_leaves_out_the_schemes_own_port(url: Url, printed: str, authority: str) -> None:
    assert str(url) == printed
    assert url.authority == authority
    assert url.origin == f"{url.scheme}://{authority}"


def test_a_proxy_listens_at_the_front_unless_told_otherwise() -> None:
    front = Url("http", Address("h", 1))
    assert Endpoint(front).socket == Address("h", 1)
    assert Endpoint(front, listen=Address("127.0.0.1", 2)).socket == Address("127.0.0.1", 2)


def site(name: str, host: str = "127.0.0.1", service: str = "image", **fields: object) -> Site:
    return Site(name, name, {service: Endpoint(Url("http", Address(host, 1)))}, **fields)  # type: ignore[arg-type]


PARIS = site("Paris", labels={"country": "France", "operator": "renater"}, shares={"network": frozenset({"Corte"})})
CORTE = site("Corte", labels={"country": "France"})
ROME = site("Rome", service="identity", labels={"city": "Rome", "country": "Italy"})
ALL = Topology(
    {"Paris": PARIS, "Corte": CORTE, "Rome": ROME},
    rtt={("Corte", "Paris"): 0.015},
    own_services={"docs": OwnService("docs")},
)


def test_sites_come_in_the_files_order() -> None:
    assert [site.name for site in ALL] == ["Paris", "Corte", "Rome"]
    assert ALL.group("France") == ("Paris", "Corte")
    assert ALL.group("Spain") == ()


def test_round_trips_are_the_same_both_ways() -> None:
    assert ALL.round_trip("Paris", "Corte") == ALL.round_trip("Corte", "Paris") == 0.015
    assert ALL.round_trip("Paris", "Paris") == 0
    assert ALL.round_trip("Paris", "Rome") is None


def test_either_end_may_say_what_is_shared() -> None:
    assert ALL.shared("network", "Paris", "Corte")
    assert ALL.shared("network", "Corte", "Paris")
    assert ALL.shared("storage", "Rome", "Rome")
    assert not ALL.shared("storage", "Paris", "Corte")
    assert not ALL.shared("network", "Paris", "Rome")


def test_the_operator_is_a_label() -> None:
    assert (PARIS.operator, CORTE.operator) == ("renater", "")


def test_one_keystone_makes_a_cloud_with_identities() -> None:
    assert ALL.has_identity
    assert not Topology({"Paris": PARIS}).has_identity


def test_a_topology_is_on_loopback_when_every_front_is() -> None:
    assert ALL.on_loopback
    assert not Topology({"Paris": PARIS, "Far": site("Far", "192.0.2.1")}).on_loopback


def test_a_scope_may_name_sites_groups_and_own_services() -> None:
    words = vocabulary(ALL)
    assert words.sites == {"Paris", "Corte", "Rome"}
    assert words.groups == {"France", "Italy", "Rome", "renater"}
    assert words.service("docs") == "docs"
    assert words.service("Nova") == "compute"


def test_a_databases_password_is_not_shown() -> None:
    assert "secret" not in repr(ProxySettings(state="mysql+pymysql://u:secret@h/db"))
