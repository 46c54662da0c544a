"""The head of a relayed call: the same each time, but for its signature."""

from __future__ import annotations

from tests.execution.passthrough.conftest import relay_of


def test_each_call_has_a_signature_of_its_own(road):
    relay = relay_of(road)
    heads = [relay.head, relay.head]
    assert heads[0] != heads[1]
    for number, head in enumerate(heads):
        first, host, signature, *rest = head.split(b"\r\n")
        assert (first, host, rest) == (b"GET /there/x HTTP/1.1", b"Host: corte", [b"", b""])
        assert signature == b"X-Scope-Signature: %d" % number
