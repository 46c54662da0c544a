"""What one call makes at two sites is one thing afterwards, at either entry; and each site gets its own ids."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.openstack.clients import Answer
from tests.openstack.cloud import ACTIVE, Cloud

SITES = ("Paris", "Corte")
_PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}


@dataclass(frozen=True)
class Kind:
    """A collection, and how what is in it is made and changed; `envelope`: the key around each."""

    service: str
    path: str
    envelope: str
    user: str = "alice"
    made_with: dict[str, Any] = field(default_factory=dict)
    method: str = "PATCH"

    @property
    def scope(self) -> str:
        return f"{{{self.service}: Paris&Corte}}"

    def body(self, **fields: Any) -> Any:
        return {self.envelope: fields} if self.envelope else fields

    def of(self, answer: Answer) -> Any:
        assert answer.status in (200, 201, 202), answer.text
        return answer.json[self.envelope] if self.envelope else answer.json


KINDS = {
    "image": Kind("glance", "/v2/images", "", made_with={"disk_format": "raw", "container_format": "bare"}),
    "network": Kind("neutron", "/v2.0/networks", "network", method="PUT"),
    "security group": Kind("neutron", "/v2.0/security-groups", "security_group", method="PUT"),
    "user": Kind("keystone", "/v3/users", "user", user="admin", made_with={"password": "secret"}),
    "project": Kind("keystone", "/v3/projects", "project", user="admin"),
}


def told(answer: Answer) -> dict[str, str]:
    value = answer.headers.get("X-Scope-Replicas", "")
    return dict(part.split("=") for part in value.split(", ")) if value else {}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_any_id_will_do_at_either_entry(cloud: Cloud, name: str, kind: Kind) -> None:
    both = {site: cloud.token(site, kind.user, kind.scope) for site in SITES}

    def ask(at: str, method: str, path: str = "", scope: str | None = kind.scope, **more: Any) -> Answer:
        where = f"{kind.service}:{kind.path}{path}"
        return cloud.call(method, where, at, token=both[at], scope=scope, **more)

    made = ask("Paris", "POST", json=kind.body(name=name, **kind.made_with))
    ids = told(made)
    assert kind.of(made)["id"] == ids["Paris"] != ids["Corte"]
    # Told to the other site's proxy.
    cloud.wait_for(lambda: told(ask("Corte", "GET", f"/{ids['Paris']}")) == ids, "Corte knows the set")
    assert kind.of(ask("Paris", "GET", f"/{ids['Corte']}"))["name"] == name
    for limit in ("", "&limit=1"):
        listed = ask("Corte", "GET", f"?name={name}{limit}").json
        assert [one["name"] for one in next(value for value in listed.values() if isinstance(value, list))] == [name]
    if kind.service == "glance":
        patch = [{"op": "add", "path": "/described", "value": "both"}]
        changed = ask("Corte", kind.method, f"/{ids['Paris']}", json=patch, headers=_PATCH)
    else:
        changed = ask("Corte", kind.method, f"/{ids['Paris']}", json=kind.body(description="both"))
    assert changed.status == 200, changed.text
    for site in SITES:
        shown = kind.of(ask(site, "GET", f"/{ids[site]}", scope=None))
        assert shown["described" if kind.service == "glance" else "description"] == "both"
    assert ask("Paris", "DELETE", f"/{ids['Corte']}").status == 204
    for site in SITES:
        assert ask(site, "GET", f"/{ids[site]}", scope=None).status == 404


def test_a_server_gets_the_ids_of_each_site(cloud: Cloud, name: str) -> None:
    """The command with which it all began: flavors and networks are called differently at the two sites."""
    words = ("server", "create", name, "--image", cloud.image("Marseille"), "--flavor", "m1.tiny")
    scope = "{nova: Paris&Corte, glance: Corte|Marseille}"
    done = cloud.openstack(*words, "--network", "private", "-f", "json", scope=scope)
    assert done.code == 0, done.stderr
    assert cloud.servers(name) == {"Paris": ACTIVE, "Corte": ACTIVE}
    id_ = cloud.connect("Corte").compute.find_server(name, ignore_missing=False).id
    gone = cloud.openstack("server", "delete", id_, "--wait", scope="{nova: Paris&Corte}")
    assert gone.code == 0, gone.stderr
    assert not cloud.connect("Paris").compute.find_server(name)
    assert not cloud.connect("Corte").compute.find_server(name)


def test_what_has_no_counterpart_is_refused_before_anything_is_made(cloud: Cloud, name: str) -> None:
    image = cloud.connect("Marseille").image.find_image(cloud.image("Marseille"), ignore_missing=False).id
    network = cloud.connect("Paris").network.find_network("private", ignore_missing=False).id
    flavor = cloud.connect("Paris").compute.find_flavor("m1.tiny", ignore_missing=False).id
    scope = "{nova: Paris&Corte}"
    server = {"name": name, "imageRef": image, "flavorRef": flavor, "networks": [{"uuid": network}]}
    token = cloud.token(scope=scope)
    answer = cloud.call("POST", "nova:/v2.1/servers", token=token, scope=scope, json={"server": server})
    assert answer.status == 400, answer.text
    message = answer.json["badRequest"]["message"]
    assert all(part in message for part in ("server.imageRef", image, "Corte", "bind image")), message
    assert not cloud.connect("Paris").compute.find_server(name)


def test_a_role_is_granted_between_what_each_site_calls_its_own(cloud: Cloud, name: str) -> None:
    scope = "{keystone: Paris&Corte}"
    for words in (
        ("user", "create", name),
        ("role", "add", "--user", name, "--project", "demo", "member"),
    ):
        done = cloud.openstack(*words, user="admin", scope=scope)
        assert done.code == 0, done.stderr
    for site in SITES:
        identity = cloud.connect(site, "admin").identity
        user, project = identity.find_user(name), identity.find_project("demo")
        assert list(identity.role_assignments(user_id=user.id, scope_project_id=project.id))
    assert cloud.openstack("user", "delete", name, user="admin", scope=scope).code == 0
