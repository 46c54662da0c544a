"""Servers that change hosts, with an image of another site: nova is several processes, which talk over RabbitMQ.

Not in CI: `--cloud real --split Paris`.  Whatever else the suite has runs there too; test_workflows.py above all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.openstack.clients import Answer
from tests.openstack.cloud import ACTIVE, Cloud
from tests.openstack.test_workflows import BOTH, LEFT, SCOPE, boot, check, data_of, digest, images, openstack, until

pytestmark = pytest.mark.split("Paris")

HOSTS = {"paris-compute": "nova-compute", "paris-compute-2": "nova-compute-2"}
IMAGE = "Alpine"


@dataclass
class Admin:
    """Of nova at Paris, under the scope."""

    cloud: Cloud
    token: str

    def ask(self, method: str, path: str, body: Any = None, version: str = "2.14") -> Answer:
        headers = {"X-OpenStack-Nova-API-Version": version}
        return self.cloud.call(method, f"nova:/v2.1{path}", token=self.token, scope=SCOPE, json=body, headers=headers)

    def server(self, name: str) -> Any:
        (found,) = self.ask("GET", f"/servers/detail?all_tenants=1&name={name}").json["servers"]
        return found

    def host(self, name: str) -> str:
        return str(self.server(name)["OS-EXT-SRV-ATTR:host"])

    def act(self, name: str, action: str, **values: Any) -> None:
        answer = self.ask("POST", f"/servers/{self.server(name)['id']}/action", {action: values or None})
        assert answer.status < 300, answer.text

    def force_down(self, host: str, down: bool) -> bool:
        """Whether nova lets it: a host that servers were evacuated from has to be up first."""
        values = {"host": host, "binary": "nova-compute", "forced_down": down}
        return self.ask("PUT", "/os-services/force-down", values).status == 200

    def is_up(self, host: str) -> bool:
        services = self.ask("GET", "/os-services?binary=nova-compute").json["services"]
        return [service["state"] for service in services if service["host"] == host] == ["up"]


@pytest.fixture
def admin(cloud: Cloud) -> Admin:
    return Admin(cloud, cloud.token(user="admin", scope=SCOPE))


def elsewhere(host: str) -> str:
    (other,) = HOSTS.keys() - {host}
    return other


def snapshot(cloud: Cloud, name: str) -> str:
    """The digest of the server's disk, as it comes to Corte."""
    openstack(cloud, "server", "image", "create", name, "--name", f"{name}-snapshot", "--wait")
    assert f"{name}-snapshot" not in images(cloud, "Paris")
    return digest(data_of(cloud, "Corte", images(cloud, "Corte")[f"{name}-snapshot"]))


def its_data(cloud: Cloud) -> str:
    return digest(data_of(cloud, "Corte", images(cloud, "Corte")[IMAGE]))


def moved_data(cloud: Cloud, method: str, mark: frozenset[str]) -> list[tuple[list[str], str, dict[str, str]]]:
    """Carriers, scope and sites of the services' downloads (GET) or uploads (PUT) of images."""
    rows = [row for row in cloud.calls("Paris", mark) if row["method"] == method and row["path"].endswith("/file")]
    return [(row["carriers"], row["scope"], row["sites"]) for row in rows if "header" not in row["carriers"]]


@pytest.mark.parametrize("end", ["confirm", "revert"])
def test_a_server_is_migrated_to_another_host_with_its_disk(cloud: Cloud, admin: Admin, name: str, end: str) -> None:
    boot(cloud, name, IMAGE)
    before, mark = admin.host(name), cloud.mark()
    admin.act(name, "migrate")
    until(cloud, name, "status", "VERIFY_RESIZE")
    assert admin.host(name) == elsewhere(before)
    admin.act(name, f"{end}Resize")
    until(cloud, name, "status", ACTIVE)
    assert admin.host(name) == (elsewhere(before) if end == "confirm" else before)
    assert snapshot(cloud, name) == its_data(cloud)
    check(cloud, mark, "image", "network", "placement")
    assert not moved_data(cloud, "GET", mark)  # the disk went from host to host
    assert moved_data(cloud, "PUT", mark) == [(BOTH, LEFT, {"Corte": "204"})]


def test_a_server_is_evacuated_from_a_dead_host_by_the_image_of_another_site(
    cloud: Cloud, admin: Admin, name: str
) -> None:
    boot(cloud, name, IMAGE)
    dead, mark = admin.host(name), cloud.mark()
    with cloud.service_killed("Paris", HOSTS[dead]):
        assert admin.force_down(dead, True)
        admin.act(name, "evacuate", host=elsewhere(dead))
        cloud.wait_for(lambda: admin.host(name) == elsewhere(dead), f"{name} is at another host")
        until(cloud, name, "status", ACTIVE)
        check(cloud, mark, "image", "network", "placement")
        assert moved_data(cloud, "GET", mark) == [(BOTH, LEFT, {"Corte": "200"})]
    cloud.wait_for(lambda: admin.force_down(dead, False) and admin.is_up(dead), f"{dead} is up again")
    assert admin.host(name) == elsewhere(dead)
    assert snapshot(cloud, name) == its_data(cloud)


def test_work_that_waits_in_the_broker_keeps_its_scope(cloud: Cloud, name: str) -> None:
    """Asked for while nobody was there to do it: the next conductor finds it, and where its image is."""
    mark = cloud.mark()
    with cloud.service_killed("Paris", "nova-conductor"):
        assert cloud.boot(name, image=IMAGE, scope=SCOPE).code == 0
        assert not moved_data(cloud, "GET", mark)
    assert cloud.servers(name) == {"Paris": ACTIVE}
    check(cloud, mark, "image", "network", "placement")
    assert moved_data(cloud, "GET", mark) == [(BOTH, LEFT, {"Corte": "200"})]
