"""One HTTP service of a site: its socket, its request ids, its faults, and who may call it.

A concrete service gives its routes and the shape of its faults; everything that all of them do is here.
"""

from __future__ import annotations

import asyncio
import re
import socket
import uuid
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Iterable, Iterator
from typing import ClassVar

from aiohttp import web

from scopeproxy.emulator import misbehaviour
from scopeproxy.emulator.access import Access
from scopeproxy.emulator.answers import Facts, Fault, Handler, answer, facts_of, remembered
from scopeproxy.emulator.authtoken import InvalidToken, KeystoneUnavailable, TokenValidator
from scopeproxy.emulator.collection import MarkerNotFound
from scopeproxy.emulator.misbehaviour import Misbehaviour
from scopeproxy.emulator.place import TOKEN_LENGTH, Place
from scopeproxy.emulator.recorder import CLIENT, Record
from scopeproxy.emulator.serviceuser import ServiceUser
from scopeproxy.model.topology import Address, Url

GLOBAL_REQUEST_ID = re.compile(r"req-[a-f0-9]{8}-([a-f0-9]{4}-){3}[a-f0-9]{12}\Z")
_AGENT = re.compile(r"(?:keystone|glance|nova|placement|neutron|cinder)(?:-\w+)?\Z")


class Service(ABC):
    """A service at its back address.  `open_paths`: what needs no token."""

    type: ClassVar[str]
    name: ClassVar[str]
    path: ClassVar[str] = ""
    open_paths: ClassVar[frozenset[str]] = frozenset({"/", ""})

    def __init__(self, place: Place) -> None:
        self.place = place
        self.user = ServiceUser(self.name, place)
        self.tokens = TokenValidator(place, self.user, self.agent)
        self.prefix = ""
        self.address = Address("127.0.0.1", 0)
        self._runner: web.AppRunner | None = None
        self._listener: web.SockSite | None = None
        self._behaviour: Misbehaviour | None = None
        self._stopping = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def agent(self) -> str:
        """Its user agent, by which the recorder knows who called."""
        return self.name

    @property
    def url(self) -> Url:
        """The root of the service where it really listens."""
        return Url("http", self.address, self.prefix)

    @abstractmethod
    def routes(self) -> Iterable[web.RouteDef]:
        """What it answers."""

    @abstractmethod
    def fault(self, request: web.Request, fault: Fault) -> web.Response:
        """A refusal in the service's own words."""

    def base(self, request: web.Request) -> str:
        """The root of its absolute links: from Host, as the real ones do."""
        return f"{request.scheme}://{request.host}{self.prefix}"

    def answers_ids(self, local_id: str) -> dict[str, str]:
        """The headers that tell the client the request's id."""
        return {"x-openstack-request-id": local_id}

    # ---- life

    async def start(self, sock: socket.socket, prefix: str = "") -> None:
        """Serve on a bound socket."""
        self.prefix = prefix
        app = web.Application(
            middlewares=[self._record, self._misbehave, self._catch, self._authenticate], client_max_size=1 << 24
        )
        app.add_routes(self._mounted(prefix))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05, handle_signals=False)
        await self._runner.setup()
        await self._listen(sock)

    def _mounted(self, prefix: str) -> Iterator[web.RouteDef]:
        """The routes below a prefix; its root is there with and without a slash, as for a mounted WSGI application."""
        for route in self.routes():
            yield web.RouteDef(route.method, prefix + route.path, route.handler, route.kwargs)
            if prefix and route.path == "/":
                yield web.RouteDef(route.method, prefix, route.handler, route.kwargs)

    async def _listen(self, sock: socket.socket) -> None:
        assert self._runner is not None
        host, port = sock.getsockname()[:2]
        self.address = Address(host, port)
        self._listener = web.SockSite(self._runner, sock)
        await self._listener.start()

    async def stop(self) -> None:
        self._stopping.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()

    def in_background(self, work: Awaitable[None]) -> None:
        """Do something after the answer, until the service stops."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def misbehave(self, how: Misbehaviour | None) -> None:
        """Go wrong from now on, or (None) stop it."""
        before, self._behaviour = self._behaviour, how
        if how is Misbehaviour.REFUSE and before is not Misbehaviour.REFUSE:
            await self._close_port()
        elif before is Misbehaviour.REFUSE and how is not Misbehaviour.REFUSE:
            await self._listen(bound(self.address))

    async def _close_port(self) -> None:
        assert self._runner is not None
        assert self._listener is not None
        await self._listener.stop()
        for connection in list(self._runner.server.connections if self._runner.server else ()):
            if connection.transport is not None:
                misbehaviour.reset(connection.transport)

    # ---- every request

    @web.middleware
    async def _record(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        local_id = f"req-{uuid.uuid4()}"
        given = request.headers.get("X-OpenStack-Request-ID")
        global_id = given if given and GLOBAL_REQUEST_ID.match(given) else local_id
        number = self.place.recorder.arrived(self._recorded(request, given))
        with remembered(request, Facts(global_id, number)):
            response = await handler(request)
        self.place.recorder.learned(number, status=response.status)
        if not response.prepared:
            response.headers.update(self.answers_ids(local_id))
        return response

    def _recorded(self, request: web.Request, given_id: str | None) -> Record:
        agent = request.headers.get("User-Agent", "")
        first = agent.partition(" ")[0]
        tokens = [request.headers.get(name, "") for name in ("X-Auth-Token", "X-Subject-Token")]
        return Record(
            site=self.place.site,
            service=self.name,
            method=request.method,
            target=request.raw_path.removeprefix(self.prefix) or "/",
            caller=first if _AGENT.match(first) else CLIENT,
            agent=agent,
            request_id=given_id,
            tagged=any(len(token) > TOKEN_LENGTH for token in tokens),
            scope=request.headers.get("X-Scope"),
            headers=frozenset(name.lower() for name in request.headers),
        )

    @web.middleware
    async def _misbehave(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        match self._behaviour:
            case Misbehaviour.GARBAGE:
                misbehaviour.garble(request)
            case Misbehaviour.CUT:
                await misbehaviour.cut(request)
            case Misbehaviour.SLOW:
                await self._stopping.wait()
            case Misbehaviour.FAULT:
                return self.fault(request, Fault(500, "The server is misbehaving, as it was told to."))
            case _:
                return await handler(request)
        return web.Response(status=500)

    @web.middleware
    async def _catch(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Fault as fault:
            return self._told(request, fault)
        except MarkerNotFound as missing:
            return self._told(request, Fault(400, f"Marker {missing.args[0]} could not be found."))
        except web.HTTPException as error:
            allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
            return self._told(request, Fault(error.status, _PLAIN.get(error.status, error.reason), headers=allow))

    def _told(self, request: web.Request, fault: Fault) -> web.Response:
        response = self.fault(request, fault)
        response.headers.update(fault.headers)
        return response

    @web.middleware
    async def _authenticate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self.is_open(request):
            return await handler(request)
        caller = await self.identify(request)
        if isinstance(caller, web.Response):
            return caller
        facts = facts_of(request)
        facts.access = caller
        self.place.recorder.learned(facts.record, user=caller.user_name)
        return await handler(request)

    def is_open(self, request: web.Request) -> bool:
        """Whether the request needs no token."""
        return request.path.removeprefix(self.prefix) in self.open_paths

    async def identify(self, request: web.Request) -> Access | web.Response:
        """Whose token the request carries, or the answer that it gets instead."""
        token = request.headers.get("X-Auth-Token")
        if not token:
            return self.unauthorized()
        try:
            return await self.tokens.validate(token, request.headers.get("X-Service-Token"))
        except InvalidToken:
            return self.unauthorized()
        except KeystoneUnavailable:
            return web.Response(status=503, text="The Keystone service is temporarily unavailable.\n")

    def unauthorized(self) -> web.Response:
        """keystonemiddleware's answer, the same in front of every service."""
        message = "The request you have made requires authentication."
        body = {"error": {"code": 401, "title": "Unauthorized", "message": message}}
        return answer(body, 401, {"WWW-Authenticate": f'Keystone uri="{self.place.auth_url}"'})


_PLAIN = {
    404: "The resource could not be found.",
    405: "The method is not allowed for the requested URL.",
    413: "The body of the request is too large.",
}


def bound(address: Address) -> socket.socket:
    """A socket bound to an address; port 0: any free one."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock
