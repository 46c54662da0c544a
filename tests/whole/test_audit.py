"""Replicas that were changed at one site alone: the command warns, `scopeproxy audit` finds them and mends them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from keystoneauth1.identity.v3 import Password
from keystoneauth1.session import Session

from scopeproxy.edges.audit import Wish, audit
from scopeproxy.edges.programs import client_environment
from scopeproxy.emulator.place import PASSWORD
from tests.whole.conftest import PATIENCE

SCOPEPROXY = str(Path(sys.executable).parent / "scopeproxy")
DATA = bytes(range(256)) * 4096
_BYTES = {"Content-Type": "application/octet-stream"}


def environment(lab: Any, site: str = "Paris", user: str = "admin", project: str = "admin") -> dict[str, str]:
    keystone = lab.cloud.site(site).fronts["identity"]
    who = {"OS_USERNAME": user, "OS_PASSWORD": PASSWORD, "OS_PROJECT_NAME": project}
    domains = {"OS_USER_DOMAIN_ID": "default", "OS_PROJECT_DOMAIN_ID": "default"}
    return {"OS_AUTH_URL": f"{keystone}/v3", **who, **domains}


def audited(lab: Any, at: str = "Paris", **wish: Any) -> tuple[list[dict[str, Any]], int]:
    text, code = audit(lab.cloud.topology_path, at, Wish(**wish), environment(lab, at), "json", lambda _: None)
    return json.loads(text)["findings"], code


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)


def told(rows: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [(row["name"], row["site"], row["state"], " ".join(row["fields"])) for row in rows]


@dataclass(frozen=True)
class Kind:
    """How one of it is made: `envelope` is the key around its fields."""

    service: str
    path: str
    envelope: str
    fields: dict[str, Any]


KINDS = {
    "image": Kind("image", "/v2/images", "", {"disk_format": "raw", "container_format": "bare", "of": "both"}),
    "network": Kind("network", "/v2.0/networks", "network", {}),
    "flavor": Kind("compute", "/v2.1/flavors", "flavor", {"ram": 64, "vcpus": 1, "disk": 0}),
    "user": Kind("identity", "/v3/users", "user", {"password": "x"}),
}


@pytest.fixture
def made(lab: Any) -> Iterator[dict[str, dict[str, str]]]:
    """An image with data, a network, a user and a flavor, each at Paris and at Corte: kind to its ids."""
    who = {name.removeprefix("OS_").lower(): value for name, value in environment(lab).items()}
    session = Session(auth=Password(**who), additional_headers={"X-Scope": "{identity: Paris&Corte}"})
    session.get_token()

    def call(kind: Kind, method: str, path: str = "", **more: Any) -> Any:
        session.additional_headers["X-Scope"] = f"{{{kind.service}: Paris&Corte}}"
        return session.request(f"{lab.cloud.site('Paris').fronts[kind.service]}{kind.path}{path}", method, **more)

    ids = {}
    for name, kind in KINDS.items():
        fields = {"name": "kept", **kind.fields}
        answer = call(kind, "POST", json={kind.envelope: fields} if kind.envelope else fields)
        ids[name] = dict(pair.split("=") for pair in answer.headers["X-Scope-Replicas"].split(", "))
    call(KINDS["image"], "PUT", f"/{ids['image']['Corte']}/file", data=DATA, headers=_BYTES)
    yield ids
    for name, kind in KINDS.items():
        call(kind, "DELETE", f"/{ids[name]['Paris']}")


def test_what_was_changed_at_one_site_is_told_found_and_mended(lab: Any, made: dict[str, dict[str, str]]) -> None:
    assert audited(lab) == ([], 0)
    corte = lab.cloud.site("Corte")
    image = corte.glance.images[made["image"]["Corte"]]
    image.update(min_ram=7, tags=["new"])
    del image["of"]
    corte.neutron.state.items["networks"].pop(made["network"]["Corte"])
    corte.nova.flavors.items.pop(made["flavor"]["Corte"])
    corte.keystone.directory.items["users"][made["user"]["Corte"]]["description"] = "theirs"

    listed = lab.openstack("image", "list", "-f", "json", "--scope", "{glance: Paris&Corte}", cloud="Paris")
    assert "kept" in [row["Name"] for row in listed.json]
    differ = "scope: replicas are not alike: those of Corte (in tags, min_ram, of) differ from what is shown"
    assert sorted(differ.replace(",", "").split()) == sorted(listed.stderr.strip().replace(",", "").split())
    words = ("network", "show", made["network"]["Paris"], "--scope", "{neutron: Paris&Corte}")
    assert "not shown any more (HTTP 404) at Corte" in lab.openstack(*words, cloud="Paris").stderr

    rows, code = audited(lab)
    assert code == 1
    assert sorted(told(rows)) == [
        ("kept", "Corte", "different", "description"),
        ("kept", "Corte", "different", "min_ram tags of"),
        *[("kept", "Corte", "missing", "")] * 2,
    ]
    assert audited(lab, scope=("{cinder: Paris&Corte}",)) == ([], 0)
    rows, code = audited(lab, repair_from="Paris")
    assert code == 0, rows
    assert audited(lab) == ([], 0)
    assert (image["min_ram"], image["tags"], image["of"]) == (0, [], "both")


def test_an_image_is_made_again_with_its_data_and_joins_its_set(lab: Any, made: dict[str, dict[str, str]]) -> None:
    """By the command itself, at the other site."""
    corte = lab.cloud.site("Corte").glance
    corte.state.delete(corte.images[made["image"]["Corte"]])
    known = lab.apps["Corte"].house.journey._replicas
    until(lambda: lab.do(known.of("image", [made["image"]["Corte"]])) != {})
    command = (SCOPEPROXY, "audit", "-c", str(lab.cloud.topology_path), "--site", "Corte", "--service", "glance")
    done = subprocess.run(
        [*command, "--repair-from", "Paris", "-f", "json"],
        env=client_environment(os.environ, **environment(lab, "Corte")),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)["findings"]
    assert PASSWORD not in done.stdout + done.stderr
    id_ = row["mended"].removeprefix("made as ")
    assert corte.state.store.path(id_).read_bytes() == DATA
    replicas = lab.apps["Paris"].house.journey._replicas
    until(lambda: lab.do(replicas.of("image", [id_])) == {id_: {"Paris": made["image"]["Paris"], "Corte": id_}})
