"""A call that says it is a peer's is believed once, and only with proof."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scopeproxy.edges.peers import Peers
from scopeproxy.errors import Forbidden
from scopeproxy.model.topology import ProxySettings, Site, Topology
from scopeproxy.planning.peer_head import hop_of
from scopeproxy.planning.signing import SIGNATURE, WINDOW, NonceMemory, sign

KEY, NOW = b"k" * 32, 1_000_000.0
HEADERS = (("Host", "h"), ("X-Scope", "docs: Paris"), ("X-Forwarded-Host", "h"))


def remembering():
    """What a ledger does, and what it holds."""
    ledger = {}

    async def first_time(mac, expires):
        return ledger.setdefault(mac, expires) is expires

    return ledger, first_time


def peers(trust=("*",), first_time=None, seen=None, several=False):
    sites = {name: Site(name, name, {}, proxy=ProxySettings(trust=trust)) for name in ("Paris", "Corte")}
    keys = {"Corte": KEY}
    return Peers(
        Topology(sites), "Paris", keys.get, seen or NonceMemory(), first_time or remembering()[1], several, lambda: NOW
    )


def signed(site="Corte", key=KEY, target="/x", nonce="0" * 32, method="GET"):
    hop = replace(hop_of(HEADERS, "Paris", "docs"), site=site)
    return (*HEADERS, (SIGNATURE, sign(key, method, target, hop, NOW, nonce)))


async def test_who_signed_is_known():
    assert await peers().sender("GET", "/x", "docs", signed()) == "Corte"


async def test_a_call_that_nobody_signed_is_nobodys():
    assert await peers().sender("GET", "/x", "docs", HEADERS) is None


@pytest.mark.parametrize(
    ("method", "target", "service", "headers"),
    [
        ("POST", "/x", "docs", signed()),
        ("GET", "/y", "docs", signed()),
        ("GET", "/x", "other", signed()),
        ("GET", "/x", "docs", signed(key=b"z" * 32)),
        ("GET", "/x", "docs", signed(site="Nowhere")),
        ("GET", "/x", "docs", (*signed(), ("X-Scope-Home", "Corte"))),
        ("GET", "/x", "docs", (*HEADERS, (SIGNATURE, "nonsense"))),
    ],
)
async def test_a_signature_that_does_not_hold_is_refused(method, target, service, headers):
    with pytest.raises(Forbidden):
        await peers().sender(method, target, service, headers)


async def test_a_site_that_is_not_trusted_is_refused():
    with pytest.raises(Forbidden, match=r"proxy\.trust does not list it"):
        await peers(trust=("Marseille",)).sender("GET", "/x", "docs", signed())


async def test_a_call_is_honoured_once():
    once = peers()
    await once.sender("GET", "/x", "docs", signed())
    with pytest.raises(Forbidden, match="replayed"):
        await once.sender("GET", "/x", "docs", signed())


async def test_a_call_is_honoured_once_by_all_processes_of_a_site_together():
    ledger, first_time = remembering()
    one, other = peers(first_time=first_time, several=True), peers(first_time=first_time, several=True)
    headers = signed()
    assert await one.sender("GET", "/x", "docs", headers) == "Corte"
    with pytest.raises(Forbidden, match="replayed"):
        await other.sender("GET", "/x", "docs", headers)
    assert list(ledger.values()) == [NOW + 2 * WINDOW]


async def test_a_write_is_honoured_once_also_by_the_process_after_a_restart():
    _, first_time = remembering()
    headers = signed(method="POST")
    assert await peers(first_time=first_time).sender("POST", "/x", "docs", headers) == "Corte"
    with pytest.raises(Forbidden, match="replayed"):
        await peers(first_time=first_time).sender("POST", "/x", "docs", headers)


async def test_what_nobody_proved_is_not_remembered():
    async def first_time(mac, expires):
        raise AssertionError(mac)

    with pytest.raises(Forbidden):
        await peers(first_time=first_time, several=True).sender("GET", "/y", "docs", signed())
