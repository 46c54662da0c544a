"""Whom an account of the operator's stands for."""

from __future__ import annotations

import pytest

from scopeproxy.model.identity import Identity
from scopeproxy.model.topology import Account
from scopeproxy.planning.accounts import account_for, login_of

ADMIN = Account("admin", "paris-admin", "/admin.pw", {"admin": "admin"})
MEMBER = Account("member", "paris", "/member.pw", {"demo": "guests", "b" * 32: "others"}, "Visitors")
ACCOUNTS = (ADMIN, MEMBER)


def somebody(*roles, project_id="a" * 32, project="demo"):
    return Identity("u", project_id, 9e9, frozenset(roles), "alice", project)


@pytest.mark.parametrize(
    ("who", "chosen"),
    [
        (somebody("member", "reader"), (MEMBER, "guests")),
        (somebody("admin", "member", project="admin"), (ADMIN, "admin")),
        # An admin of a project that only members have a row for is a member there.
        (somebody("admin", "member"), (MEMBER, "guests")),
        (somebody("member", project_id="b" * 32, project=""), (MEMBER, "others")),
    ],
)
def test_the_first_account_with_a_role_and_the_project_of_the_caller_is_taken(who, chosen):
    assert account_for(who, ACCOUNTS) == chosen


@pytest.mark.parametrize(
    ("who", "why"),
    [
        (somebody("reader"), "no account there is for one of the caller's roles; there is one for admin or member"),
        (somebody("member", project_id=None, project=""), "the caller's token is for no project"),
        (somebody("member", project="another"), "no account there has a row for the caller's project"),
        # A project of another domain has no name here, and one called like an id is not the one that has it.
        (somebody("member", project=""), "no account there has a row for the caller's project"),
        (somebody("member", project="b" * 32), "no account there has a row for the caller's project"),
        (somebody("admin"), "no account there has a row for the caller's project"),
    ],
)
def test_nobody_is_taken_in_without_a_row(who, why):
    assert account_for(who, ACCOUNTS) == why


def test_an_account_logs_in_by_names_in_its_domain():
    auth = login_of(MEMBER, "guests", "pw")["auth"]
    domain = {"name": "Visitors"}
    assert auth["scope"] == {"project": {"name": "guests", "domain": domain}}
    assert auth["identity"]["password"]["user"] == {"name": "paris", "domain": domain, "password": "pw"}
