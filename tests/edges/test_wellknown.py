"""The proxy's own pages on the fronts: who may see them, and what they tell.  The fronts are paths on one port."""

from __future__ import annotations

from contextlib import AsyncExitStack

import aiohttp
import pytest

from scopeproxy.edges.app import App
from scopeproxy.edges.config import load
from scopeproxy.emulator.cloud import EmulatedCloud

PAGES = "/.well-known/scopeproxy/"


class Cloud:
    """Two sites, and people at the first."""

    def __init__(self, cloud, apps, session):
        self.cloud, self.apps, self.session = cloud, apps, session
        self.tokens = {}

    def front(self, service="image"):
        return str(self.apps[0].house.here.services[service].front)

    async def log_in(self, user, project, scope="glance: Paris&Corte"):
        domain = {"id": "default"}
        who = {"user": {"name": user, "password": "secret", "domain": domain}}
        auth = {"identity": {"methods": ["password"], "password": who}}
        if project is not None:
            auth["scope"] = {"project": {"name": project, "domain": domain}}
        url = self.front("identity") + "/v3/auth/tokens"
        async with self.session.post(url, json={"auth": auth}, headers={"X-Scope": scope}) as answer:
            assert answer.status == 201, await answer.text()
            return answer.headers["X-Subject-Token"]

    async def get(self, path, token=None, service="image", **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            named["X-Auth-Token"] = token
        async with self.session.get(self.front(service) + path, headers=named) as answer:
            return answer.status, await answer.json(content_type=None), answer.headers


@pytest.fixture
async def cloud(tmp_path):
    async with AsyncExitStack() as stack:
        cloud = await stack.enter_async_context(EmulatedCloud(["Paris", "Corte"], tmp_path, paths=True))
        apps = [App(load(cloud.topology_path), name) for name in ("Paris", "Corte")]
        for app in apps:
            await app.start()
            stack.push_async_callback(app.stop)
        # Who was looked for before it listened is not waited for.
        cloud.links.heal()
        yield Cloud(cloud, apps, await stack.enter_async_context(aiohttp.ClientSession()))


async def test_pages_are_for_those_whom_the_service_would_let_in(cloud):
    status, told, headers = await cloud.get(PAGES + "sites")
    assert status == 401
    assert "needs a token" in told["error"]["message"]
    assert headers["WWW-Authenticate"] == f'Keystone uri="{cloud.front("identity")}"'
    assert (await cloud.get(PAGES + "sites", "nonsense"))[0] == 401
    status, told, _ = await cloud.get(PAGES + "sites", await cloud.log_in("alice", "demo"))
    assert status == 200
    assert [(site["name"], site["state"] == "here") for site in told["sites"]] == [("Paris", True), ("Corte", False)]


async def test_pages_are_on_every_path_and_on_the_bare_root(cloud):
    token = await cloud.log_in("alice", "demo")
    assert (await cloud.get(PAGES + "sites", token, "compute"))[0] == 200
    origin = cloud.apps[0].house.here.services["image"].front.origin
    async with cloud.session.get(origin + PAGES + "sites", headers={"X-Auth-Token": token}) as answer:
        assert answer.status == 200


async def test_a_call_is_explained_by_query_or_by_header(cloud):
    token = await cloud.log_in("alice", "demo")
    query = "explain?scope=glance:Paris|Corte&method=GET&url=glance:/v2/images"
    status, told, _ = await cloud.get(PAGES + query, token)
    assert (status, told["explained"], told["intent"]) == (200, "{image: Paris | Corte}", "list")
    _, told, _ = await cloud.get(PAGES + "explain", token, X_Scope="glance: Corte")
    assert told["explained"] == "{image: Corte}"
    status, told, _ = await cloud.get(PAGES + "explain?scope=glance:Pari", token)
    assert status == 400
    assert "did you mean 'Paris'" in told["error"]["message"]


def _stranger(cloud):
    """A member of another project at Paris, who is no admin."""
    directory = cloud.cloud.site("Paris").keystone.directory
    project = directory.create("projects", {"name": "elsewhere"})
    user = directory.create("users", {"name": "carol", "password": "secret"})
    directory.grant(user["id"], directory.named("roles", "member")["id"], ("project", project["id"]))
    return "carol", "elsewhere"


async def test_a_report_is_for_the_project_whose_call_it_was_and_for_admins(cloud):
    alice, bob, admin = [await cloud.log_in(*who) for who in (("alice", "demo"), ("bob", "demo"), ("admin", "admin"))]
    status, _, headers = await cloud.get("/v2/images", alice, X_Scope="glance: Paris&Corte")
    assert status == 200
    report = PAGES + "requests/" + headers["X-Scope-Request-Id"]
    for token in (alice, bob, admin):
        status, told, _ = await cloud.get(report, token)
        assert (status, told["sites"]) == (200, {"Paris": "200", "Corte": "200"})
    stranger = _stranger(cloud)
    for token in (await cloud.log_in("alice", None), await cloud.log_in(*stranger)):
        assert (await cloud.get(report, token))[0] == 404
    assert (await cloud.get(PAGES + "requests/req-other", alice))[0] == 404


async def test_a_call_of_no_project_is_for_admins_alone(cloud):
    _, _, headers = await cloud.get("/v2/images", await cloud.log_in("alice", "demo"), X_Scope="glance: Paris")
    report = PAGES + "requests/" + headers["X-Scope-Request-Id"]
    assert (await cloud.get(report, await cloud.log_in("alice", None)))[0] == 404
    assert (await cloud.get(report, await cloud.log_in("admin", "admin")))[0] == 200


async def test_an_admin_of_another_site_is_none_of_this_one(cloud):
    _, _, headers = await cloud.get("/v2/images", await cloud.log_in("alice", "demo"), X_Scope="glance: Paris")
    report = PAGES + "requests/" + headers["X-Scope-Request-Id"]
    theirs = await cloud.log_in("admin", "admin", scope="keystone: Corte")
    assert (await cloud.get(PAGES + "sites", theirs))[0] == 200
    assert (await cloud.get(report, theirs))[0] == 404


@pytest.mark.parametrize("page", ["peer/health", "peer/token?site=Corte", "peer/other"])
async def test_pages_for_peers_take_a_signature(cloud, page):
    assert (await cloud.get(PAGES + page, await cloud.log_in("admin", "admin")))[0] == 403
    forged = "v1 site=Corte date=1 nonce=" + "0" * 32 + " mac=" + "0" * 64
    assert (await cloud.get(PAGES + page, X_Scope_Signature=forged))[0] == 403


async def test_what_is_not_there_is_404_and_what_is_no_get_is_refused(cloud):
    token = await cloud.log_in("alice", "demo")
    status, told, _ = await cloud.get(PAGES + "other", token)
    assert status == 404
    assert "there are sites, explain and requests/<id>" in told["error"]["message"]
    async with cloud.session.post(cloud.front() + PAGES + "sites", headers={"X-Auth-Token": token}) as answer:
        assert answer.status == 400


async def test_fronts_by_path_keep_their_links_below_their_paths(cloud):
    token = await cloud.log_in("alice", "demo")
    status, told, _ = await cloud.get("/v2/images?limit=1", token, X_Scope="glance: Corte")
    assert status == 200
    assert len(told["images"]) == 1
    _, told, _ = await cloud.get("/v3", token, "identity")
    assert told["version"]["links"][0]["href"].startswith(cloud.front("identity"))
