"""Keystone's resources: users, projects, roles and the rest of the table in directory.py, and who has which role."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Iterable

from aiohttp import web

from scopeproxy.emulator.answers import Fault, Handler, access_of, answer, empty, json_of
from scopeproxy.emulator.collection import Item, filtered
from scopeproxy.emulator.directory import KINDS, Directory, Duplicate, Grant
from scopeproxy.emulator.tokens import Tokens


def _denied(action: str) -> Fault:
    return Fault(403, f"You are not authorized to perform the requested action: identity:{action}.")


class IdentityApi:
    """The handlers below /v3, tokens left out."""

    def __init__(self, directory: Directory, tokens: Tokens, base: Callable[[web.Request], str]) -> None:
        self._directory, self._tokens, self._base = directory, tokens, base

    def routes(self) -> Iterable[web.RouteDef]:
        for kind in KINDS:
            yield web.get(f"/v3/{kind}", self._listing(kind))
            yield web.post(f"/v3/{kind}", self._creating(kind))
            yield web.get(f"/v3/{kind}/{{id}}", self._showing(kind))
            yield web.patch(f"/v3/{kind}/{{id}}", self._changing(kind))
            yield web.delete(f"/v3/{kind}/{{id}}", self._deleting(kind))
        for target in ("projects", "domains"):
            path = f"/v3/{target}/{{target}}/users/{{user}}/roles"
            yield web.get(path, self._granted(target))
            yield web.put(path + "/{role}", self._granting(target))
            yield web.get(path + "/{role}", self._checking(target))
            yield web.delete(path + "/{role}", self._ungranting(target))
        yield web.get("/v3/role_assignments", self.assignments)
        yield web.get("/v3/users/{user}/projects", self.projects_of)
        yield web.post("/v3/users/{user}/password", self.password)
        credentials = "/v3/users/{user}/application_credentials"
        yield web.get(credentials, self.credentials)
        yield web.post(credentials, self.create_credential)
        yield web.get(credentials + "/{id}", self.credential)
        yield web.delete(credentials + "/{id}", self.delete_credential)

    # ---- the table's collections

    def _shown(self, request: web.Request, kind: str, item: Item) -> Item:
        return {**item, "links": {"self": f"{self._base(request)}/v3/{kind}/{item['id']}"}}

    def _found(self, request: web.Request, kind: str) -> Item:
        id_ = request.match_info["id"]
        item = self._directory.items[kind].get(id_)
        if item is None:
            raise Fault(404, f"Could not find {KINDS[kind].singular}: {id_}.")
        return item

    def _listed(self, request: web.Request, kind: str, items: list[Item]) -> web.Response:
        shown = [self._shown(request, kind, item) for item in items]
        url = f"{self._base(request)}{request.path_qs[request.path_qs.index('/v3') :]}"
        return answer({kind: shown, "links": {"next": None, "self": url, "previous": None}})

    def _listing(self, kind: str) -> Handler:
        async def handler(request: web.Request) -> web.Response:
            if not access_of(request).is_admin and kind not in ("regions", "roles"):
                raise _denied(f"list_{kind}")
            return self._listed(request, kind, filtered(self._directory.items[kind].values(), request.query))

        return handler

    def _creating(self, kind: str) -> Handler:
        singular = KINDS[kind].singular

        async def handler(request: web.Request) -> web.Response:
            if not access_of(request).is_admin:
                raise _denied(f"create_{singular}")
            values = await json_of(request, singular)
            if KINDS[kind].unique and not values.get("name"):
                raise Fault(400, "Invalid input for field 'name': 'name' is a required property")
            try:
                item = self._directory.create(kind, values)
            except Duplicate as taken:
                detail = f"Duplicate entry found with name {taken}."
                message = f"Conflict occurred attempting to store {singular} - {detail}"
                raise Fault(409, message) from None
            return answer({singular: self._shown(request, kind, item)}, 201)

        return handler

    def _showing(self, kind: str) -> Handler:
        singular = KINDS[kind].singular

        async def handler(request: web.Request) -> web.Response:
            access, id_ = access_of(request), request.match_info["id"]
            if not access.is_admin and id_ not in (access.user_id, access.project_id, access.domain_id):
                raise _denied(f"get_{singular}")
            return answer({singular: self._shown(request, kind, self._found(request, kind))})

        return handler

    def _changing(self, kind: str) -> Handler:
        singular = KINDS[kind].singular

        async def handler(request: web.Request) -> web.Response:
            if not access_of(request).is_admin:
                raise _denied(f"update_{singular}")
            item = self._found(request, kind)
            values = await json_of(request, singular)
            if "password" in values:
                self._tokens.revoke_all(item["id"])
            return answer({singular: self._shown(request, kind, self._directory.change(kind, item["id"], values))})

        return handler

    def _deleting(self, kind: str) -> Handler:
        async def handler(request: web.Request) -> web.Response:
            if not access_of(request).is_admin:
                raise _denied(f"delete_{KINDS[kind].singular}")
            self._directory.delete(kind, self._found(request, kind)["id"])
            return empty()

        return handler

    # ---- roles

    def _grant(self, request: web.Request, kind: str) -> Grant:
        if not access_of(request).is_admin:
            raise _denied("create_grant")
        for collection, name in ((kind, "target"), ("users", "user"), ("roles", "role")):
            if request.match_info[name] not in self._directory.items[collection]:
                raise Fault(404, f"Could not find {KINDS[collection].singular}: {request.match_info[name]}.")
        path = request.match_info
        return Grant(path["user"], path["role"], (KINDS[kind].singular, path["target"]))

    def _granting(self, kind: str) -> Handler:
        async def handler(request: web.Request) -> web.Response:
            self._directory.grants.add(self._grant(request, kind))
            return empty()

        return handler

    def _checking(self, kind: str) -> Handler:
        async def handler(request: web.Request) -> web.Response:
            return empty() if self._grant(request, kind) in self._directory.grants else _no_grant()

        return handler

    def _ungranting(self, kind: str) -> Handler:
        async def handler(request: web.Request) -> web.Response:
            grant = self._grant(request, kind)
            if grant not in self._directory.grants:
                return _no_grant()
            self._directory.grants.discard(grant)
            return empty()

        return handler

    def _granted(self, kind: str) -> Handler:
        async def handler(request: web.Request) -> web.Response:
            target = (KINDS[kind].singular, request.match_info["target"])
            held = {
                g.role for g in self._directory.grants if (g.user, g.target) == (request.match_info["user"], target)
            }
            return self._listed(request, "roles", [self._directory.items["roles"][role] for role in sorted(held)])

        return handler

    async def assignments(self, request: web.Request) -> web.Response:
        if not access_of(request).is_admin:
            raise _denied("list_role_assignments")
        rows = []
        for grant in sorted(self._directory.grants, key=lambda g: (g.user, g.role, g.target)):
            wanted = {"user.id": grant.user, "role.id": grant.role, f"scope.{grant.target[0]}.id": grant.target[1]}
            asked = {key: value for key, value in request.query.items() if key.endswith(".id")}
            if all(wanted.get(key) == value for key, value in asked.items()):
                rows.append(self._assignment(grant, "include_names" in request.query))
        url = f"{self._base(request)}/v3/role_assignments"
        return answer({"role_assignments": rows, "links": {"next": None, "self": url, "previous": None}})

    def _assignment(self, grant: Grant, names: bool) -> Item:
        kind, id_ = grant.target
        target: object = True if kind == "system" else self._reference(f"{kind}s", id_, names)
        scope = {"system": {"all": True}} if kind == "system" else {kind: target}
        role, user = (self._reference(*pair, names) for pair in (("roles", grant.role), ("users", grant.user)))
        return {"role": role, "user": user, "scope": scope, "links": {}}

    def _reference(self, kind: str, id_: str, names: bool) -> Item:
        item = self._directory.items[kind][id_]
        if not names:
            return {"id": id_}
        domain = self._directory.items["domains"].get(item.get("domain_id") or "")
        return {
            "id": id_,
            "name": item["name"],
            **({"domain": {k: domain[k] for k in ("id", "name")}} if domain else {}),
        }

    # ---- of one user

    def _self_or_admin(self, request: web.Request, action: str) -> str:
        user, access = request.match_info["user"], access_of(request)
        if user != access.user_id and not access.is_admin:
            raise _denied(action)
        if user not in self._directory.items["users"]:
            raise Fault(404, f"Could not find user: {user}.")
        return user

    async def projects_of(self, request: web.Request) -> web.Response:
        user = self._self_or_admin(request, "list_user_projects")
        return self._listed(request, "projects", filtered(self._directory.targets(user, "projects"), request.query))

    async def password(self, request: web.Request) -> web.Response:
        user = self._self_or_admin(request, "change_password")
        values = await json_of(request, "user", "original_password", "password")
        if self._directory.passwords.get(user) != values.get("original_password"):
            raise Fault(401, "The request you have made requires authentication.")
        self._directory.passwords[user] = values["password"]
        self._tokens.revoke_all(user)
        return empty()

    def _credential(self, request: web.Request) -> Item:
        user = self._self_or_admin(request, "get_application_credential")
        found = self._directory.app_credentials.get(request.match_info["id"])
        if found is None or found["user_id"] != user:
            raise Fault(404, f"Could not find Application Credential: {request.match_info['id']}.")
        return found

    async def credential(self, request: web.Request) -> web.Response:
        return answer({"application_credential": self._credential(request)})

    async def credentials(self, request: web.Request) -> web.Response:
        user = self._self_or_admin(request, "list_application_credentials")
        own = [item for item in self._directory.app_credentials.values() if item["user_id"] == user]
        url = f"{self._base(request)}/v3/users/{user}/application_credentials"
        links = {"next": None, "self": url, "previous": None}
        return answer({"application_credentials": filtered(own, request.query), "links": links})

    async def create_credential(self, request: web.Request) -> web.Response:
        access = access_of(request)
        values = await json_of(request, "application_credential", "name")
        if request.match_info["user"] != access.user_id:
            raise _denied("create_application_credential")
        secret = values.pop("secret", None) or secrets.token_urlsafe(64)
        roles = self._directory.roles(access.user_id, ("project", access.project_id or ""))
        owned = {"user_id": access.user_id, "project_id": access.project_id, "roles": roles}
        given = {"description": values.get("description"), "expires_at": values.get("expires_at")}
        item = {"id": uuid.uuid4().hex, "name": values["name"], "unrestricted": bool(values.get("unrestricted"))}
        item |= {**owned, **given}
        self._directory.app_credentials[item["id"]], self._directory.secrets[item["id"]] = item, secret
        return answer({"application_credential": {**item, "secret": secret}}, 201)

    async def delete_credential(self, request: web.Request) -> web.Response:
        del self._directory.app_credentials[self._credential(request)["id"]]
        return empty()


def _no_grant() -> web.Response:
    raise Fault(404, "Could not find role assignment with role, user or group, project, domain, or system.")
