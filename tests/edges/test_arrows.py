from __future__ import annotations

from typing import Any

import pytest

from scopeproxy.edges.arrows import NO_ANSWER, Arrow, Handed, Participant, arrows, handed
from scopeproxy.emulator.recorder import CLIENT, Record

IMAGES = ("glance", "GET", "/v2/images")


def record(caller: str, service: str, site: str, method: str, target: str, status: int = 200) -> Record:
    return Record(site, service, method, target, caller, caller, None, False, None, frozenset(), None, status)


def call(site: str, service: str, method: str, path: str, peer: str | None = None, **sites: str) -> Handed:
    return Handed(site, service, method, path, peer, sites)


def told(drawn: tuple[Arrow, ...]) -> list[str]:
    return [f"{a.caller.name}@{a.caller.site} {a.called.name}@{a.called.site} {a.status}" for a in drawn]


def test_the_command_calls_from_home_whichever_site_is_called() -> None:
    drawn = arrows([record(CLIENT, "glance", "Corte", "GET", "/v2/images?name=x")], [], "Paris")
    assert told(drawn) == ["openstack@Paris glance@Corte 200"]
    assert drawn[0].crosses
    assert drawn[0].path == "/v2/images"


def test_a_service_calls_from_its_own_site_unless_a_peer_handed_the_call_on() -> None:
    records = [record("nova-api", "glance", "Corte", "GET", "/v2/images"), record("nova-api", *_at("Corte"))]
    drawn = arrows(records, [call("Corte", *IMAGES, peer="Paris", Corte="200")], "Paris")
    assert told(drawn) == ["nova@Paris glance@Corte 200", "nova@Corte neutron@Corte 200"]


def _at(site: str) -> tuple[str, str, str, str]:
    return ("neutron", site, "GET", "/v2.0/ports")


@pytest.mark.parametrize(
    ("answered", "order"),
    [
        ("Marseille", ["openstack@Paris glance@Corte 0", "openstack@Paris glance@Marseille 200"]),
        ("Paris", ["openstack@Paris glance@Paris 200", "openstack@Paris glance@Corte 0"]),
    ],
)
def test_a_call_that_got_no_answer_is_drawn_beside_the_one_that_did(answered: str, order: list[str]) -> None:
    made = call("Paris", *IMAGES, **{answered: "200", "Corte": "no connection to 127.0.0.1:1"})
    drawn = arrows([record(CLIENT, "glance", answered, "GET", "/v2/images")], [made], "Paris")
    assert told(drawn) == order


def test_a_call_of_which_nothing_arrived_anywhere_is_drawn_last() -> None:
    made = call("Paris", *IMAGES, Corte="timeout")
    drawn = arrows([record(CLIENT, "keystone", "Paris", "GET", "/v3")], [made], "Paris")
    assert drawn[-1] == Arrow(
        Participant("openstack", "Paris"), Participant("glance", "Corte"), "GET", "/v2/images", NO_ANSWER
    )


def test_the_proxies_say_service_types_where_we_say_projects() -> None:
    row: dict[str, Any] = {"site": "Corte", "service": "image", "method": "GET", "path": "/v2/images", "peer": "Paris"}
    assert handed(row | {"sites": {}}) == Handed("Corte", *IMAGES, "Paris", {})
    assert handed(row | {"sites": {}, "service": "docs"}).service == "docs"
