"""Sites of different releases: what clients negotiate, and what they are told where a site is too old."""

from __future__ import annotations

import re

import pytest

from tests.openstack.clients import Answer
from tests.openstack.cloud import ACTIVE, OLDER, Cloud

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGD2RrzVSBMgc3VDF2gAAAAAAAAAAAAAAAAAAAAAAAAA x"


def newest(cloud: Cloud, scope: str | None = None, at: str = "Paris") -> str:
    """Nova's newest microversion, as its version document tells clients."""
    answer = cloud.call("GET", "nova:/v2.1", at=at, scope=scope)
    assert answer.status == 200, answer.text
    return str(answer.json["version"]["version"])


def asked(cloud: Cloud, method: str, scope: str, path: str = "/v2.1/servers", **more: object) -> Answer:
    """A call with the newest microversion of Paris, which the older site does not have."""
    headers = {"OpenStack-API-Version": f"compute {newest(cloud)}"}
    token = cloud.token(scope=f"{{nova: Paris&Corte&{OLDER}}}")
    return cloud.call(method, f"nova:{path}", token=token, scope=scope, headers=headers, **more)


def key_pairs(cloud: Cloud, site: str) -> set[str]:
    listed = cloud.call("GET", "nova:/v2.1/os-keypairs", at=site, token=cloud.token(at=site)).json["keypairs"]
    return {row["keypair"]["name"] for row in listed}


def pair(name: str) -> dict[str, dict[str, str]]:
    return {"keypair": {"name": name, "public_key": KEY}}


def test_the_sites_differ(cloud: Cloud) -> None:
    assert newest(cloud) == newest(cloud, at="Corte")
    assert newest(cloud, at=OLDER) != newest(cloud)


@pytest.mark.parametrize("operator", ["", "Paris&", "Paris|"])
def test_what_all_sites_of_the_scope_have_is_told(cloud: Cloud, operator: str) -> None:
    assert newest(cloud, f"{{nova: {operator}{OLDER}}}") == newest(cloud, at=OLDER)


@pytest.mark.parametrize("operator", ["Paris|", "Paris&"])
def test_the_command_works_with_what_all_have(cloud: Cloud, name: str, operator: str) -> None:
    cloud.launch(name, at=OLDER)
    assert cloud.servers(name) == {OLDER: ACTIVE}
    scope = f"{{nova: {operator}{OLDER}}}"
    version = newest(cloud, at=OLDER)
    words = ("--os-compute-api-version", version, "server", "show", name, "-f", "json")
    assert cloud.openstack(*words, scope=scope).json["status"] == ACTIVE


def test_the_command_says_what_there_is(cloud: Cloud) -> None:
    scope = f"{{nova: {OLDER}}}"
    refused = cloud.openstack("--os-compute-api-version", newest(cloud), "server", "list", scope=scope)
    assert refused.code != 0
    assert f"a maximum of {newest(cloud, at=OLDER)}" in refused.stderr
    shown = cloud.openstack("versions", "show", "--service", "compute", "-f", "json", scope=scope)
    assert newest(cloud, at=OLDER) in {row["Max Microversion"] for row in shown.json}


def test_a_refusal_names_the_site_and_what_it_has(cloud: Cloud) -> None:
    answer = asked(cloud, "GET", f"{{nova: {OLDER}}}")
    assert answer.status == 406
    message = answer.json["computeFault"]["message"]
    assert f"{OLDER} does not serve compute {newest(cloud)}" in message
    assert f"2.1 to {newest(cloud, at=OLDER)}" in message


def test_the_local_site_answers_for_itself(cloud: Cloud) -> None:
    headers = {"OpenStack-API-Version": "compute 2.999"}
    answers = [
        cloud.call("GET", f"{where}/v2.1/servers", token=cloud.token(), headers=headers)
        for where in (cloud.front("Paris", "nova"), cloud.back("Paris", "nova"))
    ]
    assert [answer.status for answer in answers] == [406, 406]
    assert answers[0].body == answers[1].body


def test_or_moves_on_from_a_site_that_is_too_old(cloud: Cloud, name: str) -> None:
    assert asked(cloud, "GET", f"{{nova: {OLDER}|Paris}}").headers["X-Scope-Sites"] == f"{OLDER}=406, Paris=200"
    made = asked(cloud, "POST", f"{{nova: {OLDER}|Paris}}", "/v2.1/os-keypairs", json=pair(name))
    assert made.status == 201
    assert name in key_pairs(cloud, "Paris")
    assert name not in key_pairs(cloud, OLDER)


def test_and_makes_nothing_where_one_site_is_too_old(cloud: Cloud, name: str) -> None:
    refused = asked(cloud, "POST", f"{{nova: Paris&{OLDER}}}", "/v2.1/os-keypairs", json=pair(name))
    assert refused.status == 406
    message = refused.json["computeFault"]["message"]
    assert f"Paris has 2.1 to {newest(cloud)}, {OLDER} has 2.1 to {newest(cloud, at=OLDER)}" in message
    assert "X-Scope-Sites" not in refused.headers
    assert name not in key_pairs(cloud, "Paris")


def test_and_does_what_an_alternative_serves(cloud: Cloud, name: str) -> None:
    made = asked(cloud, "POST", f"{{nova: Paris&({OLDER}|Corte)}}", "/v2.1/os-keypairs", json=pair(name))
    assert made.status == 201, made.text
    assert name in key_pairs(cloud, "Paris") & key_pairs(cloud, "Corte")


def test_a_list_is_marked_where_one_site_is_too_old(cloud: Cloud) -> None:
    listed = asked(cloud, "GET", f"{{nova: Paris&{OLDER}}}")
    assert (listed.status, listed.headers["X-Scope-Partial"]) == (200, OLDER)


def test_services_of_two_releases_work_together(cloud: Cloud, name: str) -> None:
    cloud.launch(name, cloud.image(OLDER), scope=f"{{nova: Paris, glance: {OLDER}}}")
    assert cloud.servers(name) == {"Paris": ACTIVE}
    cloud.launch(f"{name}-back", cloud.image("Corte"), at=OLDER, scope=f"{{nova: {OLDER}, glance: Corte}}")
    assert cloud.servers(f"{name}-back") == {OLDER: ACTIVE}


@pytest.mark.parametrize(
    ("where", "fault"),
    [("keystone:/v4/users", "error"), ("neutron:/v3.0/networks", "NeutronError"), ("glance:/v3/images", "error")],
)
def test_a_path_of_another_version_is_told(cloud: Cloud, where: str, fault: str) -> None:
    service = where.partition(":")[0]
    scope = f"{{{service}: {OLDER}}}"
    assert cloud.call("GET", f"{service}:/", scope=scope).status in (200, 300)
    refused = cloud.call("GET", where, token=cloud.token(scope=scope), scope=scope)
    assert refused.status in (300, 404)
    assert re.match(rf"scope: {OLDER} does not serve \w+ v[34]", refused.json[fault]["message"])
