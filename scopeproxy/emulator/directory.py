"""What a keystone knows: domains, projects, users, roles, who has which role where, and the catalog."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from scopeproxy.emulator.collection import Item

IMPLIED = {"admin": ("manager", "member", "reader"), "manager": ("member", "reader"), "member": ("reader",)}


@dataclass(frozen=True, slots=True)
class Kind:
    """One collection of the identity API: its singular, what a new item has, and whether names are unique in a domain
    (`domain`), everywhere (`all`), or not at all."""

    singular: str
    defaults: Mapping[str, Any]
    unique: str = ""
    in_domain: bool = False


_NAMED = {"description": "", "options": {}}
KINDS = {
    "domains": Kind("domain", {"enabled": True, "tags": [], **_NAMED}, "all"),
    "projects": Kind(
        "project", {"enabled": True, "is_domain": False, "parent_id": "default", "tags": [], **_NAMED}, "domain", True
    ),
    "users": Kind("user", {"enabled": True, "options": {}, "password_expires_at": None}, "domain", True),
    "groups": Kind("group", {"description": ""}, "domain", True),
    "roles": Kind("role", {"description": None, "domain_id": None, "options": {}}, "all"),
    "regions": Kind("region", {"description": "", "parent_region_id": None}),
    "services": Kind("service", {"enabled": True, "description": ""}),
    "endpoints": Kind("endpoint", {"enabled": True}),
    "credentials": Kind("credential", {}),
}


class Duplicate(Exception):
    """A name is taken."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A role of a user on a target: ("project", id), ("domain", id) or ("system", "all")."""

    user: str
    role: str
    target: tuple[str, str]


class Directory:
    """The state of a keystone, tokens left out.  Ids are made here, so they differ from site to site."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Item]] = {kind: {} for kind in KINDS}
        self.passwords: dict[str, str] = {}
        self.grants: set[Grant] = set()
        self.app_credentials: dict[str, Item] = {}
        self.secrets: dict[str, str] = {}
        self.create("domains", {"id": "default", "name": "Default", "description": "The default domain"})

    def copy_people(self, other: Directory) -> None:
        """All that another keystone knows but its catalog, with the same ids."""
        for kind in KINDS.keys() - {"regions", "services", "endpoints"}:
            self.items[kind] = deepcopy(other.items[kind])
        self.passwords, self.grants = dict(other.passwords), set(other.grants)
        self.app_credentials, self.secrets = deepcopy(other.app_credentials), dict(other.secrets)

    def create(self, kind: str, values: Item) -> Item:
        """A new item; the caller's values over the defaults."""
        row = KINDS[kind]
        item = {"id": uuid.uuid4().hex, **row.defaults, **values}
        if row.in_domain:
            item.setdefault("domain_id", "default")
        if kind == "users" and "password" in item:
            self.passwords[item["id"]] = item.pop("password")
        if self._taken(kind, item):
            raise Duplicate(item["name"])
        self.items[kind][item["id"]] = item
        return item

    def _taken(self, kind: str, item: Item) -> bool:
        unique = KINDS[kind].unique
        if item["id"] in self.items[kind]:
            return True
        return bool(unique) and any(
            other["name"] == item.get("name") and (unique == "all" or other["domain_id"] == item["domain_id"])
            for other in self.items[kind].values()
        )

    def change(self, kind: str, id_: str, values: Item) -> Item:
        """Change an item in place."""
        if kind == "users" and "password" in values:
            self.passwords[id_] = values.pop("password")
        self.items[kind][id_].update(values)
        return self.items[kind][id_]

    def delete(self, kind: str, id_: str) -> None:
        """Remove an item, and what hangs on it."""
        del self.items[kind][id_]
        self.grants = {grant for grant in self.grants if id_ not in (grant.user, grant.role, grant.target[1])}
        for credential in [c for c in self.app_credentials.values() if id_ in (c["user_id"], c["project_id"])]:
            del self.app_credentials[credential["id"]]

    def named(self, kind: str, name: str, domain: str | None = None) -> Item | None:
        """The item of that name, in a domain where the kind has one."""
        return next(
            (
                item
                for item in self.items[kind].values()
                if item.get("name") == name and domain in (None, item.get("domain_id"))
            ),
            None,
        )

    def by_reference(self, kind: str, reference: Mapping[str, Any]) -> Item | None:
        """What `{"id": …}` or `{"name": …, "domain": {…}}` in a request means."""
        if "id" in reference:
            return self.items[kind].get(reference["id"])
        if kind == "domains":
            return self.named(kind, reference.get("name", ""))
        domain = self.by_reference("domains", reference.get("domain") or {})
        return domain and self.named(kind, reference.get("name", ""), domain["id"])

    def grant(self, user: str, role: str, target: tuple[str, str]) -> None:
        self.grants.add(Grant(user, role, target))

    def roles(self, user: str, target: tuple[str, str]) -> list[Item]:
        """The roles of a user on a target, with those that they imply."""
        held = {self.items["roles"][g.role]["name"] for g in self.grants if (g.user, g.target) == (user, target)}
        held |= {implied for name in held for implied in IMPLIED.get(name, ())}
        return [
            {"id": role["id"], "name": role["name"]} for role in self.items["roles"].values() if role["name"] in held
        ]

    def targets(self, user: str, kind: str) -> Iterator[Item]:
        """The projects or domains on which a user has any role."""
        singular = KINDS[kind].singular
        ids = {g.target[1] for g in self.grants if g.user == user and g.target[0] == singular}
        return (item for id_, item in self.items[kind].items() if id_ in ids)

    def catalog(self, project_id: str | None) -> list[dict[str, Any]]:
        """The catalog as it is in a token: `$(project_id)s` filled in; left out where there is no project."""
        result = []
        for service in self.items["services"].values():
            endpoints = [
                {
                    "id": e["id"],
                    "interface": e["interface"],
                    "region_id": e.get("region_id"),
                    "region": e.get("region_id"),
                    "url": e["url"]
                    .replace("$(project_id)s", project_id or "")
                    .replace("%(project_id)s", project_id or ""),
                }
                for e in self.items["endpoints"].values()
                if e["service_id"] == service["id"] and e["enabled"] and (project_id or "(project_id)s" not in e["url"])
            ]
            if service["enabled"]:
                row = {"endpoints": endpoints, "id": service["id"], "type": service["type"], "name": service["name"]}
                result.append(row)
        return result
