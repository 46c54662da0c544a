from __future__ import annotations

import pytest

from scopeproxy.edges.arrows import Arrow, Participant
from scopeproxy.edges.diagram import ROWS, WIDTH, diagram, label, plain

UUID = "1c9bc7fd-4821-41a9-887f-96b067fea22c"


def arrow(caller: str, called: str, method: str, target: str, status: int = 200) -> Arrow:
    def end(text: str) -> Participant:
        name, _, site = text.partition("@")
        return Participant(name, site)

    return Arrow(end(caller), end(called), method, target, status)


def drawn(*arrows: Arrow, home: str = "Paris") -> list[str]:
    return [line.text for line in diagram(arrows, home)]


def test_a_boot_with_an_image_of_another_site() -> None:
    lines = drawn(
        arrow("openstack@Paris", "keystone@Paris", "POST", "/v3/auth/tokens", 201),
        arrow("openstack@Paris", "nova@Paris", "POST", "/v2.1/servers", 202),
        arrow("nova@Paris", "glance@Corte", "GET", f"/v2/images/{UUID}"),
        arrow("nova@Paris", "glance@Corte", "GET", "/v2/schemas/image"),
        arrow("openstack@Paris", "keystone@Paris", "GET", "/v3/domains"),
    )
    assert lines == [
        "Paris                      ┊  Corte",
        "openstack  keystone  nova  ┊  glance",
        "    ├─────────►│       │   ┊     │      POST /auth/tokens 201",
        "    ├─────────────────►│   ┊     │      POST /servers 202",
        "    │          │       ├════════►│      GET /images/<id> 200 (+1)",
        "    ├─────────►│       │   ┊     │      GET /domains 200",
    ]


def test_an_arrow_to_the_left() -> None:
    lines = drawn(
        arrow("openstack@Paris", "glance@Paris", "GET", "/v2/images"),
        arrow("glance@Paris", "cinder@Paris", "GET", "/v3/x"),
        arrow("cinder@Paris", "glance@Paris", "GET", "/v2/images"),
    )
    assert lines[-1] == "    │         │◄──────┤      GET /images 200"


def test_a_call_without_an_answer_ends_in_an_x() -> None:
    lines = diagram([arrow("openstack@Paris", "nova@Corte", "GET", "/v2.1/servers", 0)], "Paris")
    assert (lines[-1].text, lines[-1].kind) == ("    ├══════════x│      GET /servers no reply", "lost")


def test_kinds_are_for_whoever_has_colours() -> None:
    near, far = (arrow("openstack@Paris", f"nova@{site}", "GET", "/v2.1/servers") for site in ("Paris", "Corte"))
    assert [line.kind for line in diagram([near, far], "Paris")] == ["head", "head", "", "crossing"]


def test_what_every_call_brings_with_it_is_counted_only() -> None:
    lines = drawn(
        arrow("openstack@Paris", "keystone@Paris", "GET", "/v3"),
        arrow("openstack@Paris", "glance@Paris", "GET", "/", 300),
        arrow("nova@Paris", "keystone@Paris", "POST", "/v3/auth/tokens", 201),
        arrow("nova@Paris", "keystone@Paris", "GET", "/v3/auth/tokens"),
    )
    assert lines == ["not drawn: version look-ups 2, services' logins 1, token validations 1"]


def test_nothing_is_drawn_of_nothing() -> None:
    assert drawn() == []


@pytest.mark.parametrize(
    ("calls", "text"),
    [
        ([("GET", "/v2/images?limit=3&name=cirros", 200)], "GET /images?name=cirros 200"),
        ([("GET", "/v2.1/flavors/m1.tiny", 404)], "GET /flavors/m1.tiny 404"),
        ([("GET", "/v2.0/extensions", 200), ("POST", "/v2.0/ports", 201)], "POST /ports 201 (+1)"),
        ([("POST", "/v3/0123456789abcdef0123456789abcdef/volumes", 202)], "POST /volumes 202"),
        ([("DELETE", f"/v2.1/servers/{UUID}", 204)], "DELETE /servers/<id> 204"),
        ([("GET", "/v3/users/0123456789abcdef0123456789abcdef", 200)], "GET /users/<id> 200"),
        ([("GET", "/v2/images", 0)], "GET /images no reply"),
    ],
)
def test_labels_are_short(calls: list[tuple[str, str, int]], text: str) -> None:
    assert label([arrow("openstack@Paris", "x@Paris", *call) for call in calls]) == text


def test_nine_sites_are_never_wider_than_the_terminal() -> None:
    sites = [f"Site{number}" for number in range(9)]
    names = ("keystone", "nova", "glance", "neutron", "placement")
    lines = drawn(
        *(arrow("openstack@Site0", f"{name}@{site}", "GET", "/v2/list") for site in sites for name in names),
        home="Site0",
    )
    assert max(map(len, lines)) <= WIDTH
    assert "calls to placement 9" in " ".join(lines)


def test_a_long_tale_is_cut() -> None:
    both = ("nova@Paris", "glance@Paris")
    lines = drawn(*(arrow("openstack@Paris", both[n % 2], "GET", f"/v2/x{n}") for n in range(ROWS + 5)))
    assert len(lines) == 2 + ROWS + 1
    assert lines[-1] == "not drawn: later calls 5"


def test_a_terminal_without_such_signs_gets_others() -> None:
    assert plain("├──►│ ┊ │◄═┤") == "|-->| : |<=|"


def test_where_a_label_has_no_room_its_path_is_cut_and_never_how_it_ended() -> None:
    row = [arrow("nova@Paris", "placement@Paris", "PUT", "/resource_providers/allocations", 204)] * 2
    assert label(row, 26) == "PUT /resource_pr… 204 (+1)"
    assert label(row) == "PUT /resource_providers/allocations 204 (+1)"
