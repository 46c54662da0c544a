"""What cannot work is refused before anything is asked anywhere."""

from __future__ import annotations

import pytest

from tests.openstack.cloud import Cloud


@pytest.mark.core
@pytest.mark.parametrize(
    ("scope", "why"),
    [
        ("{{nova: Paris, neutron: {partner}}}", "compute at Paris cannot work with network at {partner}"),
        ("{{nova: {partner}, placement: Paris}}", "compute at {partner} cannot work with placement at Paris"),
        ("{{nova: Paris&Lyon}}", "unknown site 'Lyon'"),
    ],
)
def test_an_ill_collaboration_is_refused_before_any_call(cloud: Cloud, name: str, scope: str, why: str) -> None:
    token, mark = cloud.token(), cloud.mark()
    body = {"server": {"name": name, "imageRef": "", "flavorRef": "1", "networks": "none"}}
    scope = scope.format(partner=cloud.partner)
    answer = cloud.call("POST", "nova:/v2.1/servers", token=token, scope=scope, json=body)
    assert answer.status == 400
    assert why.format(partner=cloud.partner) in answer.text
    calls = [call for site in cloud.served for call in cloud.calls(site, mark)]
    assert [(call["site"], call["status"], call["sites"]) for call in calls] == [("Paris", 400, {})]


def test_the_command_tells_why(cloud: Cloud, name: str) -> None:
    done = cloud.boot(name, scope="{nova: Paris, neutron: Corte}")
    assert done.code == 1
    assert "compute at Paris cannot work with network at Corte" in done.stderr
    assert cloud.servers(name) == {}
