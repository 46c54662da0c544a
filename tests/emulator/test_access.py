"""What a validated token says."""

from __future__ import annotations

from scopeproxy.emulator.access import Access

BODY = {
    "user": {"id": "u", "name": "alice", "domain": {"id": "default", "name": "Default"}},
    "project": {"id": "p", "name": "demo"},
    "roles": [{"id": "r", "name": "member"}],
    "expires_at": "2000-01-01T00:00:00.000000Z",
    "catalog": [
        {"type": "image", "endpoints": [{"interface": "public", "region": "Paris", "url": "http://glance/"}]},
    ],
}


def test_reading_keystones_answer():
    access = Access.of("t", BODY)
    assert (access.user_name, access.project_id, access.roles) == ("alice", "p", {"member"})
    assert access.expired
    assert not access.is_admin
    assert access.owns("p")
    assert not access.owns("q")
    assert "t~secret" not in repr(Access.of("t~secret", BODY))


def test_endpoints_are_those_of_a_region():
    access = Access.of("t", BODY)
    assert access.endpoint("image", "Paris") == "http://glance"
    assert access.endpoint("image", "Corte") is None
    assert access.endpoint("network", "Paris") is None
