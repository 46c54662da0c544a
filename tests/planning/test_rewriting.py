"""What changes on a message as it passes, and that nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.model.messages import Headers, Held, Request, header
from scopeproxy.planning.rewriting import end_to_end, forwarded_for, is_trusted, opens_websocket, visited, with_via

PLAIN = (("Accept", "*/*"), ("Range", "bytes=0-"), ("ETag", "x"), ("X-Service-Token", "t"), ("Accept", "text/html"))


def names(headers: Headers) -> list[str]:
    return [name for name, _ in headers]


def test_headers_for_the_other_end_pass_in_order_and_case() -> None:
    assert end_to_end(PLAIN) == PLAIN


@pytest.mark.parametrize(
    "name",
    ["Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "TE", "trailer",
     "Transfer-Encoding", "UPGRADE"],
)  # fmt: skip
def test_hop_by_hop_headers_go(name: str) -> None:
    assert end_to_end((*PLAIN, (name, "x"))) == PLAIN


def test_what_is_named_in_connection_goes_with_it() -> None:
    headers = (("Connection", "close, X-Mine"), *PLAIN, ("x-mine", "1"), ("connection", "X-Other"), ("X-Other", "2"))
    assert end_to_end(headers) == PLAIN


def test_via_is_added_at_the_end() -> None:
    assert with_via(PLAIN, "Paris")[-1] == ("Via", "1.1 Paris (scopeproxy)")
    before = (("via", "1.0 cache"), *PLAIN)
    assert with_via(before, "Paris") == (("via", "1.0 cache, 1.1 Paris (scopeproxy)"), *PLAIN)


def test_no_site_is_lost_when_via_came_in_several_fields() -> None:
    # The loop guard forgot the sites of every field but the first.
    headers = (("Via", "1.1 Paris (scopeproxy)"), ("Via", "1.1 haproxy"), ("Via", "1.1 Corte (scopeproxy)"))
    assert visited(with_via(headers, "Lyon")) == ("Paris", "Corte", "Lyon")


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=12), max_size=5))
def test_the_sites_in_via_are_those_that_were_passed(sites: list[str]) -> None:
    headers: Headers = (("Via", "1.1 cache (Paris)"),)
    for site in sites:
        headers = with_via(headers, site)
    assert visited(headers) == tuple(sites)
    assert (header(headers, "Via") or "").isascii()


def test_what_a_client_says_of_its_way_is_replaced() -> None:
    lies = [("Forwarded", "for=1.1.1.1"), ("X-Real-IP", "1.1.1.1")]
    lies += [(f"x-forwarded-{what}", "lie") for what in ("for", "host", "proto", "port", "prefix", "server", "ssl")]
    assert forwarded_for((*lies, *PLAIN), "10.0.0.9", "https", "glance.paris", ()) == (
        *PLAIN,
        ("X-Forwarded-For", "10.0.0.9"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "glance.paris"),
    )


def test_a_trusted_proxy_is_believed_and_added_to() -> None:
    said = (("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-For", "2.2.2.2"), ("X-Forwarded-Proto", "https"))
    assert forwarded_for(said, "10.0.0.9", "http", "glance.paris", ("10.0.0.0/8",)) == (
        ("X-Forwarded-For", "1.1.1.1, 2.2.2.2, 10.0.0.9"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "glance.paris"),
    )


@pytest.mark.parametrize(
    ("client", "expected"),
    [("10.1.2.3", True), ("11.1.2.3", False), ("::ffff:10.1.2.3", True), ("fd00::1", True), ("", False), ("x", False)],
)
def test_trusted_proxies_are_addresses_or_networks(client: str, expected: bool) -> None:
    assert is_trusted(client, ("10.0.0.0/8", "fd00::1")) is expected


@pytest.mark.parametrize(
    ("method", "headers", "opens"),
    [
        ("GET", (("connection", "keep-alive, upgrade"), ("UPGRADE", "WebSocket")), True),
        ("GET", (("Connection", "keep-alive"), ("Connection", "Upgrade"), ("Upgrade", "websocket")), True),
        ("GET", (("Upgrade", "websocket"),), False),
        ("GET", (("Connection", "Upgrade"), ("Upgrade", "h2c")), False),
        ("GET", (("Connection", "Upgrade"),), False),
        ("POST", (("Connection", "Upgrade"), ("Upgrade", "websocket")), False),
    ],
)
def test_a_websocket_is_opened_by_who_says_so_rightly(method: str, headers: Headers, opens: bool) -> None:
    assert opens_websocket(Request("docs", method, "/x", headers)) == opens
    assert not opens_websocket(Request("docs", method, "/x", headers, Held(b"hi")))
