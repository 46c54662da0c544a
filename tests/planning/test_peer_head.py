"""The head of a call to another site's proxy: what goes along of the client's, what is told, and what is signed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scopeproxy.model.identity import Token
from scopeproxy.model.messages import Body, Header, Held
from scopeproxy.planning.peer_head import Client, common, framed_anew, framing, hop_of, hops_of, told

CLIENT = Client("192.0.2.1", "http", "nova.paris.example", proved=False)
PEER = CLIENT._replace(proved=True)


def test_what_is_told_anew_or_stays_here_is_left_out() -> None:
    headers = (
        *(("Host", "h"), ("X-Custom", "kept"), ("X-Auth-Token", "secret"), ("X-Scope", "{*: Paris}")),
        *(("X-Scope-Home", "forged"), ("Connection", "x-hop"), ("X-Hop", "1"), ("Cookie", "secret")),
    )
    passed, token = common(headers, ("Cookie",), CLIENT, "Paris")
    assert passed == (
        ("X-Custom", "kept"),
        ("X-Forwarded-For", "192.0.2.1"),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Host", "nova.paris.example"),
        ("Via", "1.1 Paris (scopeproxy)"),
    )
    assert token == Token("secret")


@pytest.mark.parametrize(
    ("client", "via"),
    [
        (CLIENT, "1.1 squid, 1.1 Paris (scopeproxy)"),
        (PEER, "1.1 squid, 1.1 Corte (scopeproxy), 1.1 Paris (scopeproxy)"),
    ],
)
def test_the_sites_passed_are_told_by_peers_alone(client: Client, via: str) -> None:
    passed, _ = common((("Via", "1.1 squid, 1.1 Corte (scopeproxy)"),), (), client, "Paris")
    assert dict(passed)["Via"] == via


def test_only_what_there_is_to_tell_is_told() -> None:
    assert told(None, "", "", "", "", 1) == (("X-Scope-Hops", "1"),)
    assert told(Token("secret"), "{*: Corte}", "strict", "Saint-Étienne", "Paris", 2) == (
        ("X-Auth-Token", "secret"),
        ("X-Scope", "{*: Corte}"),
        ("X-Scope-Options", "strict"),
        ("X-Scope-Home", "Saint-%C3%89tienne"),
        ("X-Scope-Entry", "Paris"),
        ("X-Scope-Hops", "2"),
    )


class Coming:
    """A body that is on its way."""

    length, replayable = 3, True


@pytest.mark.parametrize(
    ("body", "dropped", "added"),
    [
        (Held(b"{}"), ("Expect", "Content-Length"), (("Content-Length", "2"),)),
        (Held(), ("Expect",), ()),
        (Coming(), (), ()),
    ],
)
def test_a_body_at_hand_is_waited_for_by_nobody(body: Body, dropped: tuple[str, ...], added: tuple[Header]) -> None:
    assert (framed_anew(body), framing(body)) == (dropped, added)


def test_what_is_signed_is_what_the_receiver_reads() -> None:
    beside = told(Token("secret"), "{*: Corte}", "strict", "Paris", "Paris", 3)
    passed, _ = common((("X-Forwarded-Host", "forged"),), (), CLIENT, "Paris")
    signed = hop_of((*beside, ("X-Forwarded-Host", CLIENT.host)), "Corte", "image", "Paris")
    assert replace(signed, site="") == hop_of((*passed, *beside), "Corte", "image")
    assert signed.fingerprint == Token("secret").fingerprint


@pytest.mark.parametrize(("text", "hops"), [("3", 3), ("", 0), ("-1", 0), ("٣", 0), ("1000", 0), ("x", 0)])
def test_a_count_that_makes_no_sense_counts_nothing(text: str, hops: int) -> None:
    assert hops_of((("x-scope-hops", text),)) == hops
