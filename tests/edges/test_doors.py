"""Which service a target belongs to, by port and by path."""

from __future__ import annotations

import pytest

from scopeproxy.edges.doors import Entered, doors, leads_out
from scopeproxy.lang.vocabulary import Vocabulary
from scopeproxy.model.topology import Address, Endpoint, Site, Url

FRONT = Address("127.0.1.1", 80)


def site(*fronts, listen=None):
    return Site("Paris", "Paris", {url.path or "root": Endpoint(url, None, listen) for url in fronts})


DOOR = doors(site(*(Url("http", FRONT, path) for path in ("/compute", "/compute/v2", "/image"))))[0]


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("/compute", ("/compute", "/")),
        ("/compute/", ("/compute", "/")),
        ("/compute?limit=1", ("/compute", "/?limit=1")),
        ("/compute/v1//x%2F?y", ("/compute", "/v1//x%2F?y")),
        ("/compute/v2/x", ("/compute/v2", "/x")),
        ("/compute/v20/x", ("/compute", "/v20/x")),
        ("/computer", None),
        ("/Compute", None),
        ("/", None),
        ("/?/compute", None),
        ("/.well-known/scopeproxy/sites", ("/compute/v2", "/.well-known/scopeproxy/sites")),
        ("/image/.well-known/scopeproxy/sites", ("/image", "/.well-known/scopeproxy/sites")),
    ],
)
def test_the_longest_path_that_ends_at_a_segment_wins(target, found):
    entered = DOOR.service(target)
    assert (entered and entered[:2]) == found


def test_a_service_without_a_path_takes_all():
    door = doors(site(Url("http", FRONT)))[0]
    assert door.service("/any//thing?x") == Entered("root", "/any//thing?x")


def test_there_is_one_door_for_each_socket():
    other = Address("127.0.1.1", 81)
    found = doors(site(Url("http", FRONT, "/a"), Url("http", other), Url("http", FRONT, "/b")))
    assert [(door.address, len(door.prefixes)) for door in found] == [(FRONT, 2), (other, 1)]


def test_tls_is_for_the_fronts_own_socket_alone():
    behind = Address("127.0.0.1", 8443)
    assert doors(site(Url("https", FRONT)))[0].tls
    (door,) = doors(site(Url("https", FRONT), listen=behind))
    assert (door.address, door.tls, door.scheme, door.prefixes) == (behind, False, "https", (("", "root"),))


@pytest.mark.parametrize(
    "below",
    ["/..", "/../identity/v3", "/v2/../../identity", "/v2/x/%2e%2E/.%2E/../y", "/v2/%2F..%2F../y", "//../x", "/./../x"],
)
def test_a_path_that_climbs_leads_out_of_its_service(below):
    assert leads_out(below)
    assert leads_out(f"{below}?limit=1")


@pytest.mark.parametrize(
    "below",
    [
        "/",
        "/v2/..",
        "/v1/AUTH_a/c/a/../b",
        "/v1/AUTH_a/c/..hidden",
        "/a..b/...",
        "/v2?marker=/../../x",
        "/v2/%252e%252e/x",
    ],
)
def test_dots_that_stay_below_the_root_are_the_services_own_affair(below):
    assert not leads_out(below)


# ---- scopes in paths


NOVA = Site(
    "Paris", "Paris", {"compute": Endpoint(Url("http", FRONT)), "image": Endpoint(Url("http", FRONT, "/image"))}
)
OWN = Site("Paris", "Paris", {"docs": Endpoint(Url("http", FRONT)), "wiki": Endpoint(Url("http", FRONT, "/wiki"))})


@pytest.mark.parametrize(
    ("target", "service", "below"),
    [
        ("/scope/Corte/compute/v2.1/servers?limit=1", "compute", "/v2.1/servers?limit=1"),
        ("/scope/Corte/nova", "compute", "/"),
        ("/scope/%7Bnova:Paris%7D/glance/", "image", "/"),
        ("/scope/Corte/image/scope/a/compute/b%2F", "image", "/scope/a/compute/b%2F"),
    ],
)
def test_every_door_leads_to_every_service_below_a_scope(target, service, below):
    entered = doors(NOVA)[0].service(target)
    assert entered[:2] == (service, below)
    assert entered.path.scope == target.split("/")[2]


@pytest.mark.parametrize(
    "target", ["/scope", "/scope/", "/scope/Corte", "/scope/Corte/v3/servers", "/scope//", "/scope?x"]
)
def test_half_a_scope_in_a_path_leads_nowhere_and_a_hint_tells_how_it_is_whole(target):
    (door,) = doors(NOVA)
    assert door.service(target) is None
    hint = "; a scope in a path is /scope/<name or expression>/<service>/…, and the services here are compute, image"
    assert door.hint(target) == hint
    assert door.hint("/scoped") == ""


def test_an_application_of_ones_own_keeps_its_paths_below_scope():
    words = Vocabulary(own=frozenset({"docs", "wiki"}))
    (door,) = doors(OWN, words)
    assert door.service("/scope/of/work") == Entered("docs", "/scope/of/work")
    assert door.service("/scope/of/wiki/work")[:2] == ("wiki", "/work")
