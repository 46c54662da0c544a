"""A service's own user: it logs in at its keystone's front, and makes the service's calls to other services.

Of what the client sent, only its token (for calls on its behalf) and the global request id go into such a call; every
other header of the client's is dropped, as the real services drop them.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import aiohttp

from scopeproxy.emulator.access import Access
from scopeproxy.emulator.place import PASSWORD, Place


class CallFailed(Exception):
    """Another service could not be reached, or sent no HTTP."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What another service answered."""

    status: int
    body: Any

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class ServiceUser:
    """One service's user in the project `service`."""

    def __init__(self, name: str, place: Place) -> None:
        self.name, self._place = name, place
        self._own: Access | None = None
        self._login = asyncio.Lock()

    async def own(self, agent: str, refused: Access | None = None) -> Access:
        """The service's own token; a new one when keystone or another service refused the present one."""
        async with self._login:
            if self._own is None or self._own is refused:
                self._own = await self._log_in(agent)
            return self._own

    async def _log_in(self, agent: str) -> Access:
        domain = {"id": "default"}
        user = {"name": self.name, "domain": domain, "password": PASSWORD}
        scope = {"project": {"name": "service", "domain": domain}}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
        headers = {"User-Agent": agent, "Accept": "application/json"}
        try:
            async with self._place.session.post(
                f"{self._place.auth_url}/v3/auth/tokens", json=body, headers=headers
            ) as reply:
                if reply.status != 201:
                    raise CallFailed(f"keystone refused the login of {self.name}: {reply.status}")
                return Access.of(reply.headers["X-Subject-Token"], (await reply.json())["token"])
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise CallFailed(f"keystone at {self._place.auth_url}: {error}") from error

    async def call(
        self,
        agent: str,
        method: str,
        url: str,
        token: str,
        *,
        request_id: str | None = None,
        more: dict[str, str] | None = None,
        data: Any = None,
    ) -> Answer:
        """One call to another service with a given token."""
        headers = {"User-Agent": agent, "Accept": "application/json", "X-Auth-Token": token, **(more or {})}
        if request_id:
            headers["X-OpenStack-Request-ID"] = request_id
        try:
            async with self._place.session.request(method, url, headers=headers, json=data) as reply:
                return Answer(reply.status, _parsed(await reply.read()))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise CallFailed(f"{method} {url}: {error}") from error

    async def on_behalf(
        self, agent: str, access: Access, method: str, url: str, request_id: str, data: Any = None
    ) -> Answer:
        """A call with the user's token, as it was received, and the service's beside it."""
        more = {}
        if self._place.settings.send_service_token:
            more["X-Service-Token"] = (await self.own(agent)).token
        return await self.call(agent, method, url, access.token, request_id=request_id, more=more, data=data)

    async def as_itself(
        self, agent: str, method: str, service_type: str, path: str, request_id: str | None, data: Any = None
    ) -> Answer:
        """A call with the service's own token, at the endpoint that its own catalog names; once more when refused."""
        own = await self.own(agent)
        answer = await self._at_endpoint(agent, own, method, service_type, path, request_id, data)
        if answer.status == 401:
            own = await self.own(agent, refused=own)
            answer = await self._at_endpoint(agent, own, method, service_type, path, request_id, data)
        return answer

    async def _at_endpoint(
        self, agent: str, own: Access, method: str, service_type: str, path: str, request_id: str | None, data: Any
    ) -> Answer:
        root = own.endpoint(service_type, self._place.site)
        if root is None:
            raise CallFailed(f"public endpoint for {service_type} service in {self._place.site} region not found")
        return await self.call(agent, method, root + path, own.token, request_id=request_id, data=data)


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data) if data else None
    except ValueError:
        return None
