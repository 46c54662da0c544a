"""What a service answers is what its clients get: without a scope, and under the scope of another site."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.openstack.cloud import Cloud
from tests.openstack.exchanges import Exchanged, Headers, Request, exchange

JSON = (("Content-Type", "application/json"),)
NOBODY = ""

_LISTS = {
    "keystone": [
        *("users", "projects", "roles", "groups", "domains", "regions", "services", "endpoints", "credentials"),
        *("role_assignments", "limits", "auth/projects", "auth/domains", "auth/system"),
    ],
    "nova": [
        *("servers", "servers/detail", "flavors", "flavors/detail", "os-keypairs", "os-server-groups", "limits"),
        *("os-aggregates", "os-hypervisors", "os-services", "os-availability-zone", "extensions", "nonsense"),
    ],
    "glance": ["images", "images?limit=1", "images?sort=name:asc", "schemas/images", "tasks", "metadefs/namespaces"],
    "neutron": [
        *("networks", "networks.json", "networks?fields=id&fields=name", "subnets", "ports", "security-groups"),
        *("security-group-rules", "extensions", "quotas", "agents", "routers", "subnetpools", "address-groups"),
    ],
    "placement": ["resource_providers", "resource_classes", "traits", "allocation_candidates?resources=VCPU:1"],
}
_ROOTS = {"keystone": "/v3/", "nova": "/v2.1/", "glance": "/v2/", "neutron": "/v2.0/", "placement": "/"}
_IDS = {"keystone": "users", "nova": "servers", "glance": "images", "neutron": "networks", "placement": "traits"}


def reads() -> Iterator[Request]:
    """Lists, by those who may see them, by those who may not, and by nobody."""
    for service, lists in _LISTS.items():
        for what in lists:
            target = _ROOTS[service] + what
            yield from (Request(service, "GET", target, user) for user in ("admin", "alice", NOBODY))
            yield Request(service, "HEAD", target, "admin")


def documents() -> Iterator[Request]:
    """Versions, with every method, and the ways in which their paths are written."""
    for service, root in _ROOTS.items():
        yield from (Request(service, "GET", target, NOBODY) for target in ("/", "//", root.rstrip("/") or "/", root))
        yield Request(service, "GET", "/", NOBODY, [("Accept", "application/json")])
        yield Request(service, "GET", "/", NOBODY, [("Accept", "application/json-home"), ("Accept-Language", "fr")])
        yield from (Request(service, method, "/") for method in ("HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"))


def odd_paths() -> Iterator[Request]:
    """Encoded slashes, doubled ones, dots, empty and repeated keys."""
    for service, root in _ROOTS.items():
        one = root + _IDS[service]
        for target in (
            *(f"{one}/a%2Fb", f"{one}/%C3%A9%20b", f"/{one}", f"{one}//x", f"{one}/", f"{one}/../{_IDS[service]}"),
            *(f"{one}?", f"{one}?name=a&name=b", f"{one}?name=%26%3D+%20", f"{one}?&&", f"{one}/{'x' * 3000}"),
        ):
            yield Request(service, "GET", target, "admin")


def faults() -> Iterator[Request]:
    """400, 401, 403, 404, 405, 406, 409, 413, 415, as each service tells them."""
    for service, root in _ROOTS.items():
        one = root + _IDS[service]
        yield Request(service, "GET", one, NOBODY, [("X-Auth-Token", "none-of-ours")])
        yield Request(service, "GET", f"{one}/nothing", "admin")
        yield Request(service, "POST", one, "admin", JSON, b"{")
        yield Request(service, "POST", one, "admin", JSON, b"[]")
        yield Request(service, "POST", one, "admin", [("Content-Type", "text/xml")], b"<x/>")
        yield Request(service, "PATCH", one, "admin", JSON, b"{}")
        yield Request(service, "DELETE", one, "admin")
        yield Request(service, "POST", one, "alice", JSON, b"x" * 200_000)
    yield Request("keystone", "POST", "/v3/users", "admin", JSON, b'{"user": {"name": "alice"}}')
    yield Request("keystone", "POST", "/v3/users", "alice", JSON, b'{"user": {"name": "carol"}}')
    yield Request("keystone", "GET", "/v3/auth/tokens", "admin", [("X-Subject-Token", "none-of-ours")])
    yield Request("keystone", "POST", "/v3/auth/tokens", NOBODY, JSON, b'{"auth": {}}')
    yield Request("keystone", "POST", "/v3/auth/tokens", NOBODY, JSON, b"not json")
    yield Request("keystone", "POST", "/v3/auth/tokens", NOBODY, JSON, json.dumps(_WRONG).encode())
    for number in ("2.1", "2.79", "2.96", "2.999", "two"):
        yield Request("nova", "GET", "/v2.1/flavors/detail", headers=[("OpenStack-API-Version", f"compute {number}")])
    yield Request("nova", "GET", "/v2.1/flavors", headers=[("X-OpenStack-Nova-API-Version", "2.60")])
    for number in ("1.39", "1.999", "latest"):
        asked = [("OpenStack-API-Version", f"placement {number}")]
        yield Request("placement", "GET", "/resource_providers", "admin", asked)


_WRONG = {
    "auth": {
        "identity": {
            "methods": ["password"],
            "password": {"user": {"name": "alice", "domain": {"id": "default"}, "password": "wrong"}},
        }
    }
}


def one_image(id_: str) -> Iterator[Request]:
    """What glance has to say of one image, whole and in parts."""
    image = f"/v2/images/{id_}"
    yield from (Request("glance", "GET", image + more) for more in ("", "/file", "/members", "/tags", "/"))
    for asked in ("bytes=0-9", "bytes=5-", "bytes=-5", "bytes=99999999-", "bytes=0-1,3-4", "lines=1"):
        yield Request("glance", "GET", f"{image}/file", headers=[("Range", asked)])
    yield Request("glance", "GET", image, headers=[("If-None-Match", '"x"'), ("Accept-Encoding", "gzip")])
    yield Request("glance", "GET", f"{image}/file", headers=[("If-Modified-Since", "Sat, 01 Jan 2000 00:00:00 GMT")])
    yield Request("glance", "PUT", f"{image}/file", headers=[("Content-Type", "text/plain")], body=b"abc")
    yield Request("glance", "PATCH", image, headers=JSON, body=b"[]")
    yield Request("glance", "DELETE", image)


def every_request(image: str) -> list[Request]:
    return [*reads(), *documents(), *odd_paths(), *faults(), *one_image(image)]


class Comparison:
    """The same requests to a service itself, and to a front, under a scope or none."""

    def __init__(self, cloud: Cloud, entry: str, site: str, scope: str | None) -> None:
        self._cloud, self._entry, self._site, self._scope = cloud, entry, site, scope
        self._through = {user: cloud.token(entry, user, self._at("keystone")) for user in ("admin", "alice")}
        self._direct = {user: cloud.token(site, user) for user in ("admin", "alice")}

    def _at(self, service: str) -> str | None:
        return None if self._scope is None else self._scope.replace("SERVICE", service)

    def difference(self, request: Request) -> str | None:
        """What is not the same; None when all is."""
        direct, through = self.direct(request).end_to_end(), self.through(request).end_to_end()
        if self._scope is not None:
            through = through.without("x-scope-")
            if " 406 " in direct.status:
                # The proxy has its own words on a version that a site has not: test_versions.py.
                return None if direct.status == through.status else f"{request}\n    {direct}\n    {through}"
        return None if direct == through else f"{request}\n    {direct}\n    {through}"

    def direct(self, request: Request) -> Exchanged:
        """The service's own answer.  It is asked with the front's Host: there it would be without the proxies."""
        host = self._cloud.front(self._entry, request.service).removeprefix("http://")
        written = request.written(host, self._headers(request, self._direct))
        return exchange(self._cloud.back(self._site, request.service), written, self._cloud.patience)

    def through(self, request: Request) -> Exchanged:
        front, scope = self._cloud.front(self._entry, request.service), self._at(request.service)
        headers = [*self._headers(request, self._through), *([("X-Scope", scope)] if scope else [])]
        return exchange(front, request.written(front.removeprefix("http://"), headers), self._cloud.patience)

    def _headers(self, request: Request, tokens: dict[str, str]) -> Headers:
        return [*([("X-Auth-Token", tokens[request.user])] if request.user else []), *request.headers]


def image_of(cloud: Cloud, site: str) -> str:
    listed = cloud.call("GET", "glance:/v2/images?name=cirros", at=site, token=cloud.token(site))
    return str(listed.json["images"][0]["id"])


def different(comparison: Comparison, requests: Iterable[Request]) -> list[str]:
    """What is not the same; the services are asked at once, each one request after the other."""
    of_each: dict[str, list[Request]] = {}
    for request in requests:
        of_each.setdefault(request.service, []).append(request)
    with ThreadPoolExecutor(len(of_each)) as pool:
        found = pool.map(lambda some: [comparison.difference(request) for request in some], of_each.values())
        return [difference for some in found for difference in some if difference is not None]


def test_without_a_scope_each_answer_is_the_services_own(cloud: Cloud) -> None:
    comparison = Comparison(cloud, "Paris", "Paris", None)
    found = different(comparison, every_request(image_of(cloud, "Paris")))
    assert not found, "\n".join(found)


def test_under_the_scope_of_one_site_each_answer_is_that_sites(cloud: Cloud) -> None:
    # Paris's fronts and Marseille's have the same paths: links that lead elsewhere are changed, as test_wire.py shows.
    comparison = Comparison(cloud, "Paris", "Marseille", "{SERVICE: Marseille}")
    # Without a token nothing but logins and discovery goes to another site.
    asked = [request for request in every_request(image_of(cloud, "Marseille")) if request.user != NOBODY]
    found = different(comparison, asked)
    assert not found, "\n".join(found)
