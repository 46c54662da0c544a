"""Which of the operator's accounts at another site stands for a caller (the strategy *account*), and its login.

The login is that of the Identity API v3,
https://docs.openstack.org/api-ref/identity/v3/#password-authentication-with-scoped-authorization.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import unquote

from scopeproxy.model.identity import Identity
from scopeproxy.model.messages import Request
from scopeproxy.model.topology import Account
from scopeproxy.planning.homes import counterpart

# Where keystone keeps what a user may log in with later, or has others log in with.
_LASTING = frozenset(
    {"application_credentials", "access_rules", "credentials", "OS-TRUST", "OS-OAUTH1", "OS-OAUTH2", "password"}
)


def account_for(who: Identity, accounts: Sequence[Account]) -> tuple[Account, str] | str:
    """The first account whose role the caller has here, and the project there that it works in; or why there is none.

    A caller's project without a row is nobody's: what two projects have made must not meet in one.
    """
    if who.limited:
        return "the caller's token is limited by the access rules of an application credential, and none there would be"
    roles = {account.role for account in accounts}
    if not roles & who.roles:
        return f"no account there is for one of the caller's roles; there is one for {_list(roles)}"
    if who.project_id is None:
        return "the caller's token is for no project"
    for account in accounts:
        project = counterpart(account.projects, who.project_id, who.project)
        if account.role in who.roles and project:
            return account, project
    return "no account there has a row for the caller's project"


def login_of(account: Account, project: str, password: str) -> dict[str, Any]:
    """The body of the account's login."""
    domain = {"name": account.domain}
    user = {"name": account.user, "domain": domain, "password": password}
    return {
        "auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"name": project, "domain": domain}},
        }
    }


def outlives(request: Request) -> bool:
    """Whether a call is about what lets its maker log in again, as long as they like: of an account of the operator's
    that is nobody's, and a caller's token, which it is had for, may be revoked."""
    return request.service == "identity" and not _LASTING.isdisjoint(unquote(request.path).split("/"))


def _list(names: Iterable[str]) -> str:
    return " or ".join(sorted(names))
