"""Keystone's tokens: who gets one, what it says, and when it ends.

A token is opaque, of the length and alphabet of a Fernet token, and means nothing at another site.
"""

from __future__ import annotations

import base64
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from scopeproxy.emulator.collection import Item
from scopeproxy.emulator.directory import Directory
from scopeproxy.emulator.place import TOKEN_LENGTH, Settings

EXPIRED_WINDOW = 48 * 3600.0  # keystone's allow_expired_window


class Refused(Exception):
    """A login that is refused; keystone tells nobody why."""


class Malformed(Exception):
    """A login request that is not one."""


@dataclass(frozen=True, slots=True, repr=False)
class Issued:
    """One token.  `target`: ("project", id), ("domain", id), ("system", "all"), or None when unscoped."""

    value: str
    user: str
    methods: tuple[str, ...]
    target: tuple[str, str] | None
    issued: float
    expires: float
    audit: tuple[str, ...]
    app_credential: str | None = None


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _end(credential: Item | None) -> float:
    """When an application credential ends; tokens by it live no longer."""
    end = credential and credential["expires_at"]
    return datetime.fromisoformat(end).replace(tzinfo=UTC).timestamp() if end else math.inf


def _audit_id() -> str:
    return base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")


def _new_value() -> str:
    return ("gAAAAA" + base64.urlsafe_b64encode(os.urandom(140)).decode())[:TOKEN_LENGTH]


class Tokens:
    """The tokens of one keystone."""

    def __init__(self, directory: Directory, settings: Settings) -> None:
        self._directory, self._settings = directory, settings
        self._issued: dict[str, Issued] = {}
        self._revoked: set[str] = set()

    def share_keys(self, other: Tokens) -> None:
        """As with the same Fernet keys: what one issues the other can read; but not what it has revoked."""
        self._issued = other._issued

    # ---- logging in

    def log_in(self, auth: Mapping[str, Any]) -> Issued:
        """A token for `auth` of a `POST /v3/auth/tokens`."""
        try:
            identity = auth["identity"]
            methods = tuple(identity["methods"])
            proofs = {method: identity[method] for method in methods}
        except (KeyError, TypeError):
            raise Malformed("identity") from None
        parent, credential, user = None, None, None
        for method, proof in proofs.items():
            if method == "password":
                user = self._by_password(proof)
            elif method == "token":
                parent = self._valid(proof.get("id", ""))
                user = self._directory.items["users"].get(parent.user)
            elif method == "application_credential":
                credential = self._by_credential(proof)
                user = self._directory.items["users"].get(credential["user_id"])
            else:
                raise Refused
        if user is None or not user["enabled"]:
            raise Refused
        scope = {"project": {"id": credential["project_id"]}} if credential else auth.get("scope")
        target = self._target(scope, user)
        return self._issue(user, methods, target, parent, credential)

    def _by_password(self, proof: Mapping[str, Any]) -> Item:
        user = self._directory.by_reference("users", proof.get("user") or {})
        if user is None or self._directory.passwords.get(user["id"]) != proof["user"].get("password"):
            raise Refused
        return user

    def _by_credential(self, proof: Mapping[str, Any]) -> Item:
        credentials = self._directory.app_credentials
        found = credentials.get(proof.get("id", ""))
        if "name" in proof and "id" not in proof:
            user = self._directory.by_reference("users", proof.get("user") or {})
            found = next(
                (c for c in credentials.values() if user and (c["user_id"], c["name"]) == (user["id"], proof["name"])),
                None,
            )
        if found is None or self._directory.secrets[found["id"]] != proof.get("secret"):
            raise Refused
        if _end(found) <= time.time():
            raise Refused
        return found

    def _target(self, scope: Any, user: Item) -> tuple[str, str] | None:
        """What the token is scoped to: as asked, else the user's default project, else nothing."""
        if scope is None:
            usual = ("project", str(user.get("default_project_id")))
            return usual if self._directory.roles(user["id"], usual) else None
        if scope == "unscoped" or (isinstance(scope, dict) and "unscoped" in scope):
            return None
        target = self._named_target(scope) if isinstance(scope, dict) else None
        if target is None or not self._directory.roles(user["id"], target):
            raise Refused
        return target

    def _named_target(self, scope: Mapping[str, Any]) -> tuple[str, str] | None:
        if "system" in scope:
            return ("system", "all")
        for kind, singular in (("projects", "project"), ("domains", "domain")):
            if singular in scope:
                found = self._directory.by_reference(kind, scope[singular])
                return (singular, found["id"]) if found and found["enabled"] else None
        return None

    def _issue(
        self,
        user: Item,
        methods: tuple[str, ...],
        target: tuple[str, str] | None,
        parent: Issued | None,
        credential: Item | None,
    ) -> Issued:
        start = time.time()
        end = parent.expires if parent else start + self._settings.token_lifetime
        token = Issued(
            value=_new_value(),
            user=user["id"],
            methods=tuple(dict.fromkeys((*(parent.methods if parent else ()), *methods))),
            target=target,
            issued=start,
            expires=min(end, _end(credential)),
            audit=(_audit_id(), *(parent.audit[-1:] if parent else ())),
            app_credential=credential["id"] if credential else None,
        )
        self._issued[token.value] = token
        return token

    # ---- afterwards

    def find(self, value: str, *, allow_expired: bool = False) -> Issued | None:
        """The token, if it is good: not revoked, not expired, its user and project still there."""
        token = self._issued.get(value)
        if token is None or value in self._revoked or not self._alive(token):
            return None
        end = token.expires + (EXPIRED_WINDOW if allow_expired else 0)
        return token if time.time() < end else None

    def _valid(self, value: str) -> Issued:
        token = self.find(value)
        if token is None:
            raise Refused
        return token

    def _alive(self, token: Issued) -> bool:
        user = self._directory.items["users"].get(token.user)
        if user is None or not user["enabled"]:
            return False
        if token.app_credential and token.app_credential not in self._directory.app_credentials:
            return False
        return token.target is None or bool(self._directory.roles(token.user, token.target))

    def revoke(self, value: str) -> None:
        self._revoked.add(value)

    def revoke_all(self, user_id: str) -> None:
        """Every token of a user: the password changed."""
        for value in [token.value for token in self._issued.values() if token.user == user_id]:
            self.revoke(value)

    def body(self, token: Issued, *, catalog: bool = True) -> dict[str, Any]:
        """What keystone says about a token, as render_token.py of the real one does."""
        user = self._directory.items["users"][token.user]
        body: dict[str, Any] = {
            "methods": list(token.methods),
            "user": {
                "domain": self._domain(user["domain_id"]),
                "id": user["id"],
                "name": user["name"],
                "password_expires_at": None,
            },
            "audit_ids": list(token.audit),
            "expires_at": _stamp(token.expires),
            "issued_at": _stamp(token.issued),
        }
        if token.target is None:
            return body
        body["roles"] = self._directory.roles(token.user, token.target)
        body.update(self._scope(token.target))
        if catalog:
            body["catalog"] = self._directory.catalog(token.target[1] if token.target[0] == "project" else None)
        if token.app_credential:
            credential = self._directory.app_credentials[token.app_credential]
            body["application_credential"] = {
                "id": credential["id"],
                "name": credential["name"],
                "restricted": not credential["unrestricted"],
            }
        return body

    def _domain(self, id_: str) -> dict[str, str]:
        return {"id": id_, "name": self._directory.items["domains"][id_]["name"]}

    def _scope(self, target: tuple[str, str]) -> dict[str, Any]:
        kind, id_ = target
        if kind == "system":
            return {"system": {"all": True}}
        if kind == "domain":
            return {"domain": self._domain(id_)}
        project = self._directory.items["projects"][id_]
        return {
            "project": {"domain": self._domain(project["domain_id"]), "id": id_, "name": project["name"]},
            "is_domain": False,
        }
