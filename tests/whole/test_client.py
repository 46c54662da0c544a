"""What the client's plugin adds, against real proxies; and what must stay as it was."""

from __future__ import annotations

import re
from typing import Any

ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}")


def test_a_scope_in_the_interactive_shell(lab: Any) -> None:
    typed = "scope set {glance: Corte}\nimage list -f value -c Name\nscope unset\nimage list -f value -c Name\n"
    done = lab.openstack(typed=typed)
    assert done.stderr == ""
    assert done.stdout.count("Alpine") == 1
    assert done.stdout.count("cirros") == 2


def test_a_scope_is_explained(lab: Any) -> None:
    scope = "{nova: Paris&Corte, glance: Corte|Marseille}"
    done = lab.openstack("scope", "explain", scope, "GET", "glance:/v2/images", "-f", "json")
    assert done.json["scope"] == "{compute: Paris&Corte, image: Corte|Marseille}"
    assert "Corte" in str(done.json["plan"])
    fronts = [lab.cloud.site(site).fronts["image"] for site in ("Corte", "Marseille")]
    assert done.json["endpoints"] == [f"GET {front}/v2/images" for front in fronts]
    assert done.json["refusal"] in (None, "")
    assert not any(asked.startswith("glance@") for asked in done.asked)


def test_a_refusal_is_explained(lab: Any) -> None:
    done = lab.openstack("scope", "explain", "{nova: Paris, neutron: Corte}", "-f", "json")
    assert "cannot work with network at Corte" in done.json["refusal"]


def test_sites_are_listed(lab: Any) -> None:
    rows = {row["Name"]: row["State"] for row in lab.openstack("site", "list", "-f", "json", cloud="Corte-alice").json}
    assert rows == {"Paris": "up", "Corte": "here", "Marseille": "up"}


def seen(done: Any) -> list[tuple[str, str, str]]:
    """What the services were asked on behalf of the client, without ids and what depends on time."""
    return [
        (record.service, record.method, ID.sub("<id>", record.target))
        for record in done.records
        if record.caller == "client"
    ]


def test_an_unscoped_command_is_the_same_as_without_proxies(lab: Any, bare: Any) -> None:
    ours, theirs = (place.boot("plain", "-c", "name", "-c", "flavor", cloud="Paris-alice") for place in (lab, bare))
    assert (ours.code, ID.sub("", ours.stdout), ours.stderr) == (theirs.code, ID.sub("", theirs.stdout), theirs.stderr)
    assert seen(ours) == seen(theirs)
    assert {record.site for record in ours.records} == {"Paris"}
    headers = [
        {name for record in done.records if record.caller == "client" for name in record.headers}
        for done in (ours, theirs)
    ]
    assert headers[0] - headers[1] <= {"via", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"}
    assert headers[1] - headers[0] <= {"connection"}


def test_an_unscoped_failure_is_the_same_as_without_proxies(lab: Any, bare: Any) -> None:
    ours, theirs = (place.openstack("server", "show", "no-such-server") for place in (lab, bare))
    assert (ours.code, ours.stderr) == (theirs.code, theirs.stderr)
    assert seen(ours) == seen(theirs)
