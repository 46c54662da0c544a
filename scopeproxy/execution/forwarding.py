"""The one door out: every byte that leaves for a service or for a peer leaves by `Forwarder.send`.

Requests go as they are given: no header is added, none is moved, the target keeps its encoding.  What goes wrong is
a value (Unreached), and whether anything had been sent is told apart, because that decides what `|` may do next.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from scopeproxy.model.messages import Body, Headers, Held, Outcome, Reply, Unreached
from scopeproxy.model.topology import Address, Timeouts, Url

# Below the 5 s after which Apache httpd, the usual server of OpenStack's APIs, closes an idle connection: a write on a
# connection that is just being closed would be one that "may have happened".
_KEEP_ALIVE = 4.0

_AUTOMATIC = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
_NEVER_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)


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
    """Connections to services and peers.  `routes`: where to connect instead of to an address (a NAT, a tunnel)."""

    def __init__(self, routes: Mapping[Address, Address], authorities: str | None = None) -> None:
        self._routes, self._authorities = routes, authorities
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Get ready to send; call it in the event loop that will."""
        connector = aiohttp.TCPConnector(
            limit=0, ttl_dns_cache=30, keepalive_timeout=_KEEP_ALIVE, ssl=self._tls() or True
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=_AUTOMATIC,
            request_class=_ExactRequest,
            max_line_size=64 * 1024,
            max_field_size=64 * 1024,
        )

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    def _tls(self) -> ssl.SSLContext | None:
        return ssl.create_default_context(cafile=self._authorities) if self._authorities else None

    async def send(self, outgoing: Outgoing) -> Outcome:
        """Send one request and wait for the head of its answer."""
        patience = _Patience(outgoing)
        _current.set(patience)
        try:
            async with asyncio.timeout_at(patience.until()) as patience.timer:
                response = await self._request(outgoing, patience)
        except _NEVER_SENT as error:
            return Unreached(outgoing.site, False, _why(error))
        except TimeoutError:
            return Unreached(outgoing.site, patience.connected, patience.why())
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Unreached(outgoing.site, True, _why(error))
        headers = tuple(
            (name.decode(), value.decode("utf-8", "surrogateescape")) for name, value in response.raw_headers
        )
        rest = _Answer(response)
        return Reply(outgoing.site, response.status, headers, b"", rest, response.reason or "")

    async def _request(self, outgoing: Outgoing, patience: _Patience) -> aiohttp.ClientResponse:
        assert self._session is not None, "open() comes first"
        root = outgoing.root
        address = self._routes.get(root.address, root.address)
        url = URL(f"{root.scheme}://{address}{root.path}{outgoing.target}", encoded=True)
        options: dict[str, Any] = {}
        if root.scheme == "https":
            options["server_hostname"] = root.address.host
        body = outgoing.body
        empty = isinstance(body, Held) and not body.data
        return await self._session.request(
            outgoing.method,
            url,
            headers=CIMultiDict(outgoing.headers),
            data=None if empty else body.data if isinstance(body, Held) else patience.watch(body),
            chunked=True if body.length is None else None,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=outgoing.timeouts.connect, sock_read=outgoing.timeouts.answer
            ),
            **options,
        )


class _Patience:
    """How long one request may still take.  A body on its way earns more time with each chunk that gets through."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._loop = asyncio.get_running_loop()
        self._deadline, self._answer = outgoing.deadline, outgoing.timeouts.answer
        self.timer: asyncio.Timeout | None = None
        self.connected = False

    def until(self) -> float:
        patient = self._loop.time() + self._answer
        return patient if self._deadline is None else min(patient, self._deadline)

    def why(self) -> str:
        return f"no answer within {self._answer:g} s"

    async def watch(self, body: Body) -> AsyncIterator[bytes]:
        async for chunk in body.open():
            yield chunk
            if self.timer is not None:
                self.timer.reschedule(self._loop.time() + self._answer)


_current: ContextVar[_Patience] = ContextVar("the request that this task is sending")


class _ExactRequest(aiohttp.ClientRequest):
    """A request that goes out with the headers in the order, and with the target in the form, in which they came."""

    def update_headers(self, headers: Any) -> None:
        self.headers = CIMultiDict(headers)

    async def send(self, conn: Any) -> aiohttp.ClientResponse:
        _current.get().connected = True
        self.url = _ExactUrl(self.url)  # type: ignore[assignment]
        return await super().send(conn)


class _ExactUrl:
    """yarl drops a lone `?` at the end and takes `#` for a fragment; a proxy may not."""

    def __init__(self, url: URL) -> None:
        self._url = url
        text = str(url)
        self.raw_path_qs = text[text.index("/", len(url.scheme) + 3) :]

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
            return "what it answered is not HTTP"
        case OSError():
            return error.strerror or type(error).__name__
        case _:
            return type(error).__name__
