"""A site's nova: versions, microversions, and the small resources; servers and flavors have files of their own."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable

from aiohttp import web

from scopeproxy.emulator.answers import Fault, Handler, access_of, answer, empty, facts_of, json_of
from scopeproxy.emulator.boot import Boot
from scopeproxy.emulator.collection import Item, now, page
from scopeproxy.emulator.flavors import FlavorApi
from scopeproxy.emulator.place import Place
from scopeproxy.emulator.servers import ServerApi
from scopeproxy.emulator.service import Service

LATEST = (2, 96)
_FAULTS = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    415: "badMediaType",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}
_VERSION = re.compile(r"(\d+)\.(\d+)\Z")


def asked_microversion(request: web.Request, latest: tuple[int, int] = LATEST) -> tuple[int, int]:
    """What a request asks for; 2.1 when it does not say."""
    text = request.headers.get("X-OpenStack-Nova-API-Version", "2.1")
    for part in request.headers.get("OpenStack-API-Version", "").split(","):
        service, _, number = part.strip().partition(" ")
        text = number if service == "compute" else text
    if text == "latest":
        return latest
    match = _VERSION.match(text)
    if match is None:
        raise Fault(400, f"API Version String {text} is of invalid format. Must be of format MajorNum.MinorNum.")
    asked = (int(match[1]), int(match[2]))
    if not (2, 1) <= asked <= latest:
        message = "Version {} is not supported by the API. Minimum is 2.1 and maximum is 2.{}."
        raise Fault(406, message.format(text, latest[1]))
    return asked


class Nova(Service):
    """Its API, scheduler and compute are one service here, but call others by their own names."""

    type, name, path = "compute", "nova", "/v2.1"
    open_paths = frozenset({"/", "", "/v2.1", "/v2.1/", "/v2", "/v2/"})

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.flavors = FlavorApi(self.base)
        self.servers = ServerApi(place, Boot(place, self.user), self.flavors, self.base, self.in_background)
        self._keypairs: dict[tuple[str, str], Item] = {}

    @property
    def agent(self) -> str:
        return "nova-api"

    def routes(self) -> Iterable[web.RouteDef]:
        rows = [
            web.get("/", self.versions),
            web.get("/v2.1", self.version),
            web.get("/v2.1/", self.version),
            *self.flavors.routes(),
            *self.servers.routes(),
            web.get("/v2.1/limits", self.limits),
            web.get("/v2.1/extensions", self.extensions),
            web.get("/v2.1/os-availability-zone", self.zones),
            web.get("/v2.1/os-availability-zone/detail", self.zones),
            web.get("/v2.1/os-hypervisors", self.hypervisors),
            web.get("/v2.1/os-hypervisors/detail", self.hypervisors),
            web.get("/v2.1/os-services", self.services),
            web.get("/v2.1/os-quota-sets/{project}", self.quotas),
            web.get("/v2.1/os-simple-tenant-usage", self.usages),
            web.get("/v2.1/os-keypairs", self.keypairs),
            web.post("/v2.1/os-keypairs", self.create_keypair),
            web.get("/v2.1/os-keypairs/{name}", self.keypair),
            web.delete("/v2.1/os-keypairs/{name}", self.delete_keypair),
        ]
        return [web.RouteDef(row.method, row.path, self._versioned(row.handler), row.kwargs) for row in rows]

    def _versioned(self, handler: object) -> Handler:
        """The handler, with the microversion read before it and told after it."""

        async def versioned(request: web.Request) -> web.StreamResponse:
            number = facts_of(request).microversion = asked_microversion(request, self._newest)
            response: web.StreamResponse = await handler(request)  # type: ignore[operator]
            if request.path.removeprefix(self.prefix) != "/":
                told = f"{number[0]}.{number[1]}"
                response.headers["OpenStack-API-Version"] = f"compute {told}"
                response.headers["X-OpenStack-Nova-API-Version"] = told
                response.headers["Vary"] = "OpenStack-API-Version, X-OpenStack-Nova-API-Version"
            return response

        return versioned

    def answers_ids(self, local_id: str) -> dict[str, str]:
        return {"x-openstack-request-id": local_id, "x-compute-request-id": local_id}

    def fault(self, request: web.Request, fault: Fault) -> web.Response:
        name = _FAULTS.get(fault.status, "computeFault")
        return answer({name: {"code": fault.status, "message": fault.message}}, fault.status)

    # ---- versions

    @property
    def _newest(self) -> tuple[int, int]:
        return self.place.settings.newest.get(self.place.site, LATEST)

    def _version(self, request: web.Request, *, old: bool = False) -> Item:
        path, status = ("v2", "DEPRECATED") if old else ("v2.1", "CURRENT")
        return {
            "id": "v2.0" if old else "v2.1",
            "status": status,
            "version": "" if old else f"2.{self._newest[1]}",
            "min_version": "" if old else "2.1",
            "updated": "2013-07-23T11:33:21Z",
            "links": [{"rel": "self", "href": f"{self.base(request)}/{path}/"}],
        }

    async def versions(self, request: web.Request) -> web.Response:
        return answer({"versions": [self._version(request, old=True), self._version(request)]})

    async def version(self, request: web.Request) -> web.Response:
        version = self._version(request)
        version["links"].append({"rel": "describedby", "type": "text/html", "href": "http://docs.openstack.org/"})
        media = "application/vnd.openstack.compute+json;version=2.1"
        version["media-types"] = [{"base": "application/json", "type": media}]
        return answer({"version": version})

    # ---- small resources

    async def limits(self, request: web.Request) -> web.Response:
        own = [s for s in self.servers.items.values() if s["tenant_id"] == access_of(request).project_id]
        flavors = [self.flavors.items[s["flavor_id"]] for s in own if s["flavor_id"] in self.flavors.items]
        absolute = {
            "maxTotalInstances": 10,
            "maxTotalCores": 20,
            "maxTotalRAMSize": 51200,
            "maxServerMeta": 128,
            "maxTotalKeypairs": 100,
            "maxServerGroups": 10,
            "maxServerGroupMembers": 10,
            "totalInstancesUsed": len(own),
            "totalCoresUsed": sum(flavor["vcpus"] for flavor in flavors),
            "totalRAMUsed": sum(flavor["ram"] for flavor in flavors),
            "totalServerGroupsUsed": 0,
        }
        return answer({"limits": {"rate": [], "absolute": absolute}})

    async def quotas(self, request: web.Request) -> web.Response:
        amounts = {"instances": 10, "cores": 20, "ram": 51200, "key_pairs": 100, "metadata_items": 128}
        return answer({"quota_set": {"id": request.match_info["project"], **amounts}})

    async def usages(self, request: web.Request) -> web.Response:
        self._admin(request, "os-simple-tenant-usage:list")
        return answer({"tenant_usages": []})

    async def extensions(self, request: web.Request) -> web.Response:
        return answer({"extensions": []})

    async def zones(self, request: web.Request) -> web.Response:
        zone = {"zoneName": "nova", "zoneState": {"available": True}, "hosts": None}
        return answer({"availabilityZoneInfo": [zone]})

    def _admin(self, request: web.Request, rule: str) -> None:
        if not access_of(request).is_admin:
            raise Fault(403, f"Policy doesn't allow os_compute_api:{rule} to be performed.")

    async def hypervisors(self, request: web.Request) -> web.Response:
        self._admin(request, "os-hypervisors:list")
        host = self.servers.host
        row: Item = {"id": host, "hypervisor_hostname": host, "state": "up", "status": "enabled"}
        if request.path.endswith("/detail"):
            service = {"host": host, "id": host, "disabled_reason": None}
            row |= {"hypervisor_type": "fake", "host_ip": self.address.host, "service": service}
        return answer({"hypervisors": [row]})

    async def services(self, request: web.Request) -> web.Response:
        self._admin(request, "os-services:list")
        state: Item = {"status": "enabled", "state": "up", "disabled_reason": None, "forced_down": False}
        rows = [
            {**state, "binary": name, "host": self.servers.host, "id": f"{name}-1", "zone": "nova", "updated_at": now()}
            for name in ("nova-scheduler", "nova-conductor", "nova-compute")
        ]
        return answer({"services": rows})

    # ---- key pairs

    async def keypairs(self, request: web.Request) -> web.Response:
        user = access_of(request).user_id
        own = [pair for (owner, _), pair in sorted(self._keypairs.items()) if owner == user]
        part = page(own, request.query, 1000, key="name")
        return answer({"keypairs": [{"keypair": pair} for pair in part.items]})

    async def create_keypair(self, request: web.Request) -> web.Response:
        user, values = access_of(request).user_id, await json_of(request, "keypair", "name")
        name = values["name"]
        if (user, name) in self._keypairs:
            raise Fault(409, f"Key pair '{name}' already exists.")
        public = values.get("public_key") or f"ssh-rsa {secrets.token_urlsafe(32)} {name}"
        print_ = hashlib.md5(public.encode(), usedforsecurity=False).hexdigest()
        fingerprint = ":".join(print_[n : n + 2] for n in range(0, 32, 2))
        pair = {"name": name, "public_key": public, "fingerprint": fingerprint, "type": values.get("type", "ssh")}
        self._keypairs[user, name] = pair
        more = {} if "public_key" in values else {"private_key": "-----BEGIN PRIVATE KEY-----\n"}
        return answer(
            {"keypair": {**pair, "user_id": user, **more}}, 201 if facts_of(request).microversion >= (2, 2) else 200
        )

    def _keypair(self, request: web.Request) -> tuple[tuple[str, str], Item]:
        key = (access_of(request).user_id, request.match_info["name"])
        if key not in self._keypairs:
            raise Fault(404, f"Keypair {key[1]} not found for user {key[0]}")
        return key, self._keypairs[key]

    async def keypair(self, request: web.Request) -> web.Response:
        key, pair = self._keypair(request)
        return answer({"keypair": {**pair, "user_id": key[0], "id": 1, "deleted": False, "created_at": now()}})

    async def delete_keypair(self, request: web.Request) -> web.Response:
        del self._keypairs[self._keypair(request)[0]]
        return empty(204 if facts_of(request).microversion >= (2, 2) else 202)
