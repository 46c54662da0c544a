"""What the token of another site is worth here (the strategy *home*): its roles, project and user as this site has
them, by the operator's rules.  Pure: what is looked up at the local keystone is passed in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from scopeproxy.lang.suggestions import shortened
from scopeproxy.model.identity import Identity
from scopeproxy.model.topology import HomeRules
from scopeproxy.planning.addresses import translate_target
from scopeproxy.planning.catalog import Catalog

PROJECTS, USERS = "projects", "users"

# As keystone makes them: those of users in LDAP have 64 digits.
_ID = re.compile(r"([0-9a-fA-F]{32}){1,2}\Z|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")

# What passes of a home's word.  All else might mean more here than the rules allow.  What it says of an application
# credential and of the admin project only takes away: services take every project for that one where nothing is said.
_SAID = (
    *("methods", "user", "project", "roles", "expires_at", "issued_at", "audit_ids"),
    *("application_credential", "is_admin_project"),
)

# How many of a token's roles are told, where none is worth anything: the list is its home's.
_TOLD = 10


# Where names in rules are looked up.
_DEFAULT = {"id": "default", "name": "Default"}


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


def has_form_of_id(text: str) -> bool:
    """Whether a text is an id as keystone makes them, letter by letter: some databases take other cases for the same,
    and ids are parts of paths."""
    return _ID.match(text) is not None and text == text.lower()


def user_of(who: Identity, rules: HomeRules) -> Wanted | None:
    """The user of this site for whom the caller passes; None: a stranger."""
    return _wanted(USERS, rules.users, who.user_id, who.user)


def _wanted(kind: str, rules: Mapping[str, str], id_: str | None, name: str) -> Wanted | None:
    text = counterpart(rules, id_, name)
    return Wanted(kind, text) if text else None


def counterpart(rules: Mapping[str, str], id_: str | None, name: str) -> str | None:
    """What a row for a project or user says, by id or else by name; None: there is no row for it."""
    # By name only in the default domain (Identity has no other): who owns a domain names projects there as they like.
    # Nor by a name that has the form of an id: the row of it is for the one who has that id.
    return rules.get(id_ or "") or (rules.get(name) if name and not _ID.match(name) else None)


@dataclass(frozen=True, slots=True)
class Counterparts:
    """Whom the caller's project and user stand for here; None: nobody, and they keep their ids."""

    project: Local | None = None
    user: Local | None = None

    def ids(self, who: Identity) -> dict[str, str]:
        """The caller's own ids, as the home has them → as this site does."""
        pairs = ((who.project_id, self.project), (who.user_id, self.user))
        return {old: local.id for old, local in pairs if old and local is not None and local.id != old}


def mapped(token: Mapping[str, Any], rules: HomeRules, counterparts: Counterparts, home: str) -> dict[str, Any]:
    """The word of `home`'s keystone on a token as it holds at this site.  Raises Worthless when none of its roles means
    anything."""
    said = {key: token[key] for key in _SAID if key in token}
    if "roles" in said or "project" in said:
        said["roles"] = _roles(said.get("roles"), rules)
    for kind, local in (("project", counterparts.project), ("user", counterparts.user)):
        if isinstance(said.get(kind), Mapping):
            said[kind] = _as_here(said[kind], local, home)
    return said


def _as_here(who: Mapping[str, Any], local: Local | None, home: str) -> dict[str, Any]:
    """A project or user with the id that counts here; a name that is its home's stands in a domain of its home's, since
    some services know people by name in the domain `default` (swift, in the ACLs of containers)."""
    if local is not None and local.name:
        return {**who, "id": local.id, "name": local.name, "domain": _DEFAULT}
    theirs = who.get("domain")
    theirs = theirs if isinstance(theirs, Mapping) else {}
    id_ = sha256(f"{home}/{theirs.get('id')}".encode()).hexdigest()[:32]
    domain = {"id": id_, "name": f"{theirs.get('name')} of {home}"}
    return {**who, "id": local.id if local else who.get("id"), "domain": domain}


def _roles(roles: Any, rules: HomeRules) -> list[dict[str, Any]]:
    listed = roles if isinstance(roles, list) else []
    names = [role["name"] for role in listed if isinstance(role, Mapping) and isinstance(role.get("name"), str)]
    here = dict.fromkeys(rules.roles[name] for name in names if name in rules.roles)
    if not here:
        # Also without any: many a policy asks for the project alone.
        told = ", ".join(shortened(name) for name in sorted(names)[:_TOLD]) or "none at all"
        raise Worthless(f"none of the caller's roles there ({told}) has a row in the rules")
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
