"""Whom an account of the operator's stands for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scopeproxy.model.identity import Identity
from scopeproxy.model.messages import Request
from scopeproxy.model.topology import Account
from scopeproxy.planning.accounts import account_for, login_of, outlives

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


def test_whose_token_is_limited_to_some_calls_is_not_given_one_that_is_not():
    why = account_for(replace(somebody("member"), limited=True), ACCOUNTS)
    assert isinstance(why, str)
    assert "access rules" in why


@pytest.mark.parametrize(
    ("service", "path", "lasts"),
    [
        ("identity", "/v3/users/u/application_credentials", True),
        ("identity", "/v3/users/u/application_credentials/c?x=y", True),
        ("identity", "/v3/users/u/%61ccess_rules", True),
        ("identity", "/v3/users/u/credentials/OS-EC2", True),
        ("identity", "/v3/credentials", True),
        ("identity", "/v3/OS-TRUST/trusts", True),
        ("identity", "/v3/users/u/password", True),
        ("identity", "/v3/users/u", False),
        ("identity", "/v3/users?name=credentials", False),
        ("compute", "/v2.1/credentials", False),
    ],
)
def test_what_the_account_could_log_in_with_later_is_told_by_its_path(service, path, lasts):
    assert outlives(Request(service, "POST", path)) is lasts


def test_an_account_logs_in_by_names_in_its_domain():
    auth = login_of(MEMBER, "guests", "pw")["auth"]
    domain = {"name": "Visitors"}
    assert auth["scope"] == {"project": {"name": "guests", "domain": domain}}
    assert auth["identity"]["password"]["user"] == {"name": "paris", "domain": domain, "password": "pw"}
