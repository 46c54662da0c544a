"""What a validated token says: whose it is, what they may do, and where the services are."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True, repr=False)
class Access:
    """A token together with keystone's answer to its validation.  `token` is as received, tag and all."""

    token: str
    user_id: str
    user_name: str
    project_id: str | None
    project_name: str | None
    domain_id: str
    roles: frozenset[str]
    expires_at: str
    catalog: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, token: str, body: dict[str, Any]) -> Access:
        """Read keystone's `token` object."""
        project = body.get("project") or {}
        return cls(
            token=token,
            user_id=body["user"]["id"],
            user_name=body["user"]["name"],
            project_id=project.get("id"),
            project_name=project.get("name"),
            domain_id=body["user"]["domain"]["id"],
            roles=frozenset(role["name"] for role in body.get("roles", ())),
            expires_at=body["expires_at"],
            catalog=body.get("catalog", []),
        )

    @property
    def expired(self) -> bool:
        return datetime.fromisoformat(self.expires_at) <= datetime.now(UTC)

    @property
    def is_admin(self) -> bool:
        return "admin" in self.roles

    def owns(self, project_id: str | None) -> bool:
        return self.is_admin or project_id == self.project_id

    def endpoint(self, service_type: str, region: str) -> str | None:
        """The public URL of a service in a region, by this token's catalog."""
        for service in self.catalog:
            if service["type"] == service_type:
                for endpoint in service["endpoints"]:
                    if endpoint["interface"] == "public" and endpoint["region"] == region:
                        return str(endpoint["url"]).rstrip("/")
        return None
