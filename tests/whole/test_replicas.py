"""Things made at two sites by one command, and used, changed and deleted as one, by commands at either site."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.whole.conftest import Done

SITES = ("Paris", "Corte")
SERVICES = {"glance": "image", "neutron": "network", "nova": "compute", "keystone": "identity"}


@dataclass(frozen=True)
class Kind:
    """What is made: the words of its command, the service in scopes, as whom, what is set and how that is shown."""

    words: tuple[str, ...]
    service: str
    create: tuple[str, ...]
    change: tuple[str, ...]
    shown: tuple[str, str]
    who: str = ""

    @property
    def scope(self) -> str:
        return f"{{{self.service}: Paris&Corte}}"


KINDS = {
    "image": Kind(("image",), "glance", (), ("--min-ram", "7"), ("min_ram", "7"), "-alice"),
    "network": Kind(("network",), "neutron", (), ("--description", "both"), ("description", "both"), "-alice"),
    "server": Kind(
        ("server",),
        "nova",
        ("--image", "cirros", "--flavor", "m1.tiny", "--network", "private"),
        ("--property", "of=both"),
        ("properties", "both"),
        "-alice",
    ),
    "user": Kind(("user",), "keystone", ("--password", "x"), ("--description", "both"), ("description", "both")),
    "project": Kind(("project",), "keystone", (), ("--description", "both"), ("description", "both")),
    "flavor": Kind(("flavor",), "nova", ("--ram", "64"), ("--property", "of=both"), ("properties", "both")),
}


def replicas(lab: Any, site: str, kind: Kind, id_: str) -> dict[str, str]:
    """The set of an id, as a site's proxy knows it."""
    known = lab.do(lab.apps[site].house.journey._replicas.of(SERVICES[kind.service], [id_]))
    return dict(known.get(id_, {}))


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)


@pytest.mark.parametrize(("name", "entry"), list(zip(KINDS, SITES * 3, strict=True)))
def test_what_is_made_here_and_there_is_one_thing(lab: Any, name: str, entry: str) -> None:
    kind, called = KINDS[name], f"twin-{name}"
    other = next(site for site in SITES if site != entry)

    def openstack(at: str, verb: str, *words: str, scope: str = kind.scope) -> Done:
        done: Done = lab.openstack(*kind.words, verb, *words, "--scope", scope, cloud=f"{at}{kind.who}")
        assert done.code == 0, done.stderr
        return done

    made = openstack(entry, "create", called, *kind.create, "-f", "json").json
    ids = replicas(lab, entry, kind, made["id"])
    assert set(ids) == set(SITES)
    assert ids["Paris"] != ids["Corte"]
    until(lambda: replicas(lab, other, kind, made["id"]) == ids)
    listed = openstack(other, "list", "-f", "json").json
    assert [row["Name"] for row in listed].count(called) == 1
    assert openstack(entry, "show", ids[other], "-f", "json").json["name"] == called
    openstack(other, "set", *kind.change, ids[entry])
    for site in SITES:
        field, value = kind.shown
        shown = openstack(entry, "show", ids[site], "-f", "json", scope=f"{{{kind.service}: {site}}}").json
        assert (shown["id"], value in str(shown[field])) == (ids[site], True)
    gone = openstack(entry, "delete", ids[other])
    for site in SITES:
        asked = [path for path in gone.calls(f"{kind.service}@{site}", method="DELETE") if "/auth/" not in path]
        assert [path.rpartition("/")[2] for path in asked] == [ids[site]]
    until(lambda: not replicas(lab, other, kind, made["id"]))
    assert called not in [row["Name"] for row in openstack(other, "list", "-f", "json").json]


def test_a_key_pair_has_one_name_everywhere(lab: Any, tmp_path: Any) -> None:
    key = tmp_path / "key.pub"
    key.write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3cYyoUr3yvNhJ9hKq4mYwC6l1mnVb4v3QXv1yXo1xQ twin\n")
    scope = "{nova: Paris&Corte}"
    assert lab.openstack("keypair", "create", "twin", "--public-key", str(key), "--scope", scope).code == 0
    for cloud in ("Paris-alice", "Corte-alice"):
        listed = lab.openstack("keypair", "list", "-f", "json", "--scope", scope, cloud=cloud)
        assert [row["Name"] for row in listed.json].count("twin") == 1
    assert lab.openstack("keypair", "delete", "twin", "--scope", scope, cloud="Corte-alice").code == 0
    for cloud in ("Paris-alice", "Corte-alice"):
        assert "twin" not in lab.openstack("keypair", "list", "-f", "value", "-c", "Name", cloud=cloud).stdout


def test_the_first_scope_of_all(lab: Any) -> None:
    """The command with which it all began."""
    scope = "{nova: Paris&Corte, glance: Corte|Marseille}"
    words = ("server", "create", "my-vm", "--image", "Debian", "--flavor", "m1.tiny", "--network", "private")
    done = lab.openstack(*words, "-f", "json", "--scope", scope)
    assert done.code == 0, done.stderr
    lab.do(lab._built("my-vm"))
    assert lab.servers("my-vm") == [("Paris", "ACTIVE"), ("Corte", "ACTIVE")]
    assert done.calls("nova@Corte", method="POST") == ["/v2.1/servers"]
    gone = lab.openstack("server", "delete", "my-vm", "--wait", "--scope", "{nova: Paris&Corte}")
    assert gone.code == 0, gone.stderr
    assert lab.servers("my-vm") == []


def test_a_role_in_a_project_here_and_there(lab: Any) -> None:
    scope = "{keystone: Paris&Corte}"
    assert lab.openstack("user", "create", "ida", "--password", "x", "--scope", scope, cloud="Paris").code == 0
    words = ("role", "add", "--user", "ida", "--project", "demo", "member", "--scope", scope)
    done = lab.openstack(*words, cloud="Paris")
    assert done.code == 0, done.stderr
    for site in SITES:
        listed = lab.openstack(
            *("role", "assignment", "list", "--names", "--user", "ida", "--project", "demo", "-f", "json"), cloud=site
        )
        assert [row["Role"] for row in listed.json] == ["member@Default"] or len(listed.json) == 1
    assert lab.openstack("user", "delete", "ida", "--scope", scope, cloud="Corte").code == 0


def test_an_image_without_a_counterpart_is_told_before_anything_is_made(lab: Any) -> None:
    image = lab.openstack("image", "create", "paris-only", "-f", "value", "-c", "id").stdout.strip()
    done = lab.openstack(
        *("server", "create", "never-there", "--image", image, "--flavor", "m1.tiny", "--network", "private"),
        *("--scope", "{nova: Paris&Corte}"),
    )
    assert done.code != 0
    assert all(part in done.stderr for part in ("server.imageRef", "'paris-only'", "Corte", "bind image"))
    assert lab.servers("never-there") == []
    assert not done.calls("nova@Paris", method="POST")
