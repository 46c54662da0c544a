"""What a site's proxy section leaves out comes from the one for all sites, key by key."""

from __future__ import annotations

from scopeproxy.edges.defaults import settings
from scopeproxy.model.topology import Credentials, ProxySettings


def test_nothing_written_is_all_defaults() -> None:
    assert settings("A", {}, {}) == ProxySettings(state="sqlite:////var/lib/scopeproxy/A.db")


def test_nested_keys_are_overridden_one_by_one() -> None:
    found = settings("A", {"timeouts": {"total": 9.0}}, {"timeouts": {"total": 5.0, "connect": 1.0}, "catalog": "keep"})
    assert (found.timeouts.connect, found.timeouts.answer, found.timeouts.total) == (1.0, 60.0, 9.0)
    assert found.catalog == "keep"


def test_lists_are_overridden_as_a_whole() -> None:
    own = {"credentials": {"password_to": ()}, "trust": ("A",)}
    found = settings("A", own, {"credentials": {"password_to": ("B",), "token_to": ("C",)}, "trust": ("B",)})
    assert found.credentials == Credentials((), ("C",))
    assert found.trust == ("A",)


def test_the_own_key_for_one_peer_goes_before_the_one_for_all() -> None:
    found = settings("A", {"peer_keys": {"*": "/own"}}, {"peer_keys": {"B": "/b", "*": "/all"}})
    assert (found.peer_key, found.peer_keys) == ("/own", {"B": "/b"})
    assert settings("A", {"peer_keys": {"*": "/all"}}, {"peer_key": "/said"}).peer_key == "/said"


def test_the_site_stands_quoted_in_state_and_key() -> None:
    found = settings("São Tomé/1", {}, {"state": "db://h/{site}", "key": "/k/{site}", "spool": "/s/{site}"})
    assert found.state == "db://h/S%C3%A3o%20Tom%C3%A9%2F1"
    assert found.key == "/k/S%C3%A3o%20Tom%C3%A9%2F1"
    assert found.spool == "/s/S%C3%A3o%20Tom%C3%A9%2F1"
