"""What one call makes at two sites is one thing afterwards, at either entry; and each site gets its own ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.openstack.clients import Answer, Shell
from tests.openstack.cloud import ACTIVE, Cloud
from tests.openstack.resources import PUBLIC_KEY

SITES = ("Paris", "Corte")


@dataclass(frozen=True)
class Kind:
    """`words`: the command's for it; `values`: what it is made of, beside its name (`FILE`: one with some bytes);
    `change`: what is set, and what is found of that in the answer; `where`: the list of them all, and `shown` what
    follows one's id there; `data`: where its bytes are."""

    words: str
    values: str
    change: tuple[str, Mapping[str, Any]]
    where: str
    user: str = "alice"
    shown: str = ""
    data: str = ""

    def __str__(self) -> str:
        return self.words.replace(" ", "-")

    @property
    def scope(self) -> str:
        return f"{{{self.where.partition(':')[0]}: Paris&Corte}}"


_DESCRIBED = ("--description both", {"description": "both"})
KINDS = (
    Kind("user", "--password secret", _DESCRIBED, "keystone:/v3/users", "admin"),
    Kind("project", "", _DESCRIBED, "keystone:/v3/projects", "admin"),
    Kind("image", "--file FILE", ("--min-ram 64", {"min_ram": 64}), "glance:/v2/images", data="/file"),
    Kind(
        "flavor", "--ram 64", ("--property of=both", {"of": "both"}), "nova:/v2.1/flavors", "admin", "/os-extra_specs"
    ),
    Kind("keypair", "--public-key FILE", ("", {}), "nova:/v2.1/os-keypairs"),
    Kind(
        "server",
        "--image cirros --flavor m1.tiny --network private",
        ("--property of=both", {"of": "both"}),
        "nova:/v2.1/servers",
        shown="/metadata",
    ),
    Kind("network", "", _DESCRIBED, "neutron:/v2.0/networks"),
    Kind("security group", "", _DESCRIBED, "neutron:/v2.0/security-groups"),
    Kind("volume", "--size 1", _DESCRIBED, "cinder:/v3/volumes"),
)


def told(answer: Answer) -> dict[str, str]:
    value = answer.headers.get("X-Scope-Replicas", "")
    return dict(part.split("=") for part in value.split(", ")) if value else {}


class Shells:
    """The released command, running at each entry, for each user."""

    def __init__(self, cloud: Cloud, folder: Path, closing: ExitStack) -> None:
        self._cloud, self._folder, self._closing = cloud, folder, closing
        self._running: dict[tuple[str, str], Shell] = {}

    def at(self, entry: str, kind: Kind) -> Shell:
        """For commands under the kind's scope."""
        key = (entry, kind.user)
        if key not in self._running:
            shell = self._cloud.shell(entry, kind.user, self._folder / "-".join(key))
            self._running[key] = self._closing.enter_context(shell)
        self._running[key]("scope", "set", kind.scope)
        return self._running[key]


@pytest.fixture(scope="module")
def shells(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shells]:
    with ExitStack() as closing:
        yield Shells(cloud, tmp_path_factory.mktemp("shells"), closing)


class Sites:
    """What each site has of a kind, without a scope."""

    def __init__(self, cloud: Cloud, kind: Kind) -> None:
        self._cloud, self._kind = cloud, kind
        self._tokens = {site: cloud.token(site, kind.user) for site in SITES}

    def get(self, site: str, id_: str = "", behind: str = "") -> Answer:
        path = f"{self._kind.where}/{id_}{behind}" if id_ else self._kind.where
        return self._cloud.call("GET", path, site, token=self._tokens[site])

    def ids(self, name: str) -> dict[str, str]:
        """The id of what has this name, at each site; one, or none."""
        found = {}
        for site in SITES:
            items = next(value for value in self.get(site).json.values() if isinstance(value, list))
            named = [one for one in (one.get("keypair", one) for one in items) if one["name"] == name]
            assert len(named) < 2
            if named:
                found[site] = str(named[0].get("id", name))
        return found

    def shown(self, site: str, id_: str) -> Any:
        answer = self.get(site, id_, self._kind.shown)
        assert answer.status == 200, answer.text
        whole = answer.json
        return next(iter(whole.values())) if len(whole) == 1 else whole

    def settled(self, ids: Mapping[str, str]) -> bool:
        """Nothing is being done to it any more."""
        states = [self.get(site, id_).json.get(self._kind.words, {}) for site, id_ in ids.items()]
        return not any(str(state.get("status")).lower() in ("creating", "build") for state in states)


@pytest.mark.parametrize("entry", SITES)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_it_is_one_thing_to_the_command_at_either_entry(
    cloud: Cloud, shells: Shells, name: str, tmp_path: Path, kind: Kind, entry: str
) -> None:
    other = next(site for site in SITES if site != entry)
    here, there, sites = shells.at(entry, kind), shells.at(other, kind), Sites(cloud, kind)
    words, file = kind.words.split(), tmp_path / "file"
    file.write_text(PUBLIC_KEY)
    # Made here and there, with an id of each site's own.
    here(*words, "create", name, *kind.values.replace("FILE", str(file)).split())
    ids = sites.ids(name)
    assert tuple(ids) == SITES
    if kind.words != "keypair":
        assert ids["Paris"] != ids["Corte"]
        at_other = {"token": cloud.token(other, kind.user, kind.scope), "scope": kind.scope}
        show = f"{kind.where}/{ids[entry]}"
        cloud.wait_for(lambda: told(cloud.call("GET", show, other, **at_other)) == ids, f"{other} knows the set")
    cloud.wait_for(lambda: sites.settled(ids), f"the {kind} is there")
    # Listed once, and found by its name and by the id of either site.
    for shell in (here, there):
        assert [one["Site"] for one in shell.json(*words, "list") if one["Name"] == name] == ["Paris"]
        for known_as in (name, *ids.values()):
            assert shell.json(*words, "show", known_as)["name"] == name
    # Changed by any id.
    option, change = kind.change
    if change:
        there(*words, "set", *option.split(), ids[entry])
        for site, id_ in ids.items():
            assert {key: sites.shown(site, id_)[key] for key in change} == change
    if kind.data:
        for site, id_ in ids.items():
            assert sites.get(site, id_, kind.data).body == file.read_bytes()
        there(*words, "save", "--file", str(tmp_path / "saved"), ids[entry])
        assert (tmp_path / "saved").read_bytes() == file.read_bytes()
    # Gone by any id.
    here(*words, "delete", ids[other])
    cloud.wait_for(lambda: not sites.ids(name), f"the {kind} is gone")
    assert name not in [one["Name"] for one in there.json(*words, "list")]


@pytest.mark.parametrize("where", ["glance:/v2/images", "neutron:/v2.0/networks"])
def test_it_is_on_one_page(cloud: Cloud, name: str, where: str) -> None:
    scope = f"{{{where.partition(':')[0]}: Paris&Corte}}"
    token = cloud.token(scope=scope)
    body = {"name": name, "disk_format": "raw", "container_format": "bare"}
    body = body if "images" in where else {"network": {"name": name}}
    made = cloud.call("POST", where, token=token, scope=scope, json=body)
    assert set(told(made)) == set(SITES), made.text
    whole = cloud.call("GET", f"{where}?name={name}&limit=1", token=token, scope=scope).json
    assert [one["name"] for one in next(value for value in whole.values() if isinstance(value, list))] == [name]
    gone = cloud.call("DELETE", f"{where}/{told(made)['Corte']}", token=token, scope=scope)
    assert gone.status == 204, gone.text


def test_pages_put_together_are_the_list(cloud: Cloud, name: str) -> None:
    scope = "{glance: Paris&Corte}"
    token = cloud.token(scope=scope)
    body = {"name": name, "disk_format": "raw", "container_format": "bare"}
    twins = [told(cloud.call("POST", "glance:/v2/images", token=token, scope=scope, json=body)) for _ in range(3)]
    for sort in ("", "&sort_key=created_at&sort_dir=desc"):
        read, path = [], f"/v2/images?limit=2{sort}"
        while path:
            page = cloud.call("GET", f"glance:{path}", token=token, scope=scope).json
            read += [one["id"] for one in page["images"]]
            path = page.get("next")
        whole = cloud.call("GET", f"glance:/v2/images?{sort[1:]}", token=token, scope=scope).json["images"]
        of_set = {id_: members["Paris"] for members in twins for id_ in members.values()}
        shown = [of_set.get(id_, id_) for id_ in read]
        assert len(shown) == len(set(shown))
        assert set(shown) == {of_set.get(one["id"], one["id"]) for one in whole}
    for members in twins:
        assert cloud.call("DELETE", f"glance:/v2/images/{members['Corte']}", token=token, scope=scope).status == 204


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


@dataclass(frozen=True)
class Reference:
    """A thing of one collection that another, made after it, refers to in a field."""

    where: str
    first: tuple[str, str, Mapping[str, Any]]
    then: tuple[str, str, Mapping[str, Any]]
    field: str
    user: str = "alice"

    def __str__(self) -> str:
        return f"{self.then[0]}-{self.field}"


_SUBNET = {"ip_version": 4, "cidr": "192.0.2.0/24", "enable_dhcp": False}
_RULE = {"direction": "ingress", "protocol": "icmp"}
REFERENCES = (
    Reference("keystone:/v3", ("projects", "project", {}), ("projects", "project", {}), "parent_id", "admin"),
    Reference("neutron:/v2.0", ("networks", "network", {}), ("subnets", "subnet", _SUBNET), "network_id"),
    Reference("neutron:/v2.0", ("networks", "network", {}), ("ports", "port", {}), "network_id"),
    Reference(
        "neutron:/v2.0",
        ("security-groups", "security_group", {}),
        ("security-group-rules", "security_group_rule", _RULE),
        "security_group_id",
    ),
)


@pytest.mark.parametrize("reference", REFERENCES, ids=str)
def test_what_is_referred_to_by_any_id_is_each_sites_own(cloud: Cloud, name: str, reference: Reference) -> None:
    scope = f"{{{reference.where.partition(':')[0]}: Paris&Corte}}"
    token = cloud.token("Corte", reference.user, scope)

    def make(kind: tuple[str, str, Mapping[str, Any]], **fields: str) -> dict[str, str]:
        collection, envelope, values = kind
        named = {} if collection.endswith("rules") else {"name": f"{name}-{'-'.join(fields)}"}
        body = {envelope: {**named, **values, **fields}}
        made = cloud.call("POST", f"{reference.where}/{collection}", "Corte", token=token, scope=scope, json=body)
        assert made.status == 201, made.text
        return told(made)

    first = make(reference.first)
    then = make(reference.then, **{reference.field: first["Paris"]})
    for site, id_ in then.items():
        path = f"{reference.where}/{reference.then[0]}/{id_}"
        shown = cloud.call("GET", path, site, token=cloud.token(site, reference.user))
        assert shown.json[reference.then[1]][reference.field] == first[site]
    for collection, id_ in ((reference.then[0], then["Corte"]), (reference.first[0], first["Corte"])):
        gone = cloud.call(
            "DELETE",
            f"{reference.where}/{collection}/{id_}",
            token=cloud.token(scope=scope, user=reference.user),
            scope=scope,
        )
        assert gone.status == 204, gone.text


def test_what_lists_are_filtered_by_is_each_sites_own(cloud: Cloud, name: str) -> None:
    """The ports of a router: neutron's `device_id` names servers, too, and whatever else a caller likes."""
    admin = {"user": "admin", "scope": "{neutron: Paris&Corte}"}
    token = cloud.token(**admin)

    def ask(method: str, path: str, body: Any = None) -> Answer:
        return cloud.call(method, f"neutron:/v2.0/{path}", token=token, scope=admin["scope"], json=body)

    if ask("GET", "extensions/router").status == 404:
        pytest.skip("this neutron has no routers")
    made = {what: told(ask("POST", f"{what}s", {what: {"name": name}})) for what in ("router", "network")}
    # Neutron lets it stand behind ids; the emulator does not.
    suffix = ".json" if cloud.real else ""
    port = {"name": name, "network_id": made["network"]["Corte"], "device_id": made["router"]["Paris"]}
    assert set(told(ask("POST", "ports", {"port": port}))) == set(SITES)
    for site in SITES:
        found = ask("GET", f"ports?device_id={made['router'][site]}").json["ports"]
        assert [(one["name"], one["network_id"]) for one in found] == [(name, made["network"]["Paris"])]
        alone = cloud.call(
            "GET",
            f"neutron:/v2.0/ports{suffix}?device_id={made['router'][site]}&network_id={made['network'][site]}",
            token=token,
            scope="{neutron: Corte}",
        )
        assert [one["device_id"] for one in alone.json["ports"]] == [made["router"]["Corte"]]
    (both,) = ask("GET", f"ports?name={name}").json["ports"]
    assert ask("DELETE", f"ports/{both['id']}{suffix}").status == 204
    for what in ("router", "network"):
        assert ask("DELETE", f"{what}s/{made[what]['Corte']}").status == 204
