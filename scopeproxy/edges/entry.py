"""Calls of an operator to the sites, made as any client makes them: at this site's own fronts, under a scope."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from scopeproxy.edges.account import Account
from scopeproxy.lang.scope import At, Scope
from scopeproxy.lang.wire import to_header
from scopeproxy.model.identity import Token
from scopeproxy.model.messages import Held, Outcome, Reply, Request, Unreached
from scopeproxy.model.topology import Topology

# Calls at a time.
AT_ONCE = 32


@dataclass(slots=True)
class Entry:
    """The fronts of the site `here`, asked by an account.  `session`: for the calls; it is the caller's to close."""

    topology: Topology
    here: str
    account: Account
    session: aiohttp.ClientSession
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _refused: set[str] = field(default_factory=set)

    async def ask(self, site: str, request: Request, stream: bool = False) -> Outcome:
        """The outcome of a call to its service at one site: the whole answer, or what a `stream` has yet to give.

        A login may have ended: where a site refuses the token, it is tried once more with a new one.
        """
        if site not in self.topology.sites:
            # Where no site is, nothing is there.
            return Reply(site, 404, reason="no such site in the topology")
        token = await self.account.token()
        outcome = await self._call(site, request, token, stream)
        body_is_gone = not request.body.replayable
        if not isinstance(outcome, Reply) or outcome.status != 401 or body_is_gone or site in self._refused:
            return outcome
        outcome = await self._call(site, request, await self.account.token(refused=token), stream)
        if isinstance(outcome, Reply) and outcome.status == 401:
            self._refused.add(site)
        return outcome

    async def _call(self, site: str, request: Request, token: Token, stream: bool) -> Outcome:
        end = self.topology.sites[self.here].services.get(request.service)
        if end is None:
            return Unreached(site, False, f"{self.here} has no front for {request.service}")
        scope = Scope(((request.service, At(site)),))
        headers = [*request.headers, ("X-Scope", to_header(scope)), ("X-Auth-Token", token.value)]
        if request.body.length and not isinstance(request.body, Held):
            headers.append(("Content-Length", str(request.body.length)))
        data = request.body.data or None if isinstance(request.body, Held) else request.body.open()
        try:
            async with self._turns:
                response = await self.session.request(
                    request.method,
                    URL(f"{end.front}{request.target}", encoded=True),
                    headers=headers,
                    data=data,
                    timeout=self._patience(stream or not isinstance(request.body, Held)),
                    allow_redirects=False,
                    ssl=self.account.trust if end.front.scheme == "https" else True,
                )
                return await self._answer(site, response, stream)
        except TimeoutError:
            return Unreached(site, True, "no answer within the time that a call has (timeouts)")
        except (aiohttp.ClientError, OSError) as error:
            return Unreached(site, True, f"the front of {self.here} gives none: {error or type(error).__name__}")

    def _patience(self, with_data: bool) -> aiohttp.ClientTimeout:
        """Data take as long as they flow; all else, what the proxy gives a call, and a little for itself."""
        waits = self.topology.sites[self.here].proxy.timeouts
        total = None if with_data else waits.total + waits.connect
        return aiohttp.ClientTimeout(total=total, connect=waits.connect, sock_read=waits.answer + waits.connect)

    async def _answer(self, site: str, response: aiohttp.ClientResponse, stream: bool) -> Outcome:
        headers = tuple(response.headers.items())
        if stream and response.status < 300:
            return Reply(site, response.status, headers, rest=_Rest(response))
        limit = self.topology.sites[self.here].proxy.limits.merged_body
        held = bytearray()
        async with response:
            async for chunk in response.content.iter_any():
                held += chunk
                if len(held) > limit:
                    return Unreached(site, True, f"its answer is over {limit} bytes (limits.merged_body)")
        return Reply(site, response.status, headers, bytes(held))


@dataclass(frozen=True, slots=True)
class _Rest:
    """The body of an answer as it comes."""

    response: aiohttp.ClientResponse

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self.response.content.iter_any():
                yield chunk
        except aiohttp.ClientError as error:
            raise ConnectionError(str(error)) from error

    async def aclose(self) -> None:
        self.response.close()
