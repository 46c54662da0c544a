"""Both carriers on every call that nova makes, in work that outlives the request too, and over a proxy's restart."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from tests.openstack.cloud import ACTIVE, Cloud

SCOPE = "{nova: Paris, glance: Corte}"
LEFT = "{compute: Paris, image: Corte}"
BOTH, ID_ALONE = ["request id", "tag"], ["request id"]
NO_SUCH_ACTION = "the emulated nova has no such action"

# What is with each call that a service makes: of services' own tokens only the request id tells; a validation has none.
CARRIERS = {
    "image": [BOTH],
    "network": [BOTH, ID_ALONE],
    "placement": [ID_ALONE],
    "identity": [["subject tag"]],
}


def made_by_services(cloud: Cloud, mark: frozenset[str]) -> list[dict[str, Any]]:
    """The calls that came to the proxy of Paris with a carrier, and not from the client."""
    return [row for row in cloud.calls("Paris", mark) if "header" not in row["carriers"]]


def check(cloud: Cloud, mark: frozenset[str], *services: str) -> None:
    """Each call that services made for the work had the carriers that it can have, and went where the scope says."""
    rows = made_by_services(cloud, mark)
    assert {row["service"] for row in rows} >= set(services)
    for row in rows:
        assert row["carriers"] in CARRIERS[row["service"]], row
        if row["service"] == "identity":
            continue
        assert row["scope"] == LEFT, row
        assert row["source"] == "request id", row
        assert set(row["sites"]) == {"Corte" if row["service"] == "image" else "Paris"}, row


def openstack(cloud: Cloud, *words: str, scope: str | None = SCOPE) -> str:
    done = cloud.openstack(*words, scope=scope)
    assert done.code == 0, done.stderr
    return done.stdout


def until(cloud: Cloud, server: str, key: str, wanted: str) -> None:
    """`key` of alice's server at Paris is what it must become."""
    token = cloud.token()

    def reached() -> bool:
        rows = cloud.call("GET", "nova:/v2.1/servers/detail", token=token).json["servers"]
        return any(row["name"] == server and row[key] == wanted for row in rows)

    cloud.wait_for(reached, f"{key} of {server} is {wanted}")


@pytest.fixture
def disk(cloud: Cloud, name: str, tmp_path: Path) -> bytes:
    """The data of a private image of alice's at Corte, which is called as the test's things are."""
    data = os.urandom(100_000)
    file = tmp_path / "disk"
    file.write_bytes(data)
    formats = ("--disk-format", "raw", "--container-format", "bare", "--file", str(file))
    openstack(cloud, "image", "create", name, *formats, scope="{glance: Corte}")
    return data


def images(cloud: Cloud, site: str) -> dict[str, dict[str, Any]]:
    answer = cloud.call("GET", "glance:/v2/images?limit=1000", at=site, token=cloud.token(site))
    return {image["name"]: image for image in answer.json["images"]}


def data_of(cloud: Cloud, site: str, image: dict[str, Any]) -> bytes:
    answer = cloud.call("GET", f"glance:/v2/images/{image['id']}/file", at=site, token=cloud.token(site))
    return answer.body if answer.status == 200 else b""


def test_every_call_of_a_boot_has_the_carriers_that_it_can_have(cloud: Cloud, name: str, disk: bytes) -> None:
    mark = cloud.mark()
    boot(cloud, name, name)
    check(cloud, mark, "image", "network", "placement", "identity")
    download = [row for row in made_by_services(cloud, mark) if row["path"].endswith("/file")]
    assert [row["sites"] for row in download] == [{"Corte": "200"}]
    # Corte's proxy is told by the header; neither carrier leaves a site.
    assert {tuple(row["carriers"]) for row in cloud.calls("Corte", mark) if row["peer"]} == {("header",)}


def test_a_boot_goes_on_when_the_proxy_was_killed_in_the_middle_of_it(cloud: Cloud, name: str, disk: bytes) -> None:
    with cloud.hypervisor_held("Paris"):
        assert cloud.boot(name, image=name, scope=SCOPE).code == 0
        until(cloud, name, "OS-EXT-STS:task_state", "spawning")
        cloud.stop_proxy("Paris", kill=True)
        cloud.start_proxy("Paris")
        cloud.wait_until_up()
    assert cloud.servers(name) == {"Paris": ACTIVE}
    rows = [row for row in cloud.calls("Paris") if row["path"].endswith("/file")]
    assert [(row["carriers"], row["scope"], row["sites"]) for row in rows] == [(BOTH, LEFT, {"Corte": "200"})]


@pytest.mark.real_only(NO_SUCH_ACTION)
def test_a_snapshot_is_uploaded_to_the_site_of_the_images(cloud: Cloud, name: str, disk: bytes) -> None:
    boot(cloud, name, name)
    mark = cloud.mark()
    openstack(cloud, "server", "image", "create", name, "--name", f"{name}-snapshot", "--wait")
    check(cloud, mark, "image")
    assert f"{name}-snapshot" not in images(cloud, "Paris")
    there = images(cloud, "Corte")[f"{name}-snapshot"]
    assert there["status"] == "active"
    assert digest(data_of(cloud, "Corte", there)) == digest(disk)
    boot(cloud, f"{name}-2", f"{name}-snapshot")


@pytest.mark.real_only(NO_SUCH_ACTION)
def test_a_server_is_shelved_to_another_site_and_comes_back(cloud: Cloud, name: str, disk: bytes) -> None:
    boot(cloud, name, name)
    mark = cloud.mark()
    openstack(cloud, "server", "shelve", name)
    until(cloud, name, "status", "SHELVED_OFFLOADED")
    there = images(cloud, "Corte")[f"{name}-shelved"]
    assert digest(data_of(cloud, "Corte", there)) == digest(disk)
    assert f"{name}-shelved" not in images(cloud, "Paris")
    openstack(cloud, "server", "unshelve", name)
    until(cloud, name, "status", ACTIVE)
    assert f"{name}-shelved" not in images(cloud, "Corte")
    check(cloud, mark, "image", "network", "placement")


@pytest.mark.real_only(NO_SUCH_ACTION)
def test_a_server_is_rebuilt_and_resized_from_images_of_another_site(cloud: Cloud, name: str) -> None:
    boot(cloud, name, "Alpine")
    mark = cloud.mark()
    openstack(cloud, "server", "rebuild", name, "--image", "cirros")
    until(cloud, name, "status", ACTIVE)
    for end in ("confirm", "revert"):
        flavor = "m1.small" if end == "confirm" else "m1.tiny"
        openstack(cloud, "server", "resize", name, "--flavor", flavor)
        until(cloud, name, "status", "VERIFY_RESIZE")
        openstack(cloud, "server", "resize", end, name)
        until(cloud, name, "status", ACTIVE)
    check(cloud, mark, "image", "network", "placement")


def test_work_whose_token_is_revoked_fails_and_goes_nowhere_else(cloud: Cloud, name: str, disk: bytes) -> None:
    """As without a scope: what is left of the work cannot be done for nobody."""
    token = cloud.token(scope=SCOPE)
    with cloud.hypervisor_held("Paris"):
        created(cloud, token, name)
        mark = cloud.mark()
        gone = cloud.call("DELETE", "keystone:/v3/auth/tokens", token=token, headers={"X-Subject-Token": token})
        assert gone.status == 204
    assert cloud.servers(name) == {"Paris": "ERROR"}
    assert not [row for row in cloud.calls("Paris", mark) if row["service"] == "image" and "Paris" in row["sites"]]


def created(cloud: Cloud, token: str, name: str) -> None:
    """A server under the scope, by plain HTTP, once it waits for the hypervisor."""

    def ask(method: str, where: str, json: Any = None) -> Any:
        answer = cloud.call(method, where, token=token, scope=SCOPE, json=json)
        assert answer.status < 300, answer.text
        return answer.json

    image = next(image["id"] for image in ask("GET", "glance:/v2/images")["images"] if image["name"] == name)
    flavor = next(one["id"] for one in ask("GET", "nova:/v2.1/flavors")["flavors"] if one["name"] == "m1.tiny")
    network = ask("GET", "neutron:/v2.0/networks?name=private")["networks"][0]["id"]
    values = {"name": name, "imageRef": image, "flavorRef": flavor, "networks": [{"uuid": network}]}
    ask("POST", "nova:/v2.1/servers", {"server": values})
    until(cloud, name, "OS-EXT-STS:task_state", "spawning")


def boot(cloud: Cloud, name: str, image: str) -> None:
    assert cloud.boot(name, image=image, scope=SCOPE).code == 0
    assert cloud.servers(name) == {"Paris": ACTIVE}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
