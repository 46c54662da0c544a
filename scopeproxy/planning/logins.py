"""The bodies of logins: what a client's own says, and the same login told for another site, by names.

Identity API v3, https://docs.openstack.org/api-ref/identity/v3/#authentication-and-token-management.
"""

from __future__ import annotations

import calendar
import time
from collections.abc import Mapping
from typing import Any

from scopeproxy.model.identity import Identity, Token

Json = Mapping[str, Any]


class NotReplayable(Exception):
    """This login cannot be made again elsewhere; the text says why."""


def identity_of(answer: Json) -> Identity | None:
    """Who the token of a keystone answer speaks for; None when the answer is not one."""
    token = answer.get("token")
    if not isinstance(token, Mapping) or not isinstance(token.get("user"), Mapping):
        return None
    project = token.get("project")
    listed = token.get("roles")
    listed = listed if isinstance(listed, list) else []
    roles = frozenset(str(role.get("name")) for role in listed if isinstance(role, Mapping))
    return Identity(
        user_id=str(token["user"].get("id", "")),
        project_id=str(project["id"]) if isinstance(project, Mapping) and project.get("id") else None,
        expires=seconds(str(token.get("expires_at", ""))),
        roles=roles,
        user=_in_default_domain(token["user"]),
        project=_in_default_domain(project),
        system=bool(token.get("system")),
        limited=bool(_at(token, "application_credential", "access_rules")),
    )


def _in_default_domain(thing: Any) -> str:
    name = _at(thing, "name")
    return name if isinstance(name, str) and _at(thing, "domain", "id") == "default" else ""


def seconds(timestamp: str) -> float:
    """An ISO 8601 time of keystone's, always UTC, in seconds since the epoch; 0 when it is not one."""
    try:
        return float(calendar.timegm(time.strptime(timestamp.partition(".")[0].rstrip("Z"), "%Y-%m-%dT%H:%M:%S")))
    except ValueError:
        return 0.0


def methods_of(body: Json) -> tuple[str, ...]:
    """The methods of a login's body, in order."""
    identity = _at(body, "auth", "identity")
    methods = identity.get("methods") if isinstance(identity, Mapping) else None
    return tuple(str(method) for method in methods) if isinstance(methods, list) else ()


def names_ids(body: Json) -> bool:
    """Whether the login names its user, project or domain by an id, which means nothing at another site."""
    places = (
        ("auth", "identity", "password", "user"),
        ("auth", "identity", "password", "user", "domain"),
        ("auth", "identity", "application_credential"),
        ("auth", "identity", "application_credential", "user"),
        ("auth", "identity", "application_credential", "user", "domain"),
        ("auth", "scope", "project"),
        ("auth", "scope", "project", "domain"),
        ("auth", "scope", "domain"),
    )
    named = (_at(body, *place) for place in places)
    return any(isinstance(thing, Mapping) and thing.get("id") not in (None, "default") for thing in named)


def elsewhere(body: Json, answer: Json, parent: Token | None) -> dict[str, Any]:
    """The body of the same login at another site.

    `answer` is what the first site said to `body`: everybody is named by name from there.  `parent`: that site's token
    for the token which a login by token starts from.  Raises NotReplayable.
    """
    said = answer["token"]
    method = _only_method(body)
    if _at(body, "auth", "scope", "OS-TRUST:trust") is not None:
        raise NotReplayable("a trust holds at the site where it was made")
    if method == "application_credential":
        return {"auth": {"identity": _application_credential(body, said)}}
    if method == "token":
        if parent is None:
            raise NotReplayable("the token that this login starts from was not logged in there")
        identity: dict[str, Any] = {"methods": ["token"], "token": {"id": parent.value}}
    else:
        user = {**_named(said["user"]), "password": _at(body, "auth", "identity", "password", "user", "password")}
        identity = {"methods": ["password"], "password": {"user": user}}
    return {"auth": {"identity": identity, "scope": _scope(said)}}


def refusal(theirs: Json, says: str) -> str:
    """Why a site's keystone may have refused a login that was told for it: it says the same to every mistake.

    `theirs`: the login's body, of which only names are told; `says`: what keystone said.
    """
    identity, project = theirs["auth"]["identity"], _at(theirs, "auth", "scope", "project")
    where = f" in {_called('project', project)}" if project else ""
    match _only_method(theirs):
        case "application_credential":
            credential = identity["application_credential"]
            who = f"application credential {credential['name']!r} of {_called('user', credential['user'])}"
            same = "the user, and the credential's name and secret,"
        case "token":
            who, same = f"the token of an earlier login{where}", "user and project"
        case _:
            who = _called("user", identity["password"]["user"]) + where
            same = "user, password and project" if project else "user and password"
    return f"its keystone refused {who} ({says.rstrip('.')}): {same} must be the same there, by name"


def _called(kind: str, thing: Json) -> str:
    domain = _at(thing, "domain", "name")
    return f"{kind} {thing['name']!r}" + ("" if domain == "Default" else f" of domain {domain!r}")


def _only_method(body: Json) -> str:
    methods = methods_of(body)
    if len(methods) != 1:
        raise NotReplayable("a login in several steps is not repeated at another site")
    if methods[0] not in ("password", "token", "application_credential"):
        raise NotReplayable(f"a login by {methods[0]!r} is not repeated at another site")
    return methods[0]


def _application_credential(body: Json, said: Json) -> dict[str, Any]:
    asked = _at(body, "auth", "identity", "application_credential") or {}
    name = _at(said, "application_credential", "name") or asked.get("name")
    if not name:
        raise NotReplayable("the application credential has no name that could be known there")
    credential = {"name": name, "user": _named(said["user"]), "secret": asked.get("secret")}
    return {"methods": ["application_credential"], "application_credential": credential}


def _scope(said: Json) -> Any:
    if isinstance(said.get("project"), Mapping):
        return {"project": _named(said["project"])}
    if isinstance(said.get("domain"), Mapping):
        return {"domain": {"name": _name(said["domain"])}}
    if said.get("system"):
        return {"system": said["system"]}
    return "unscoped"


def _named(thing: Json) -> dict[str, Any]:
    return {"name": _name(thing), "domain": {"name": _name(thing.get("domain"))}}


def _name(thing: Any) -> str:
    name = _at(thing, "name")
    if not isinstance(name, str):
        raise NotReplayable("the first site's answer does not tell the names of its user, project and domain")
    return name


def _at(value: Any, *path: str) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
