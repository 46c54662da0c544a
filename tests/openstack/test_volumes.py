"""Volumes, with the project in the path or without, and the images that they are made from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.openstack.cloud import SITES, Cloud


class Volumes:
    """A user's volumes at one entry, by plain HTTP; what was created is deleted at the end of the test."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._tokens: dict[str, tuple[str, str]] = {}
        self._created: list[tuple[str, str, str | None]] = []

    def login(self, at: str, scope: str | None = None) -> tuple[str, str]:
        """A token, and the id of the project at the entry."""
        key = f"{at} {scope}"
        if key not in self._tokens:
            token = self._cloud.token(at, scope=scope)
            headers = {"X-Subject-Token": token}
            shown = self._cloud.call("GET", "keystone:/v3/auth/tokens", at=at, token=token, headers=headers)
            self._tokens[key] = token, shown.json["token"]["project"]["id"]
        return self._tokens[key]

    def call(self, method: str, path: str, at: str = "Paris", scope: str | None = None, body: Any = None) -> Any:
        """`path` as it follows the project in the path."""
        token, project = self.login(at, scope)
        return self._cloud.call(method, f"cinder:/v3/{project}{path}", at=at, token=token, scope=scope, json=body)

    def create(self, name: str, at: str = "Paris", scope: str | None = None, **values: Any) -> dict[str, Any]:
        """The volume when it is available."""
        made = self.call("POST", "/volumes", at, scope, {"volume": {"name": name, "size": 1, **values}})
        assert made.status == 202, made.text
        id_ = made.json["volume"]["id"]
        self._created.append((id_, at, scope))

        def look() -> dict[str, Any] | None:
            volume = self.call("GET", f"/volumes/{id_}", at, scope).json["volume"]
            assert volume["status"] != "error"
            return dict(volume) if volume["status"] == "available" else None

        return self._cloud.wait_for(look, f"{name} is available")

    def delete(self, id_: str, at: str = "Paris", scope: str | None = None) -> None:
        """Returns when it is gone."""
        assert self.call("DELETE", f"/volumes/{id_}", at, scope).status == 202

        def gone() -> bool:
            return bool(self.call("GET", f"/volumes/{id_}", at, scope).status == 404)

        self._cloud.wait_for(gone, f"volume {id_} is gone")

    def names(self, at: str = "Paris", scope: str | None = None) -> list[str]:
        answer = self.call("GET", "/volumes", at, scope)
        assert answer.status == 200, answer.text
        return sorted(volume["name"] for volume in answer.json["volumes"])

    def delete_all(self) -> None:
        for id_, at, scope in self._created:
            if self.call("GET", f"/volumes/{id_}", at, scope).status == 200:
                self.delete(id_, at, scope)


@pytest.fixture
def volumes(cloud: Cloud) -> Iterator[Volumes]:
    made = Volumes(cloud)
    yield made
    made.delete_all()


@pytest.mark.parametrize("entry", SITES)
@pytest.mark.parametrize("place", SITES)
def test_a_volumes_life_at_each_site_from_each_entry(volumes: Volumes, name: str, entry: str, place: str) -> None:
    there = {"at": entry, "scope": f"{{cinder: {place}}}"}
    volume = volumes.create(name, **there)
    assert name in volumes.names(**there)
    for site in SITES:
        assert (name in volumes.names(at=site)) is (site == place)
    changed = volumes.call("PUT", f"/volumes/{volume['id']}", body={"volume": {"description": "new"}}, **there)
    assert (changed.status, changed.json["volume"]["description"]) == (200, "new")
    volumes.delete(volume["id"], **there)
    assert name not in volumes.names(at=place)


def test_the_project_in_the_path_is_the_other_sites(cloud: Cloud, volumes: Volumes, name: str) -> None:
    (_, ours), (_, theirs) = volumes.login("Paris"), volumes.login("Corte")
    assert ours != theirs
    mark = cloud.mark()
    volumes.create(name, scope="{cinder: Corte}")
    paths = {site: [c["path"] for c in cloud.calls(site, mark) if c["method"] == "POST"] for site in ("Paris", "Corte")}
    assert f"/v3/{ours}/volumes" in paths["Paris"]
    assert paths["Corte"] == [f"/v3/{theirs}/volumes"]


def test_the_project_may_be_left_out(cloud: Cloud, volumes: Volumes, name: str) -> None:
    volumes.create(name, at="Corte")
    scope = "{cinder: Corte}"
    token, _ = volumes.login("Paris", scope)
    answer = cloud.call("GET", "cinder:/v3/volumes", token=token, scope=scope)
    assert answer.status == 200, answer.text
    assert name in [volume["name"] for volume in answer.json["volumes"]]


def test_the_project_in_the_path_must_be_ones_own(cloud: Cloud, volumes: Volumes) -> None:
    token, _ = volumes.login("Paris")
    answer = cloud.call("GET", f"cinder:/v3/{'0' * 32}/volumes", token=token)
    assert (answer.status, list(answer.json)) == (400, ["badRequest"])


def test_one_list_of_two_sites(volumes: Volumes, name: str) -> None:
    volumes.create(f"{name}-here")
    volumes.create(f"{name}-there", at="Corte")
    names = volumes.names(scope="{cinder: Paris&Corte}")
    assert [found for found in names if found.startswith(name)] == [f"{name}-here", f"{name}-there"]


def test_the_command(cloud: Cloud, volumes: Volumes, name: str) -> None:
    scope = "{cinder: Corte}"
    made = cloud.openstack("volume", "create", "--size", "1", name, "-f", "json", scope=scope).json
    assert (made["name"], made["type"]) == (name, "__DEFAULT__")
    cloud.wait_for(lambda: _shown(cloud, name, scope)["status"] == "available", f"{name} is available")
    assert cloud.openstack("volume", "set", "--property", "colour=red", name, scope=scope).code == 0
    assert _shown(cloud, name, scope)["properties"] == {"colour": "red"}
    listed = cloud.openstack("volume", "list", "-f", "json", scope="{cinder: Paris&Corte}").json
    assert [row["Status"] for row in listed if row["Name"] == name] == ["available"]
    assert cloud.openstack("volume", "delete", name, scope=scope).code == 0
    cloud.wait_for(lambda: name not in volumes.names(at="Corte"), f"{name} is gone")


def _shown(cloud: Cloud, name: str, scope: str) -> dict[str, Any]:
    return dict(json.loads(cloud.openstack("volume", "show", name, "-f", "json", scope=scope).stdout))


@pytest.mark.core
@pytest.mark.row("A volume from an image of the other site")
def test_a_volume_from_an_image_of_another_site(cloud: Cloud, volumes: Volumes, name: str) -> None:
    partner = cloud.partner
    images = cloud.call("GET", "glance:/v2/images", at=partner, token=cloud.token(partner)).json["images"]
    (image,) = [image["id"] for image in images if image["name"] == cloud.image(partner)]
    scope, mark = f"{{cinder: Paris, glance: {partner}}}", cloud.mark()
    volume = volumes.create(name, scope=scope, imageRef=image)
    assert volume["bootable"] == "true"
    assert volume["volume_image_metadata"]["image_name"] == cloud.image(partner)
    calls = [call for call in cloud.calls("Paris", mark) if call["path"] == f"/v2/images/{image}"]
    assert calls
    assert all(partner in call["sites"] for call in calls)
    # cinder's own calls: with the client's request id, and the user's tagged token.
    assert all({"request id", "tag"} <= set(call["carriers"]) for call in calls)


@pytest.mark.real_only("the emulator's volumes hold nothing")
def test_a_volume_holds_the_other_sites_image(cloud: Cloud, volumes: Volumes, name: str) -> None:
    token = cloud.token("Corte")
    images = cloud.call("GET", "glance:/v2/images", at="Corte", token=token).json["images"]
    (image,) = [image["id"] for image in images if image["name"] == cloud.image("Corte")]
    content = cloud.call("GET", f"glance:/v2/images/{image}/file", at="Corte", token=token).body
    volume = volumes.create(name, scope="{cinder: Paris, glance: Corte}", imageRef=image)
    assert cloud.volume_begins("Paris", volume["id"], len(content)) == content


@pytest.mark.real_only("the emulator's nova has no volumes")
def test_a_server_boots_from_a_volume_from_another_sites_image(cloud: Cloud, name: str) -> None:
    """nova asks cinder, cinder asks glance: the scope is with the second call too."""
    connection = cloud.connect(scope="{nova: Paris, glance: Corte}")
    machine = {"image": cloud.image("Corte"), "flavor": "m1.tiny", "network": "private"}
    connection.create_server(name, boot_from_volume=True, volume_size="1", terminate_volume=True, wait=False, **machine)
    assert cloud.servers(name) == {"Paris": "ACTIVE"}


WHY = "compute at Paris cannot work with block-storage at Corte"


@pytest.mark.parametrize("words", [("server", "add", "volume"), ("server", "create")])
def test_a_volume_elsewhere_is_refused(cloud: Cloud, volumes: Volumes, name: str, words: tuple[str, ...]) -> None:
    volume = volumes.create(name, at="Corte")["id"]
    token, mark, scope = cloud.token(), cloud.mark(), "{nova: Paris, cinder: Corte}"
    if words == ("server", "create"):
        device = {"boot_index": 0, "uuid": volume, "source_type": "volume", "destination_type": "volume"}
        body = {"server": {"name": name, "flavorRef": "1", "networks": "none", "block_device_mapping_v2": [device]}}
        path = "servers"
    else:
        body, path = {"volumeAttachment": {"volumeId": volume}}, f"servers/{volume}/os-volume_attachments"
    answer = cloud.call("POST", f"nova:/v2.1/{path}", token=token, scope=scope, json=body)
    assert answer.status == 400
    assert WHY in answer.text
    calls = [call for site in cloud.served for call in cloud.calls(site, mark)]
    assert [(call["site"], call["status"], call["sites"]) for call in calls] == [("Paris", 400, {})]
