"""Signed calls between proxies: what a peer signed is honoured once, and nothing else is."""

from __future__ import annotations

import re
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.errors import Forbidden, SiteFailure
from scopeproxy.planning.signing import WINDOW, Hop, NonceMemory, sign, verify

KEY = b"shared by Paris and Corte"
KEYS = {"Paris": KEY, "Saint-Étienne": KEY}
NOW = 1_800_000_000.0
NONCE = "0123456789abcdef" * 2
HOP = Hop(
    site="Paris",
    to="Corte",
    service="image",
    scope="{image: Corte}",
    options="strict",
    home="Paris",
    entry="Paris",
    hops=1,
    host="glance.paris.example",
    fingerprint="f" * 64,
)
CALL = ("GET", "/v2/images?limit=2")

texts = st.text(max_size=30)
hops = st.builds(
    Hop,
    hops=st.integers(0, 8),
    **dict.fromkeys(("to", "service", "scope", "options", "home", "entry", "host", "fingerprint"), texts),
)


def received(signature, hop=HOP, call=CALL, now=NOW, seen=None, keys=KEYS):
    """What the receiver makes of a call: it knows the hop's site by the signature alone."""
    return verify(keys.get, *call, replace(hop, site=""), signature, now, NonceMemory() if seen is None else seen)


def signed(hop=HOP, call=CALL, now=NOW, nonce=NONCE, key=KEY):
    return sign(key, *call, hop, now, nonce)


@given(hops, texts, texts, texts.filter(bool), st.floats(0, 1e11))
def test_what_was_signed_is_honoured(hop, method, target, site, now):
    signature = sign(KEY, method, target, replace(hop, site=site), now, NONCE)
    assert received(signature, hop, (method, target), now, keys={site: KEY}) == site


def test_the_header_is_printable_whatever_the_site_is_called():
    signature = signed(replace(HOP, site="Saint-Étienne"))
    assert re.fullmatch(r"v1 site=Saint-%C3%89tienne date=1800000000 nonce=[0-9a-f]{32} mac=[0-9a-f]{64}", signature)
    assert received(signature) == "Saint-Étienne"


@pytest.mark.parametrize("name", [field.name for field in fields(Hop) if field.name != "site"])
def test_whatever_is_changed_on_the_way_is_found_out(name):
    changed = replace(HOP, **{name: 2 if name == "hops" else getattr(HOP, name) + "x"})
    with pytest.raises(Forbidden, match="the signature of a call that says it is from Paris is wrong"):
        received(signed(), changed)


@pytest.mark.parametrize("call", [("DELETE", CALL[1]), ("GET", "/v2/images?limit=3"), ("GET/", CALL[1][1:])])
def test_another_method_or_target_is_found_out(call):
    with pytest.raises(Forbidden, match="wrong"):
        received(signed(), call=call)


@given(hops, hops)
def test_no_two_hops_share_a_signature(one, other):
    assert (signed(one) == signed(other)) == (one == other)


@given(st.text(max_size=12), st.integers(0, 12))
def test_text_cannot_slip_from_one_field_into_the_next(text, cut):
    moved = replace(HOP, scope=text[:cut], options=text[cut:])
    whole = replace(HOP, scope=text, options="")
    assert (signed(moved) == signed(whole)) == (moved == whole)


@pytest.mark.parametrize(
    ("part", "instead"),
    [("date=1800000000", "date=1800000001"), (NONCE, NONCE[::-1]), ("site=Paris", "site=Saint-%C3%89tienne")],
)
def test_the_header_itself_is_signed_too(part, instead):
    with pytest.raises(Forbidden, match="wrong"):
        received(signed().replace(part, instead))


def test_a_site_that_we_share_no_key_with_is_told_apart():
    with pytest.raises(Forbidden, match="Corte has no key for calls from a site named 'Nowhere'"):
        received(signed(replace(HOP, site="Nowhere")))


def test_another_key_does_not_do():
    with pytest.raises(Forbidden, match="same key"):
        received(signed(key=b"another"))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "v1",
        "v2 site=Paris date=1 nonce=" + NONCE + " mac=" + "0" * 64,
        "v1 site= date=1 nonce=" + NONCE + " mac=" + "0" * 64,
        "v1 site=%FF date=1 nonce=" + NONCE + " mac=" + "0" * 64,
        "v1 site=Paris date=-1 nonce=" + NONCE + " mac=" + "0" * 64,
        "v1 site=Paris date=٣ nonce=" + NONCE + " mac=" + "0" * 64,
        "v1 site=Paris date=1 nonce=" + NONCE + " mac=" + "0" * 64 + "\n",
        "v1 site=Paris  date=1 nonce=" + NONCE + " mac=" + "0" * 64,
    ],
)
def test_a_malformed_header_is_refused(header):
    with pytest.raises(Forbidden, match="X-Scope-Signature"):
        received(header)


@given(st.text())
def test_no_header_crashes_it(header):
    with pytest.raises(Forbidden):
        received(header)


@given(st.integers(0, 118), st.text(min_size=1, max_size=1))
def test_any_one_sign_matters(at, instead):
    signature = signed()
    altered = signature[:at] + instead + signature[at + 1 :]
    if altered != signature:
        with pytest.raises(Forbidden):
            received(altered)


# ---- clocks and replays


@pytest.mark.parametrize("skew", [-WINDOW, -120, 0, 120, WINDOW])
def test_clocks_may_be_minutes_apart(skew):
    assert received(signed(now=NOW + skew)) == "Paris"


@pytest.mark.parametrize("skew", [-190, 190])
def test_clocks_too_far_apart_are_named(skew):
    reason = "the clocks of Paris and Corte are 190 s apart; at most 180 s is accepted"
    with pytest.raises(Forbidden, match=reason):
        received(signed(now=NOW + skew))


def test_the_clock_is_told_only_to_those_who_can_sign():
    with pytest.raises(Forbidden, match="wrong"):
        received(signed(now=NOW - 1000, key=b"another"))


@given(st.integers(-WINDOW, WINDOW), st.lists(st.integers(0, 3 * WINDOW), max_size=20))
def test_a_call_is_honoured_once_whenever_it_comes_again(skew, delays):
    seen, signature = NonceMemory(), signed(now=NOW + skew)
    assert received(signature, seen=seen) == "Paris"
    for delay in sorted(delays):
        with pytest.raises(Forbidden):
            received(signature, now=NOW + delay, seen=seen)


def test_a_replay_is_called_a_replay():
    seen = NonceMemory()
    received(signed(), seen=seen)
    with pytest.raises(Forbidden, match="replayed"):
        received(signed(), seen=seen)


def test_a_call_that_was_refused_is_not_remembered():
    seen = NonceMemory()
    for hop in (replace(HOP, hops=2), replace(HOP, to="Marseille")):
        with pytest.raises(Forbidden):
            received(signed(), hop, seen=seen)
    assert len(seen) == 0
    assert received(signed(), seen=seen) == "Paris"


def test_a_full_memory_refuses_new_calls_and_forgets_only_what_has_expired():
    seen = NonceMemory(capacity=2)
    one, two, three = (signed(nonce=f"{n:032x}") for n in range(3))
    received(one, seen=seen)
    received(two, seen=seen)
    with pytest.raises(SiteFailure) as caught:
        received(three, seen=seen)
    assert caught.value.status == 503
    with pytest.raises(Forbidden, match="replayed"):
        received(one, seen=seen)
    later = NOW + WINDOW + 60
    assert received(signed(now=later), now=later, seen=seen) == "Paris"
    assert len(seen) == 1
