"""A site's keystone: versions, tokens and the catalog.  The rest of the identity API is in identity.py."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from scopeproxy.emulator.access import Access
from scopeproxy.emulator.answers import Fault, access_of, answer, empty, facts_of, json_of
from scopeproxy.emulator.directory import Directory
from scopeproxy.emulator.groups import MembershipApi
from scopeproxy.emulator.identity import IdentityApi
from scopeproxy.emulator.place import Place
from scopeproxy.emulator.service import Service
from scopeproxy.emulator.tokens import Issued, Malformed, Refused, Tokens

_TITLES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 409: "Conflict"}
_VALIDATORS = frozenset({"admin", "service"})
_MEDIA = {"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}


class Keystone(Service):
    """Its tokens are checked here, in the process; every other service asks by HTTP."""

    type, name, path = "identity", "keystone", "/v3"
    open_paths = frozenset({"/", "", "/v3", "/v3/"})

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.directory = Directory()
        self.issued = Tokens(self.directory, place.settings)

    def routes(self) -> Iterable[web.RouteDef]:
        return [
            web.get("/", self.versions),
            web.get("/v3", self.version),
            web.get("/v3/", self.version),
            web.post("/v3/auth/tokens", self.log_in),
            web.get("/v3/auth/tokens", self.validate),
            web.delete("/v3/auth/tokens", self.revoke),
            web.get("/v3/auth/catalog", self.catalog),
            web.get("/v3/auth/projects", self.projects),
            web.get("/v3/auth/domains", self.domains),
            web.get("/v3/auth/system", self.system),
            *MembershipApi(self.directory).routes(),
            *IdentityApi(self.directory, self.issued, self.base).routes(),
        ]

    def fault(self, request: web.Request, fault: Fault) -> web.Response:
        title = fault.kind or _TITLES.get(fault.status, "Error")
        headers = {"WWW-Authenticate": f'Keystone uri="{self.base(request)}/v3"'} if fault.status == 401 else None
        return answer(
            {"error": {"code": fault.status, "message": fault.message, "title": title}}, fault.status, headers
        )

    def is_open(self, request: web.Request) -> bool:
        login = request.method == "POST" and request.path.removeprefix(self.prefix) == "/v3/auth/tokens"
        return login or super().is_open(request)

    async def identify(self, request: web.Request) -> Access | web.Response:
        found = self.issued.find(request.headers.get("X-Auth-Token", ""))
        if found is None:
            raise Fault(401, "The request you have made requires authentication.")
        return Access.of(found.value, self.issued.body(found, catalog=False))

    # ---- versions

    def _document(self, request: web.Request) -> dict[str, object]:
        return {
            "id": "v3.14",
            "status": "stable",
            "updated": "2020-04-07T00:00:00Z",
            "links": [{"rel": "self", "href": f"{self.base(request)}/v3/"}],
            "media-types": [_MEDIA],
        }

    async def versions(self, request: web.Request) -> web.Response:
        location = {"Location": f"{self.base(request)}/v3/"}
        return answer({"versions": {"values": [self._document(request)]}}, 300, location)

    async def version(self, request: web.Request) -> web.Response:
        return answer({"version": self._document(request)})

    # ---- tokens

    async def log_in(self, request: web.Request) -> web.Response:
        auth = await json_of(request, "auth")
        try:
            issued = self.issued.log_in(auth)
        except Refused:
            raise Fault(401, "The request you have made requires authentication.") from None
        except Malformed as error:
            raise Fault(
                400,
                f"Expecting to find {error} in auth. The server could not comply with the request since it is either"
                " malformed or otherwise incorrect. The client is assumed to be in error.",
            ) from None
        user = self.directory.items["users"][issued.user]["name"]
        self.place.recorder.learned(facts_of(request).record, user=user)
        return self._token(request, issued, 201)

    def _token(self, request: web.Request, issued: Issued, status: int) -> web.Response:
        body = {"token": self.issued.body(issued, catalog="nocatalog" not in request.query)}
        return answer(body, status, {"X-Subject-Token": issued.value, "Vary": "X-Auth-Token"})

    def _subject(self, request: web.Request, action: str, judges: frozenset[str]) -> Issued:
        """The token that is asked about; only its bearer and the judges may ask."""
        value, access = request.headers.get("X-Subject-Token", ""), access_of(request)
        if value != access.token and not judges & access.roles:
            raise Fault(403, f"You are not authorized to perform the requested action: identity:{action}.")
        late = request.query.get("allow_expired", "").lower() in ("1", "true", "yes", "on", "t", "y")
        found = self.issued.find(value, allow_expired=late)
        if found is None:
            raise Fault(404, "Failed to validate token" if value else "No token in the request")
        return found

    async def validate(self, request: web.Request) -> web.Response:
        return self._token(request, self._subject(request, "validate_token", _VALIDATORS), 200)

    async def revoke(self, request: web.Request) -> web.Response:
        self.issued.revoke(self._subject(request, "revoke_token", frozenset({"admin"})).value)
        return empty(headers={"Vary": "X-Auth-Token"})

    # ---- what the token's bearer may use

    async def catalog(self, request: web.Request) -> web.Response:
        access = access_of(request)
        found = self.issued.find(access.token)
        if found is None or found.target is None:
            raise Fault(404, "The catalog could not be found for an unscoped token.")
        rows = self.directory.catalog(access.project_id)
        return answer({"catalog": rows, "links": {"self": f"{self.base(request)}/v3/auth/catalog"}})

    async def projects(self, request: web.Request) -> web.Response:
        return self._own(request, "projects")

    async def domains(self, request: web.Request) -> web.Response:
        return self._own(request, "domains")

    def _own(self, request: web.Request, kind: str) -> web.Response:
        items = list(self.directory.targets(access_of(request).user_id, kind))
        links = {"next": None, "previous": None, "self": f"{self.base(request)}/v3/auth/{kind}"}
        return answer({kind: items, "links": links})

    async def system(self, request: web.Request) -> web.Response:
        held = self.directory.roles(access_of(request).user_id, ("system", "all"))
        links = {"self": f"{self.base(request)}/v3/auth/system"}
        return answer({"system": [{"all": True}] if held else [], "links": links})
