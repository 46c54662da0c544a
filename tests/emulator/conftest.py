"""A site without proxies, and clients that are logged in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from scopeproxy.emulator.place import Settings
from scopeproxy.emulator.site import EmulatedSite

Fetched = tuple[int, Any, dict[str, str]]


@dataclass
class Client:
    """A user with a token: `await alice("GET", "image", "/v2/images")` gives status, body and headers."""

    site: EmulatedSite
    session: aiohttp.ClientSession
    token: str = ""

    async def __call__(
        self, method: str, service: str, path: str, body: Any = None, data: Any = None, **headers: str
    ) -> Fetched:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            named.setdefault("X-Auth-Token", self.token)
        url = self.site.backs[service] + path
        async with self.session.request(
            method, url, json=body, data=data, headers=named, allow_redirects=False
        ) as reply:
            text = await reply.read()
            parsed = await reply.json() if reply.content_type == "application/json" and text else text
            return reply.status, parsed, {name.lower(): value for name, value in reply.headers.items()}


def password_login(user: str, project: str | None = "demo", password: str = "secret") -> dict[str, Any]:
    domain = {"id": "default"}
    who = {"name": user, "domain": domain, "password": password}
    auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": who}}}
    if project:
        auth["scope"] = {"project": {"name": project, "domain": domain}}
    return {"auth": auth}


@pytest.fixture
def login_body() -> Callable[..., dict[str, Any]]:
    return password_login


@pytest.fixture
def settings() -> Settings:
    return Settings()


@pytest.fixture
async def site(tmp_path: Path, settings: Settings) -> AsyncIterator[EmulatedSite]:
    async with EmulatedSite("Paris", tmp_path, settings=settings) as site:
        site.seed()
        yield site


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def log_in(site: EmulatedSite, session: aiohttp.ClientSession) -> Callable[..., Awaitable[Client]]:
    async def log_in(user: str = "alice", project: str | None = "demo", at: EmulatedSite | None = None) -> Client:
        client = Client(at or site, session)
        status, _, headers = await client("POST", "identity", "/v3/auth/tokens", password_login(user, project))
        assert status == 201
        client.token = headers["x-subject-token"]
        return client

    return log_in


@pytest.fixture
async def nobody(site: EmulatedSite, session: aiohttp.ClientSession) -> Client:
    return Client(site, session)


@pytest.fixture
async def alice(log_in: Callable[..., Awaitable[Client]]) -> Client:
    return await log_in()


@pytest.fixture
async def bob(log_in: Callable[..., Awaitable[Client]]) -> Client:
    return await log_in("bob")


@pytest.fixture
async def admin(log_in: Callable[..., Awaitable[Client]]) -> Client:
    return await log_in("admin", "admin")
