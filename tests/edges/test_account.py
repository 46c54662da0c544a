"""Whose calls a command makes: what the environment tells is read as the client reads it, and never shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from scopeproxy.edges.account import account
from scopeproxy.errors import ConfigurationError, SiteFailure, Unauthorized
from scopeproxy.lang.parser import parse

SECRET = "correct-horse"


class Keystone:
    """It gives a new token to each login."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 201
        self.logins: list[tuple[str | None, Any]] = []

    async def versions(self, request: web.Request) -> web.Response:
        links = [{"rel": "self", "href": f"{self.url}/"}]
        return web.json_response({"version": {"id": "v3.14", "status": "stable", "links": links}})

    async def log_in(self, request: web.Request) -> web.Response:
        self.logins.append((request.headers.get("X-Scope"), await request.json()))
        if self.status != 201:
            return web.json_response({"error": {"code": self.status, "message": "no"}}, status=self.status)
        token = {
            "methods": ["password"],
            "user": {"id": "u1", "name": "admin", "domain": {"id": "default", "name": "Default"}},
            "project": {"id": "p1", "name": "admin", "domain": {"id": "default", "name": "Default"}},
            "roles": [{"id": "r", "name": "admin"}, {"id": "s", "name": "member"}],
            "issued_at": "2026-01-01T00:00:00.000000Z",
            "expires_at": "2099-01-01T00:00:00.000000Z",
            "catalog": [],
        }
        headers = {"X-Subject-Token": f"t{len(self.logins)}"}
        return web.json_response({"token": token}, status=201, headers=headers)


@pytest.fixture
async def keystone() -> AsyncIterator[Keystone]:
    keystone, app = Keystone(), web.Application()
    app.router.add_get("/v3", keystone.versions)
    app.router.add_post("/v3/auth/tokens", keystone.log_in)
    async with TestServer(app, host="127.0.0.1") as server:
        keystone.url = str(server.make_url("/v3"))
        yield keystone


def environ(auth_url: str, **more: str) -> dict[str, str]:
    who = {"OS_AUTH_URL": auth_url, "OS_USERNAME": "admin", "OS_PASSWORD": SECRET, "OS_PROJECT_NAME": "admin"}
    return {**who, "OS_USER_DOMAIN_ID": "default", "OS_PROJECT_DOMAIN_ID": "default", **more}


async def test_it_logs_in_once_under_the_scope_and_again_when_a_token_is_refused(keystone: Keystone) -> None:
    who = account(environ(keystone.url), "test")
    who.under(parse("{identity: Paris & Corte}"))
    tokens = await asyncio.gather(*(who.token() for _ in range(3)))
    assert {token.value for token in tokens} == {"t1"}
    assert (await who.project(), await who.roles()) == ("p1", {"admin", "member"})
    again = await asyncio.gather(*(who.token(refused=tokens[0]) for _ in range(3)))
    assert {token.value for token in again} == {"t2"}
    assert [scope for scope, _ in keystone.logins] == ["{identity: Paris&Corte}"] * 2
    assert keystone.logins[0][1]["auth"]["identity"]["password"]["user"]["password"] == SECRET


@pytest.mark.parametrize(("status", "error"), [(401, Unauthorized), (503, Unauthorized)])
async def test_a_login_that_is_refused_is_told_without_the_password(
    keystone: Keystone, status: int, error: type[Exception]
) -> None:
    keystone.status = status
    with pytest.raises(error, match="no login at http") as told:
        await account(environ(keystone.url), "test").token()
    assert SECRET not in str(told.value)


async def test_a_keystone_that_is_not_there_is_a_failure() -> None:
    with pytest.raises(SiteFailure, match="no login at"):
        await account(environ("http://127.0.0.1:1/v3"), "test").token()


@pytest.mark.filterwarnings("ignore:Support for InfluxDB")
async def test_a_cloud_of_clouds_yaml(keystone: Keystone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    domains = {"user_domain_id": "default", "project_domain_id": "default"}
    auth = {"auth_url": keystone.url, "username": "admin", "password": SECRET, "project_name": "admin", **domains}
    (tmp_path / "clouds.yaml").write_text(yaml.safe_dump({"clouds": {"paris": {"auth": auth}}}))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    who = account({"OS_CLOUD": "paris"}, "test")
    assert who.auth_url == keystone.url
    assert (await who.token()).value == "t1"
    with pytest.raises(ConfigurationError, match="OS_CLOUD: Cloud lyon was not found"):
        account({"OS_CLOUD": "lyon"}, "test")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "OS_CLOUD, or by OS_AUTH_URL"),
        ({"OS_AUTH_URL": "http://h/v3", "OS_AUTH_TYPE": "no-such"}, "make no account"),
    ],
)
def test_what_makes_no_account_is_told(given: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        account(given, "test")


def test_certificates_are_believed_as_the_client_believes_them() -> None:
    assert account(environ("https://h/v3"), "test").trust is not False
    with pytest.raises(FileNotFoundError):
        _ = account(environ("https://h/v3", OS_CACERT="/nowhere.pem"), "test").trust
