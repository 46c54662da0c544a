"""How a server comes to be: whom nova calls, with whose token, in the order that was captured on the real one.

The API checks image and networks before it answers; scheduler and compute do the rest afterwards.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from scopeproxy.emulator.access import Access
from scopeproxy.emulator.answers import Fault
from scopeproxy.emulator.collection import Item, now
from scopeproxy.emulator.place import Place
from scopeproxy.emulator.serviceuser import Answer, CallFailed, ServiceUser

API, SCHEDULER, COMPUTE = "nova-api", "nova-scheduler", "nova-compute"


class BuildFailed(Exception):
    """The server ends in ERROR, with this as its fault."""

    def __init__(self, message: str, code: int = 500) -> None:
        super().__init__(message)
        self.code = code


def unexpected(kind: str) -> Fault:
    """What nova says when something surprised it."""
    message = (
        "Unexpected API Error. Please report this at http://bugs.launchpad.net/nova/ and attach the Nova API log if"
        f" possible.\n<class '{kind}'>"
    )
    return Fault(500, message)


@dataclass(frozen=True, slots=True)
class Errand:
    """On whose behalf, and under which global request id."""

    access: Access
    request_id: str


class Boot:
    """Nova's calls to the services around it."""

    def __init__(self, place: Place, user: ServiceUser) -> None:
        self._place, self._user = place, user

    # ---- nova-api, before the answer

    async def image(self, errand: Errand, image_id: str) -> Item:
        """The image, asked for at the glance that the user's catalog names, with the user's token as it came."""
        answer = await self._for_user(API, errand, "GET", "image", f"/v2/images/{image_id}")
        if answer.status == 404:
            raise Fault(400, "Can not find requested image")
        if answer.status in (401, 403):
            raise Fault(400, f"Not authorized for image {image_id}.")
        if not answer.ok or not isinstance(answer.body, dict):
            raise unexpected(
                "nova.exception.ImageBadRequest" if answer.status < 500 else "glanceclient.exc.HTTPException"
            )
        await self._for_user(API, errand, "GET", "image", "/v2/schemas/image")
        if answer.body.get("status") != "active":
            raise Fault(400, f"Image {image_id} is not active.")
        return answer.body

    async def networks(self, errand: Errand, wanted: Any) -> list[Item]:
        """What the server will be plugged into: `{"uuid": …}` or `{"port": …}` each."""
        if wanted == "none":
            return []
        asked = [row["uuid"] for row in wanted if "uuid" in row] if isinstance(wanted, list) else []
        query = urlencode([("id", id_) for id_ in asked])
        answer = await self._for_user(API, errand, "GET", "network", f"/v2.0/networks{'?' if query else ''}{query}")
        if not answer.ok:
            raise unexpected("neutronclient.common.exceptions.NeutronClientException")
        found = [network["id"] for network in answer.body["networks"]]
        for id_ in asked:
            if id_ not in found:
                raise Fault(400, f"Network {id_} could not be found.")
        await self._for_user(API, errand, "GET", "network", f"/v2.0/quotas/{errand.access.project_id}")
        if isinstance(wanted, list) and wanted:
            return wanted
        return [{"uuid": id_} for id_ in found[:1]]

    async def ports(self, errand: Errand, server_id: str) -> list[Item]:
        """The ports of a server, which nova-api asks for whenever a server is shown."""
        answer = await self._for_user(API, errand, "GET", "network", f"/v2.0/ports?device_id={server_id}")
        if not answer.ok:
            raise unexpected("neutronclient.common.exceptions.NeutronClientException")
        return list(answer.body["ports"])

    async def _for_user(
        self, agent: str, errand: Errand, method: str, service: str, path: str, data: Any = None
    ) -> Answer:
        root = errand.access.endpoint(service, self._place.site)
        if root is None:
            raise unexpected("keystoneauth1.exceptions.catalog.EndpointNotFound")
        try:
            return await self._user.on_behalf(agent, errand.access, method, root + path, errand.request_id, data)
        except CallFailed:
            raise unexpected("keystoneauth1.exceptions.connection.ConnectFailure") from None

    # ---- scheduler and compute, after it

    async def build(self, server: Item, errand: Errand) -> None:
        """From BUILD to ACTIVE, or to ERROR with a fault."""
        try:
            server["OS-EXT-STS:task_state"] = "scheduling"
            provider = await self._claim(server, errand)
            server["OS-EXT-STS:task_state"] = "networking"
            await self._as_nova(COMPUTE, errand, "GET", "placement", f"/resource_providers/{provider}/allocations")
            await self._as_nova(COMPUTE, errand, "GET", "network", "/v2.0/extensions")
            for wanted in server["nics"]:
                await self._plug(server, errand, wanted)
            await self._spawn(server, errand)
        except BuildFailed as failure:
            fail(server, str(failure), failure.code)
        except Fault as fault:
            fail(server, fault.message, 500)
        else:
            server.update(status="ACTIVE", updated=now(), launched_at=now())
            server.update({"OS-EXT-STS:vm_state": "active", "OS-EXT-STS:task_state": None, "OS-EXT-STS:power_state": 1})

    async def _spawn(self, server: Item, errand: Errand) -> None:
        """Once the hypervisor has time, with a disk made of the image, as libvirt does."""
        server["OS-EXT-STS:task_state"] = "spawning"
        await asyncio.sleep(self._place.settings.build)
        await self._place.settings.hypervisor.wait()
        if server["image_id"]:
            path = f"/v2/images/{server['image_id']}/file"
            _checked(await self._for_user(COMPUTE, errand, "GET", "image", path), "glance refused the image")

    async def _claim(self, server: Item, errand: Errand) -> str:
        flavor = server["flavor"]
        wants = {"VCPU": flavor["vcpus"], "MEMORY_MB": flavor["ram"], "DISK_GB": flavor["disk"]}
        resources = ",".join(f"{name}:{amount}" for name, amount in wants.items() if amount)
        query = urlencode({"limit": 1000, "resources": resources})
        answer = await self._as_nova(SCHEDULER, errand, "GET", "placement", f"/allocation_candidates?{query}")
        candidates = answer.body["allocation_requests"]
        if not candidates:
            raise BuildFailed("No valid host was found. There are not enough hosts available.")
        chosen = candidates[0]["allocations"]
        claim = {"allocations": chosen, "project_id": server["tenant_id"], "user_id": server["user_id"]}
        claim |= {"consumer_generation": None, "consumer_type": "INSTANCE"}
        await self._as_nova(SCHEDULER, errand, "PUT", "placement", f"/allocations/{server['id']}", claim)
        return str(next(iter(chosen)))

    async def _plug(self, server: Item, errand: Errand, wanted: Item) -> None:
        """A port with the user's token, bound with nova's."""
        id_ = wanted.get("port")
        if id_ is None:
            groups = await self._security_groups(server, errand)
            port = {"network_id": wanted["uuid"], "device_id": server["id"], "tenant_id": server["tenant_id"]}
            port |= {"admin_state_up": True, **({"security_groups": groups} if groups else {})}
            if "fixed_ip" in wanted:
                port["fixed_ips"] = [{"ip_address": wanted["fixed_ip"]}]
            made = await self._for_user(COMPUTE, errand, "POST", "network", "/v2.0/ports", {"port": port})
            if made.status == 401:
                raise BuildFailed("Not authorized for neutron: the token was refused.")
            id_ = _checked(made, "neutron refused the port")["port"]["id"]
        binding = {"binding:host_id": server["host"], "device_id": server["id"], "device_owner": "compute:nova"}
        answer = await self._as_nova(COMPUTE, errand, "PUT", "network", f"/v2.0/ports/{id_}", {"port": binding})
        port = answer.body["port"]
        for path in (f"/v2.0/subnets?network_id={port['network_id']}", f"/v2.0/floatingips?port_id={id_}"):
            await self._as_nova(COMPUTE, errand, "GET", "network", path)
        network = await self._as_nova(COMPUTE, errand, "GET", "network", f"/v2.0/networks/{port['network_id']}")
        _note_addresses(server, network.body["network"]["name"], port)

    async def _security_groups(self, server: Item, errand: Errand) -> list[str]:
        names = {group["name"] for group in server["security_groups"]} - {"default"}
        if not names:
            return []
        path = f"/v2.0/security-groups?tenant_id={server['tenant_id']}"
        answer = await self._for_user(COMPUTE, errand, "GET", "network", path)
        rows = _checked(answer, "neutron refused the security groups")["security_groups"]
        return [row["id"] for row in rows if names & {row["name"], row["id"]}]

    async def tear_down(self, server: Item, errand: Errand) -> None:
        """Give back ports and allocations.  Raises BuildFailed when a neighbour cannot be asked."""
        answer = await self._as_nova(COMPUTE, errand, "GET", "network", f"/v2.0/ports?device_id={server['id']}")
        for port in answer.body["ports"]:
            await self._as_nova(COMPUTE, errand, "DELETE", "network", f"/v2.0/ports/{port['id']}", gone=True)
        await self._as_nova(COMPUTE, errand, "DELETE", "placement", f"/allocations/{server['id']}", gone=True)

    async def _as_nova(
        self, agent: str, errand: Errand, method: str, service: str, path: str, data: Any = None, *, gone: bool = False
    ) -> Answer:
        try:
            answer = await self._user.as_itself(agent, method, service, path, errand.request_id, data)
        except CallFailed as error:
            raise BuildFailed(str(error)) from error
        if not answer.ok and not (gone and answer.status == 404):
            raise BuildFailed(f"{service} answered {answer.status} to {method} {path}")
        return answer


def _checked(answer: Answer, message: str) -> Any:
    if not answer.ok:
        raise BuildFailed(f"{message}: {answer.status}")
    return answer.body


def _note_addresses(server: Item, network: str, port: Item) -> None:
    mac = {"OS-EXT-IPS-MAC:mac_addr": port["mac_address"], "OS-EXT-IPS:type": "fixed"}
    rows = [{"version": 4, "addr": ip["ip_address"], **mac} for ip in port["fixed_ips"]]
    server["addresses"].setdefault(network, []).extend(rows)


def fail(server: Item, message: str, code: int) -> None:
    """ERROR, and why."""
    server.update(status="ERROR", updated=now(), fault={"code": code, "created": now(), "message": message})
    server.update({"OS-EXT-STS:vm_state": "error", "OS-EXT-STS:task_state": None})
