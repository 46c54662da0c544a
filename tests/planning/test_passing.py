"""Which calls pass untouched: none of which a journey would change more than every proxy does."""

from __future__ import annotations

import pytest

from scopeproxy.model.identity import Token
from scopeproxy.model.messages import Request
from scopeproxy.model.services import SERVICES
from scopeproxy.planning.carriers import Tags, mint
from scopeproxy.planning.passing import passes

GET, POST = ("GET", "/servers"), ("POST", "/servers")


@pytest.mark.parametrize("service", sorted(SERVICES))
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
def test_calls_without_a_carrier_pass(service, method):
    headers = (("X-Auth-Token", "gAAAA"), ("X-OpenStack-Request-ID", "req-1"), ("Via", "1.1 fred"), ("Accept", "*/*"))
    assert passes(Request(service, method, "/v3/things/1?a=b", headers))


@pytest.mark.parametrize(
    "header",
    [
        ("X-Scope", "{}"),
        ("x-scope", "nonsense"),
        ("X-Scope-Options", "strict"),
        ("X-Scope-Home", "Corte"),
        ("X-Scope-Entry", "Corte"),
        ("X-Scope-Hops", "1"),
        ("X-Scope-Signature", "v1"),
        ("X-OpenStack-Request-ID", mint()),
        ("X-Auth-Token", Tags(b"k" * 32, "Paris").tag(Token("gAAAA"), "{}", "", "", 9e9).value),
        ("X-Subject-Token", Tags(b"k" * 32, "Paris").tag(Token("gAAAA"), "{}", "", "", 9e9).value),
        ("Via", "1.1 fred, 1.1 Paris (scopeproxy)"),
    ],
)
def test_whatever_carries_or_is_for_proxies_is_looked_at(header):
    assert not passes(Request("compute", "GET", "/servers", (("Accept", "*/*"), header)))


def test_which_of_two_tokens_counts_is_not_guessed():
    assert not passes(Request("compute", "GET", "/servers", (("X-Auth-Token", "a"), ("x-auth-token", "b"))))


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
@pytest.mark.parametrize(
    "path",
    [
        "/v3/auth/tokens",
        "/v3/auth/tokens/",
        "/v3//auth/tokens",
        "/v3/auth/catalog",
        "/v3/auth/projects",
        "/v2.0/tokens",
        "/v2.0/tokens/abc",
        "/v3/ec2tokens",
        "/v3/s3tokens",
    ],
)
def test_keystones_calls_about_tokens_are_looked_at(method, path):
    assert not passes(Request("identity", method, path))
    assert passes(Request("compute", method, path))


@pytest.mark.parametrize("path", ["/", "/v3", "/v3/users", "/v3/projects/1", "/v3/OS-TRUST/trusts", "/v3/credentials"])
def test_keystones_other_calls_pass(path):
    assert passes(Request("identity", "GET", path))
