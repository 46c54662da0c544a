"""Bad collaborations: each row, for both ends bound, one end bound, and where the substrate is shared."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.errors import BadCollaboration
from scopeproxy.lang.scope import At, Location, Scope, all_of, any_of, sites_of
from scopeproxy.model.messages import Held, Request
from scopeproxy.model.topology import Address, Endpoint, Site, Topology, Url
from scopeproxy.planning.intent import classify
from scopeproxy.planning.planner import narrowed
from scopeproxy.planning.rules import ROWS, narrow_substrates, refuse

ALL = ("identity", "compute", "network", "placement", "block-storage", "image")
P, C = At("Paris"), At("Corte")
BOTH, EITHER = all_of([P, C]), any_of([P, C])


def site(name: str, *services: str) -> Site:
    return Site(name, name, {service: Endpoint(Url("http", Address(name, 80))) for service in services or ALL})


TOPOLOGY = Topology({"Paris": site("Paris"), "Corte": site("Corte"), "Lyon": site("Lyon", "image")})


def scope(**bindings: Location) -> Scope:
    names = {"block_storage": "block-storage", "every": "*"}
    return Scope(tuple((names.get(name, name), location) for name, location in bindings.items()))


def call(service: str, line: str, body: object = None) -> Request:
    method, target = line.split(" ")
    return Request(service, method, target, (), Held(b"" if body is None else json.dumps(body).encode()))


BOOT = call("compute", "POST /v2.1/servers", {"server": {}})
BOOT_FROM_VOLUME = call("compute", "POST /v2.1/servers", {"server": {"block_device_mapping_v2": [{}]}})
ATTACH = call("compute", "POST /v2.1/servers/x/os-volume_attachments", {"volumeAttachment": {}})
LIST = call("network", "GET /v2.0/networks")
CONSOLE = call("compute", "POST /v2.1/servers/x/remote-consoles")
MIGRATE = call("compute", "POST /v2.1/servers/x/action", {"os-migrateLive": {}})

SEVERAL = call("compute", "POST /v2.1/servers", {"server": {"min_count": 2}})
AT_MOST = call("compute", "POST /v2.1/servers", {"server": {"max_count": "3"}})
JUST_ONE = call("compute", "POST /v2.1/servers", {"server": {"min_count": 1, "max_count": "1"}})


def refused(request: Request | None, bound: Scope, topology: Topology = TOPOLOGY) -> bool:
    try:
        refuse(request, None if request is None else classify(request), bound, "Paris", topology)
    except BadCollaboration as error:
        return str(error).startswith("scope: ")
    return False


@pytest.mark.parametrize("partner", ["network", "placement", "block_storage"])
def test_both_ends_bound_apart_are_refused_at_once_whatever_the_call(partner: str) -> None:
    for request in (None, BOOT, LIST, call("image", "GET /v2/images")):
        assert refused(request, scope(compute=P, **{partner: C}))
        assert refused(request, scope(compute=BOTH, **{partner: C}))
        assert refused(request, scope(compute=P, every=C))
        assert not refused(request, scope(compute=BOTH, **{partner: BOTH}))
        assert not refused(request, scope(compute=EITHER, **{partner: BOTH}))
        assert not refused(request, scope(every=BOTH))


@pytest.mark.parametrize(
    ("partner", "matters"),
    [("network", BOOT), ("placement", BOOT), ("block_storage", ATTACH), ("block_storage", BOOT_FROM_VOLUME)],
)
def test_one_end_unbound_is_refused_at_the_call_for_which_it_matters(partner: str, matters: Request) -> None:
    bound = scope(**{partner: C})
    assert refused(matters, bound)
    assert not refused(LIST, bound)
    assert not refused(None, bound)
    assert not refused(call("compute", "GET /v2.1/servers"), bound)
    assert not refused(matters, scope(**{partner: BOTH}))
    assert not refused(matters, scope(compute=C))


def test_a_plain_boot_does_not_mind_volumes_of_another_site() -> None:
    assert not refused(BOOT, scope(block_storage=C))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.partner)
def test_a_shared_substrate_lifts_its_row(row: object) -> None:
    (substrate, partner) = (row.substrate, row.partner.replace("-", "_"))  # type: ignore[attr-defined]
    paris = replace(TOPOLOGY.sites["Paris"], shares={substrate: frozenset({"Corte"})})
    shared = replace(TOPOLOGY, sites={**TOPOLOGY.sites, "Paris": paris})
    assert refused(None, scope(compute=C, **{partner: P}))
    assert not refused(None, scope(compute=C, **{partner: P}), shared)
    assert not refused(BOOT, scope(compute=P, **{partner: C}), shared)


def test_a_partner_that_no_site_has_stands_in_nobodys_way() -> None:
    small = Topology({name: site(name, "compute", "image") for name in ("Paris", "Corte")})
    assert not refused(BOOT, scope(compute=P, every=C), small)


def test_consoles_and_live_migrations_need_a_single_site() -> None:
    for request in (CONSOLE, MIGRATE):
        assert refused(request, scope(compute=BOTH))
        assert refused(request, scope(every=BOTH))
        assert not refused(request, scope(compute=EITHER))
        assert not refused(request, scope(compute=C))
    upgrade = call("network", "GET /socket").with_header("Upgrade", "websocket")
    assert refused(upgrade, scope(network=BOTH))


def test_a_key_pair_that_nova_makes_up_is_another_at_each_site() -> None:
    made_up = call("compute", "POST /v2.1/os-keypairs", {"keypair": {"name": "k"}})
    given = call("compute", "POST /v2.1/os-keypairs", {"keypair": {"name": "k", "public_key": "ssh-ed25519 AAAA"}})
    assert refused(made_up, scope(compute=BOTH))
    assert not refused(made_up, scope(compute=EITHER))
    assert not refused(given, scope(compute=BOTH))


def test_a_service_which_the_site_lacks_is_refused_and_told_where_it_is() -> None:
    request = call("image", "GET /v2/images")
    with pytest.raises(BadCollaboration, match="Lyon has no compute service; it is at Paris, Corte"):
        refuse(request, classify(request), scope(compute=At("Lyon")), "Paris", TOPOLOGY)
    assert refused(LIST, scope(every=At("Lyon")))
    assert not refused(request, scope(every=At("Lyon")))


def test_the_reason_and_the_remedy_are_told() -> None:
    with pytest.raises(BadCollaboration, match=r"compute at Paris .* network at Corte: .*bind network"):
        refuse(None, None, scope(compute=P, network=C), "Paris", TOPOLOGY)


def test_substrates_follow_the_caller_to_its_site() -> None:
    bound = scope(compute=C, network=BOTH, placement=P, image=BOTH)
    assert narrow_substrates(bound, "compute", "Corte", TOPOLOGY) == scope(
        compute=C, network=C, placement=P, image=BOTH
    )
    assert narrow_substrates(bound, "image", "Corte", TOPOLOGY) == bound
    every = narrow_substrates(scope(every=BOTH), "compute", "Corte", TOPOLOGY)
    assert every == scope(every=BOTH, network=C, placement=C, block_storage=C)
    assert narrow_substrates(scope(every=all_of([P, At("Lyon")])), "compute", "Lyon", TOPOLOGY) == scope(
        every=all_of([P, At("Lyon")])
    )


LOCATIONS = st.sampled_from([P, C, BOTH, EITHER, all_of([C, P]), any_of([C, P])])
SCOPES = st.dictionaries(st.sampled_from([*ALL, "*"]), LOCATIONS).map(lambda bound: Scope(tuple(bound.items())))


@given(SCOPES, st.sampled_from(ALL))
def test_what_the_entry_accepts_no_site_on_the_way_refuses(bound: Scope, service: str) -> None:
    """A list over all networks was refused at the second site: `*` still sent its nova to the first."""
    try:
        refuse(None, None, bound, "Paris", TOPOLOGY)
    except BadCollaboration:
        return
    for there in sites_of(bound.location(service) or P):
        refuse(None, None, narrowed(bound, service, there, TOPOLOGY), there, TOPOLOGY)


def test_several_servers_by_one_call_need_a_single_site() -> None:
    for request in (SEVERAL, AT_MOST):
        assert refused(request, scope(compute=BOTH))
        assert not refused(request, scope(compute=EITHER))
    assert not refused(JUST_ONE, scope(compute=BOTH))
