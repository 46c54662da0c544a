"""Validates tokens at the site's keystone by HTTP, as keystonemiddleware does in every service but keystone."""

from __future__ import annotations

import time

from scopeproxy.emulator.access import Access
from scopeproxy.emulator.place import Place
from scopeproxy.emulator.serviceuser import Answer, CallFailed, ServiceUser


class InvalidToken(Exception):
    """Keystone does not know the token: 401."""


class KeystoneUnavailable(Exception):
    """Keystone cannot be asked: 503."""


class TokenValidator:
    """Remembers what keystone said, by the full text of the token: one with another tag is another token."""

    def __init__(self, place: Place, user: ServiceUser, agent: str) -> None:
        self._place, self._user, self._agent = place, user, agent
        self._known: dict[str, tuple[float, Access | None]] = {}

    async def validate(self, token: str, service_token: str | None = None) -> Access:
        """Whose token it is.  A valid service token beside it makes an expired one acceptable."""
        vouched = False
        if service_token:
            service = await self._recall(service_token, allow_expired=False)
            if service is None:
                raise InvalidToken
            vouched = "service" in service.roles
        access = await self._recall(token, allow_expired=vouched)
        if access is None:
            raise InvalidToken
        return access

    def forget(self) -> None:
        """Empty the cache."""
        self._known.clear()

    async def _recall(self, token: str, *, allow_expired: bool) -> Access | None:
        until, access = self._known.get(token, (0.0, None))
        if time.monotonic() >= until or (access is not None and access.expired):
            access = await self._ask(token, allow_expired)
            self._known[token] = (time.monotonic() + self._place.settings.token_cache, access)
        return access

    async def _ask(self, token: str, allow_expired: bool) -> Access | None:
        try:
            own = await self._user.own(self._agent)
            answer = await self._fetch(token, own, allow_expired)
            if answer.status == 401:  # our own token was refused: log in again, and ask once more
                own = await self._user.own(self._agent, refused=own)
                answer = await self._fetch(token, own, allow_expired)
        except CallFailed as error:
            raise KeystoneUnavailable(str(error)) from error
        if answer.status == 404:
            return None
        if answer.status != 200 or not isinstance(answer.body, dict):
            raise KeystoneUnavailable(f"keystone answered {answer.status}")
        return Access.of(token, answer.body["token"])

    async def _fetch(self, token: str, own: Access, allow_expired: bool) -> Answer:
        query = "?allow_expired=1" if allow_expired else ""
        url = f"{self._place.auth_url}/v3/auth/tokens{query}"
        return await self._user.call(self._agent, "GET", url, own.token, more={"X-Subject-Token": token})
