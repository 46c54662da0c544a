"""The one door out: every byte that leaves for a service or for a peer leaves by `Forwarder.send`.

Requests go as they are given: no header is added, none is moved, the target keeps its encoding.  What goes wrong is
a value (Unreached), and whether anything had been sent is told apart, because that decides what `|` may do next.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from multidict import CIMultiDict
from yarl import URL

from scopeproxy.execution.own_time import within_own_time
from scopeproxy.model.messages import Body, Headers, Held, Outcome, Reply, Unreached
from scopeproxy.model.topology import Address, Timeouts, Url

# Below the 5 s after which Apache httpd, the usual server of OpenStack's APIs, closes an idle connection: a write on a
# connection that is just being closed would be one that "may have happened".
_KEEP_ALIVE = 4.0

# Bytes that are written to a connection in one go; aiohttp warns of more than a MiB.
_AT_ONCE = 512 * 1024

# What may be sent again by itself when a pooled connection turns out closed.  aiohttp does it for PUT and DELETE as
# well, but a delete that was done, and is repeated, answers 404: `|` would go on and delete at the next site too.
_REPEATED = frozenset({"GET", "HEAD", "OPTIONS"})

# Seconds that `100 Continue` is waited for.  Some servers never say it: then the body goes all the same, as it would
# from a client (RFC 9110, section 10.1.1).
_EXPECTING = 2.0

# RFC 9110, section 5.6.2: what the names of headers are made of.
_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
_VERSIONS = (aiohttp.HttpVersion10, aiohttp.HttpVersion11)
_NO_HTTP = "what it answered is not HTTP"

_AUTOMATIC = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One HTTP request as it leaves.  `deadline`: the event loop's time by which its answer must have begun."""

    site: str
    root: Url
    method: str
    target: str
    headers: Headers
    body: Body
    timeouts: Timeouts
    deadline: float | None = None


class Forwarder:
    """Connections to services and peers.  `routes`: where to connect instead of to an address (a NAT, a tunnel);
    `per_site`: connections to one address at a time, beyond which calls wait in the order in which they came; 0: any
    number; `tls`: whom they believe, once it is open; None: whom the system does."""

    def __init__(self, routes: Mapping[Address, Address], authorities: str | None = None, per_site: int = 0) -> None:
        self._routes, self._authorities, self._per_site = routes, authorities, per_site
        self._session: aiohttp.ClientSession | None = None
        self.tls: ssl.SSLContext | None = None

    async def open(self) -> None:
        """Get ready to send; call it in the event loop that will."""
        if self._authorities:
            self.tls = ssl.create_default_context(cafile=self._authorities)
        connector = _Connector(
            limit=0, limit_per_host=self._per_site, ttl_dns_cache=30, keepalive_timeout=_KEEP_ALIVE,
            ssl=self.tls or True,
        )  # fmt: skip
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=_AUTOMATIC,
            request_class=_ExactRequest,
            max_line_size=64 * 1024,
            max_field_size=64 * 1024,
        )

    def pool(self) -> dict[str, int]:
        """How many connections are in use, and idle, and how many calls wait for one."""
        connector = self._session.connector if self._session is not None else None
        if connector is None:
            return {"in_use": 0, "idle": 0, "waiting": 0}
        return {
            "in_use": len(connector._acquired),
            "idle": sum(map(len, connector._conns.values())),
            "waiting": sum(map(len, connector._waiters.values())),
        }

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def send(self, outgoing: Outgoing) -> Outcome:
        """Send one request and wait for the head of its answer."""
        patience = _Patience(outgoing)
        _current.set(patience)
        try:
            async with asyncio.timeout_at(patience.until()) as patience.timer:
                response = await self._request(outgoing, patience)
        except aiohttp.ConnectionTimeoutError as error:
            return Unreached(outgoing.site, patience.connected, _why(error))
        except TimeoutError:
            return Unreached(outgoing.site, patience.connected, patience.why())
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Unreached(outgoing.site, patience.connected, patience.broken or _why(error))
        finally:
            patience.timer = None
            if patience.expecting is not None:
                patience.expecting.cancel()
        headers = tuple(
            (name.decode(), value.decode("utf-8", "surrogateescape")) for name, value in response.raw_headers
        )
        if response.version not in _VERSIONS or not all(map(_NAME.fullmatch, (name for name, _ in headers))):
            # aiohttp passes these on; who reads them next may understand them in another way (RFC 9112, 5.1).
            response.close()
            return Unreached(outgoing.site, True, _NO_HTTP)
        rest = _Answer(response)
        return Reply(outgoing.site, response.status, headers, b"", rest, response.reason or "")

    async def reaches(self, root: Url, patience: float) -> bool:
        """Whether a new connection can be had within so many seconds."""
        try:
            async with within_own_time(patience):
                _, writer = await asyncio.open_connection(*self._routes.get(root.address, root.address))
        except OSError:
            return False
        writer.close()
        return True

    async def _request(self, outgoing: Outgoing, patience: _Patience) -> aiohttp.ClientResponse:
        assert self._session is not None, "open() comes first"
        root = outgoing.root
        address = self._routes.get(root.address, root.address)
        url = _url(root.scheme, address)
        options: dict[str, Any] = {}
        if root.scheme == "https":
            options["server_hostname"] = root.address.host
        body = outgoing.body
        data: bytes | _Watched | None = patience.watch(body)
        if isinstance(body, Held) and len(body.data) <= _AT_ONCE:
            data = body.data or None
        return await self._session.request(
            outgoing.method,
            url,
            data=data,
            chunked=True if body.length is None else None,
            allow_redirects=False,
            timeout=_between_bytes(outgoing.timeouts.answer),
            middlewares=() if outgoing.method in _REPEATED else (_once,),
            **options,
        )


# There are as many as there are fronts and backs, and settings.


@lru_cache(maxsize=10_000)
def _url(scheme: str, address: Address) -> URL:
    return URL(f"{scheme}://{address}/", encoded=True)


@lru_cache(maxsize=16)
def _between_bytes(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(sock_read=seconds)


class _Connector(aiohttp.TCPConnector):
    """Connections that have the time for coming about to themselves: neither waiting in line for one counts, nor that
    this process was busy."""

    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: list[Any], never: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        async with within_own_time(_current.get().for_connection):
            return await super()._create_connection(req, traces, never)


async def _once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Send a request one time only: a failure in the form in which aiohttp does not repeat it."""
    try:
        return await send(request)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _BrokenOff from error


class _BrokenOff(aiohttp.ClientError):
    """A connection that was lost; the cause tells how."""


class _Patience:
    """How long one request may still take.  A body on its way earns more time with each chunk that gets through.

    `target` and `headers`: what it must have, to the letter; `for_connection`: seconds for one; `connected`: whether
    anything may have been sent; `broken`: how the client's body broke off, if it did; `expecting`: what will send the
    body without being asked to.
    """

    def __init__(self, outgoing: Outgoing) -> None:
        self._loop = asyncio.get_running_loop()
        self._deadline, self._answer = outgoing.deadline, outgoing.timeouts.answer
        self.target, self.headers = outgoing.root.path + outgoing.target, outgoing.headers
        self.for_connection = outgoing.timeouts.connect
        self.timer: asyncio.Timeout | None = None
        self.expecting: asyncio.TimerHandle | None = None
        self.connected = False
        self.broken = ""

    def until(self) -> float:
        patient = self._loop.time() + self._answer
        return patient if self._deadline is None else min(patient, self._deadline)

    def why(self) -> str:
        if self._deadline is not None and self._loop.time() >= self._deadline:
            return "no answer within the time that the call was given"
        return f"no {'answer' if self.connected else 'connection'} within {self._answer:g} s"

    def watch(self, body: Body) -> _Watched:
        return _Watched(body, self)

    def earn(self) -> None:
        # Once the answer's head is here nobody waits with this timer, although the body may still be on its way.
        if self.timer is not None:
            self.timer.reschedule(self._loop.time() + self._answer)


class _Watched:
    """A body being sent.  Each attempt gets it from its first byte, or not at all: half a body must never pass for a
    whole one."""

    def __init__(self, body: Body, patience: _Patience) -> None:
        self._body, self._patience = body, patience

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._body.open():
                yield chunk
                self._patience.earn()
        except ConnectionError as error:
            self._patience.broken = str(error)
            raise


_current: ContextVar[_Patience] = ContextVar("the request that this task is sending")


class _ExactRequest(aiohttp.ClientRequest):
    """A request that goes out with the headers in the order, and with the target in the form, in which they came."""

    def update_headers(self, headers: Any) -> None:
        # Not what the session makes of them: it takes `x-A` and `X-a` for two names and keeps one of them.
        self.headers = CIMultiDict(_current.get().headers)

    async def send(self, conn: Any) -> aiohttp.ClientResponse:
        patience = _current.get()
        patience.connected = True
        self.url = _ExactUrl(self.url, patience.target)  # type: ignore[assignment]
        asked = self._continue
        if asked is not None:
            patience.expecting = self.loop.call_later(_EXPECTING, _go_on, asked)
        return await super().send(conn)


def _go_on(asked: asyncio.Future[bool]) -> None:
    if not asked.done():
        asked.set_result(True)


class _ExactUrl:
    """The target as it came: yarl drops a lone `?` at its end and takes `#` for a fragment; a proxy may not."""

    def __init__(self, url: URL, target: str) -> None:
        self._url, self.raw_path_qs = url, target

    def __getattr__(self, name: str) -> Any:
        return getattr(self._url, name)


class _Answer:
    """The body of an answer as it comes in; a stream in the sense of model/messages."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except TimeoutError:
            raise TimeoutError("no more of it came in time") from None
        except (aiohttp.ClientError, OSError) as error:
            raise ConnectionError(_why(error)) from error
        self._response.release()

    async def aclose(self) -> None:
        self._response.close()


def _why(error: BaseException) -> str:
    """What went wrong, in words that name no secret: aiohttp's own texts hold addresses at most."""
    match error:
        case _BrokenOff(__cause__=BaseException() as cause):
            return _why(cause)
        case aiohttp.ClientConnectorCertificateError():
            return "its certificate is not trusted: name the authority in proxy.tls.peers"
        case aiohttp.ClientConnectorDNSError():
            return f"its name {error.host} is not known"
        case aiohttp.ConnectionTimeoutError():
            return "no connection in time"
        case aiohttp.ClientConnectorError():
            return f"no connection to {error.host}:{error.port} ({error.os_error.strerror or error.os_error})"
        case aiohttp.ServerDisconnectedError():
            return "the connection was closed before an answer"
        case aiohttp.ClientPayloadError():
            return "the connection was closed in the middle of the answer"
        case aiohttp.ClientResponseError():
            return _NO_HTTP
        case OSError():
            return error.strerror or type(error).__name__
        case _:
            return type(error).__name__
