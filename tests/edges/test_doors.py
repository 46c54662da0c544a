"""Which service a target belongs to, by port and by path."""

from __future__ import annotations

import pytest

from scopeproxy.edges.doors import Door, doors
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
    assert DOOR.service(target) == found


def test_a_service_without_a_path_takes_all():
    door = doors(site(Url("http", FRONT)))[0]
    assert door.service("/any//thing?x") == ("root", "/any//thing?x")


def test_there_is_one_door_for_each_socket():
    other = Address("127.0.1.1", 81)
    found = doors(site(Url("http", FRONT, "/a"), Url("http", other), Url("http", FRONT, "/b")))
    assert [(door.address, len(door.prefixes)) for door in found] == [(FRONT, 2), (other, 1)]


def test_tls_is_for_the_fronts_own_socket_alone():
    behind = Address("127.0.0.1", 8443)
    assert doors(site(Url("https", FRONT)))[0].tls
    assert doors(site(Url("https", FRONT), listen=behind)) == (Door(behind, False, (("", "root"),)),)
