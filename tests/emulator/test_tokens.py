"""Tokens without HTTP."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from scopeproxy.emulator.directory import Directory
from scopeproxy.emulator.place import Settings
from scopeproxy.emulator.tokens import Malformed, Refused, Tokens

LOGIN = {
    "methods": ["password"],
    "password": {"user": {"name": "alice", "domain": {"id": "default"}, "password": "pw"}},
}


@pytest.fixture
def directory():
    directory = Directory()
    directory.create("users", {"name": "alice", "password": "pw"})
    return directory


@pytest.fixture
def tokens(directory):
    return Tokens(directory, Settings())


def test_a_token_is_opaque_and_like_no_other(tokens):
    values = {tokens.log_in({"identity": LOGIN}).value for _ in range(10)}
    assert len(values) == 10
    assert all(re.fullmatch(r"gAAAAA[A-Za-z0-9_-]{177}", value) for value in values)
    assert values.pop() not in repr(tokens.log_in({"identity": LOGIN}))


@pytest.mark.parametrize("auth", [{}, {"identity": {}}, {"identity": {"methods": ["password"]}}, {"identity": None}])
def test_what_is_no_login(tokens, auth):
    with pytest.raises(Malformed):
        tokens.log_in(auth)


def test_unknown_methods_and_scopes_are_refused(tokens):
    with pytest.raises(Refused):
        tokens.log_in({"identity": {"methods": ["totp"], "totp": {}}})
    with pytest.raises(Refused):
        tokens.log_in({"identity": LOGIN, "scope": {"project": {"id": "none"}}})
    assert tokens.log_in({"identity": LOGIN, "scope": "unscoped"}).target is None


def test_a_token_ends_with_its_user(tokens, directory):
    token = tokens.log_in({"identity": LOGIN})
    assert tokens.find(token.value) is token
    directory.change("users", token.user, {"enabled": False})
    assert tokens.find(token.value) is None
    with pytest.raises(Refused):
        tokens.log_in({"identity": LOGIN})


def test_revoking(tokens):
    token = tokens.log_in({"identity": LOGIN})
    tokens.revoke(token.value)
    tokens.revoke(token.value)
    assert tokens.find(token.value) is None


BY_CREDENTIAL = {
    "identity": {"methods": ["application_credential"], "application_credential": {"id": "c1", "secret": "s"}}
}


def give_credential(directory: Directory, expires_at: str) -> None:
    """An application credential of alice's."""
    user = directory.named("users", "alice")["id"]
    role, project = directory.create("roles", {"name": "member"}), directory.create("projects", {"name": "demo"})
    directory.grant(user, role["id"], ("project", project["id"]))
    item = {"id": "c1", "name": "app", "user_id": user, "project_id": project["id"], "unrestricted": False}
    directory.app_credentials["c1"], directory.secrets["c1"] = {**item, "expires_at": expires_at}, "s"


@pytest.mark.parametrize(("credential", "token"), [(60, 60), (7200, 3600)])
def test_a_token_lives_no_longer_than_its_application_credential(tokens, directory, credential, token):
    now = datetime.now(UTC)
    give_credential(directory, (now + timedelta(seconds=credential)).strftime("%Y-%m-%dT%H:%M:%S.%f"))
    assert tokens.log_in(BY_CREDENTIAL).expires - now.timestamp() == pytest.approx(token, abs=30)


def test_an_application_credential_that_has_ended_is_refused(tokens, directory):
    give_credential(directory, "2020-01-01T00:00:00.000000")
    with pytest.raises(Refused):
        tokens.log_in(BY_CREDENTIAL)


def test_who_has_the_keys_reads_a_token_and_learns_of_no_revocation(tokens, directory):
    copy = Directory()
    copy.copy_people(directory)
    others = Tokens(copy, Settings())
    others.share_keys(tokens)
    token = tokens.log_in({"identity": LOGIN})
    assert others.find(token.value) is token
    tokens.revoke(token.value)
    assert tokens.find(token.value) is None
    assert others.find(token.value) is token
    others.revoke(token.value)
    assert others.find(token.value) is None
