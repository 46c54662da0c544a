"""What the token of another site is worth here (the strategy *home*): its roles, project and user as this site has
them, by the operator's rules.  Pure: what is looked up at the local keystone is passed in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scopeproxy.model.identity import Identity
from scopeproxy.model.topology import HomeRules
from scopeproxy.planning.addresses import translate_target
from scopeproxy.planning.catalog import Catalog

PROJECTS, USERS = "projects", "users"

_ID = re.compile(r"[0-9a-fA-F]{32}\Z|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")


class Worthless(Exception):
    """The token gives nobody access here; the text says why, and what would."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom a rule names: a project or a user of this site, by id or by name."""

    kind: str
    text: str

    @property
    def by_id(self) -> bool:
        """Whether the text is an id already: nothing is to be looked up."""
        return _ID.match(self.text) is not None

    def __str__(self) -> str:
        return f"the {self.kind.removesuffix('s')} {self.text!r}"


@dataclass(frozen=True, slots=True)
class Local:
    """A project or user of this site.  `name` is empty where nobody asked for it."""

    id: str
    name: str = ""


def project_of(who: Identity, rules: HomeRules) -> Wanted | None:
    """The project of this site that the caller's stands for; None: a stranger's."""
    return _wanted(PROJECTS, rules.projects, who.project_id, who.project)


def user_of(who: Identity, rules: HomeRules) -> Wanted | None:
    """The user of this site for whom the caller passes; None: a stranger."""
    return _wanted(USERS, rules.users, who.user_id, who.user)


def _wanted(kind: str, rules: Mapping[str, str], id_: str | None, name: str) -> Wanted | None:
    # By name only in the default domain (Identity has no other): who owns a domain names projects there as they like.
    text = rules.get(id_ or "") or (rules.get(name) if name else None)
    return Wanted(kind, text) if text else None


@dataclass(frozen=True, slots=True)
class Counterparts:
    """Whom the caller's project and user stand for here; None: nobody, and they keep their ids."""

    project: Local | None = None
    user: Local | None = None

    def ids(self, who: Identity) -> dict[str, str]:
        """The caller's own ids, as the home has them → as this site does."""
        pairs = ((who.project_id, self.project), (who.user_id, self.user))
        return {old: local.id for old, local in pairs if old and local is not None and local.id != old}


def mapped(token: Mapping[str, Any], rules: HomeRules, counterparts: Counterparts) -> dict[str, Any]:
    """Keystone's word on a token as it holds at this site.  Raises Worthless when none of its roles means anything."""
    said = dict(token)
    if "roles" in said:
        said["roles"] = _roles(said["roles"], rules)
    for kind, local in (("project", counterparts.project), ("user", counterparts.user)):
        if local is not None and isinstance(said.get(kind), Mapping):
            said[kind] = {**said[kind], "id": local.id, **({"name": local.name} if local.name else {})}
    return said


def _roles(roles: Any, rules: HomeRules) -> list[dict[str, Any]]:
    names = [role["name"] for role in roles if isinstance(role, Mapping) and isinstance(role.get("name"), str)]
    here = dict.fromkeys(rules.roles[name] for name in names if name in rules.roles)
    if names and not here:
        raise Worthless(f"none of the caller's roles there ({', '.join(sorted(names))}) has a row in the rules")
    # Policies know roles by name; an id of the home's would be nobody's here.
    return [{"id": name, "name": name} for name in here]


def catalog_for(catalog: Catalog, theirs: str | None, ours: str | None) -> Catalog:
    """A catalog with one project's id in its URLs replaced by another's; without one to put there, those URLs go."""
    if theirs is None or theirs == ours:
        return catalog
    result = []
    for entry in catalog:
        endpoints = []
        for endpoint in entry["endpoints"]:
            url = str(endpoint.get("url", ""))
            moved = translate_target(url, {theirs: ours or ""})
            if moved == url or ours:
                endpoints.append({**endpoint, "url": moved})
        if endpoints or not entry["endpoints"]:
            result.append({**entry, "endpoints": endpoints})
    return result
