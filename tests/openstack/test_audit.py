"""Replicas that are changed, or deleted, at one site alone: who reads is told, and `scopeproxy audit` mends them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from scopeproxy.edges.audit import Wish, audit
from tests.openstack.clients import PASSWORD
from tests.openstack.cloud import Cloud

_PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
_BYTES = {"Content-Type": "application/octet-stream"}
DATA = bytes(range(256)) * 512


@dataclass(frozen=True)
class Kind:
    """How one of a collection is made: `envelope` is the key around its fields."""

    service: str
    path: str
    envelope: str
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def scope(self) -> str:
        return f"{{{self.service}: Paris&Corte}}"

    def body(self, **fields: Any) -> Any:
        return {self.envelope: fields} if self.envelope else fields


KINDS = {
    "images": Kind("glance", "/v2/images", "", {"disk_format": "raw", "container_format": "bare"}),
    "networks": Kind("neutron", "/v2.0/networks", "network"),
    "users": Kind("keystone", "/v3/users", "user", {"password": "secret"}),
    "flavors": Kind("nova", "/v2.1/flavors", "flavor", {"ram": 64, "vcpus": 1, "disk": 0}),
}


def audited(cloud: Cloud, name: str, *services: str, **wish: Any) -> dict[tuple[str, str], tuple[str, ...]]:
    """The findings about things of this name: collection and state, with site, fields and whether that remains."""
    environ = {"OS_USERNAME": "admin", "OS_PASSWORD": PASSWORD, "OS_PROJECT_NAME": "admin"}
    environ |= {"OS_AUTH_URL": f"{cloud.front('Paris', 'keystone')}/v3"}
    environ |= {"OS_USER_DOMAIN_ID": "default", "OS_PROJECT_DOMAIN_ID": "default"}
    wanted = Wish(services=services or ("glance", "neutron", "nova", "keystone"), **wish)
    text, _ = audit(cloud.topology_path, "Paris", wanted, environ, "json", lambda line: None)
    return {
        (row["collection"], row["state"]): (row["site"], *row["fields"], *["remains"] * row["remains"])
        for row in json.loads(text)["findings"]
        if row["name"] == name
    }


def test_what_was_changed_at_one_site_is_told_found_and_mended(cloud: Cloud, name: str) -> None:
    token = cloud.token("Paris", "admin", "{keystone: Paris&Corte}")
    alone = cloud.token("Corte", "admin")

    def ask(kind: Kind, method: str, path: str = "", scope: str | None = None, **more: Any) -> Any:
        where, by = f"{kind.service}:{kind.path}{path}", token if scope else alone
        answer = cloud.call(method, where, "Paris" if scope else "Corte", token=by, scope=scope, **more)
        assert answer.status < 300, answer.text
        return answer

    ids = {}
    for collection, kind in KINDS.items():
        made = ask(kind, "POST", scope=kind.scope, json=kind.body(name=name, **kind.fields))
        ids[collection] = dict(part.split("=") for part in made.headers["X-Scope-Replicas"].split(", "))
    image, network, user, flavor = KINDS.values()
    ask(image, "PUT", f"/{ids['images']['Paris']}/file", scope=image.scope, data=DATA, headers=_BYTES)
    assert audited(cloud, name) == {}

    patch = [{"op": "replace", "path": "/min_ram", "value": 7}, {"op": "add", "path": "/of", "value": "Corte"}]
    ask(image, "PATCH", f"/{ids['images']['Corte']}", json=patch, headers=_PATCH)
    ask(user, "PATCH", f"/{ids['users']['Corte']}", json=user.body(description="theirs"))
    for collection, kind in (("networks", network), ("flavors", flavor)):
        ask(kind, "DELETE", f"/{ids[collection]['Corte']}")
    shown = cloud.openstack("image", "show", ids["images"]["Corte"], "-f", "json", user="admin", scope=image.scope)
    assert shown.json["min_ram"] == 0
    assert "scope: replicas are not alike: those of Corte (in " in shown.stderr
    assert audited(cloud, name) == {
        ("images", "different"): ("Corte", "min_ram", "of", "remains"),
        ("users", "different"): ("Corte", "description", "remains"),
        ("networks", "missing"): ("Corte", "remains"),
        ("flavors", "missing"): ("Corte", "remains"),
    }

    # With data, too, which only a new one takes.
    ask(image, "DELETE", f"/{ids['images']['Corte']}")
    mended = audited(cloud, name, repair_from="Paris")
    assert {found: rest for found, rest in mended.items() if "remains" in rest} == {}
    assert audited(cloud, name) == {}
    there = ask(image, "GET", f"?name={name}").json["images"]
    assert [(one["size"], one["min_ram"], one["status"]) for one in there] == [(len(DATA), 0, "active")]
    # What is gone for good can be forgotten.
    (again,) = (one["id"] for one in ask(flavor, "GET").json["flavors"] if one["name"] == name)
    ask(flavor, "DELETE", f"/{again}")
    assert audited(cloud, name, "nova", forget=True) == {("flavors", "missing"): ("Corte",)}
    assert audited(cloud, name) == {}

    for collection, kind in KINDS.items():
        ask(kind, "DELETE", f"/{ids[collection]['Paris']}", scope=kind.scope)
    assert ask(image, "GET", f"?name={name}").json["images"] == []
