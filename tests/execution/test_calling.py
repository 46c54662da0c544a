"""One call of a plan: with a token that its site accepts, and the answer as from the entry."""

from __future__ import annotations

import json

import pytest

from scopeproxy.emulator.cloud import EmulatedCloud
from scopeproxy.execution.calling import _addressed
from scopeproxy.execution.tokens.broker import Grant
from scopeproxy.model.identity import Token
from scopeproxy.model.messages import Held, Request
from scopeproxy.planning.carriers import is_minted
from scopeproxy.planning.intent import classify
from tests.execution.conftest import SITES, running

SCOPE = "{glance: Corte}"


async def test_a_version_document_of_another_site_names_this_sites_front_and_is_kept(cloud):
    mark = cloud.mark()
    front = cloud.emulated.site("Paris").fronts["image"]
    for _ in range(3):
        answer = await cloud.call("Paris", "image", "GET", "/", scope=SCOPE)
        assert front in answer.body.decode()
    assert len(cloud.seen(mark)) == 1


async def test_a_location_names_this_sites_front(cloud):
    token = await cloud.token(SCOPE)
    body = {"name": "x", "disk_format": "raw", "container_format": "bare"}
    made = await cloud.call("Paris", "image", "POST", "/v2/images", scope=SCOPE, token=token, body=body)
    assert made.status == 201
    assert made.headers["location"].startswith(cloud.emulated.site("Paris").fronts["image"])


@pytest.fixture
async def by_paths(tmp_path, heard):
    """Corte's services are paths of one front; the other sites' have a front each."""
    async with running(EmulatedCloud(SITES, tmp_path, paths={"Corte"}), heard) as cloud:
        yield cloud


@pytest.mark.parametrize(("entry", "site"), [("Paris", "Corte"), ("Corte", "Paris")])
@pytest.mark.parametrize(("service", "path"), [("compute", "/v2.1/flavors"), ("network", "/v2.0/networks")])
async def test_links_of_fronts_with_other_paths_lead_back_to_this_sites(by_paths, entry, site, service, path):
    scope = f"{{{service}: {site}}}"
    token = await by_paths.token(scope, entry)
    if service == "network":
        for name in ("one", "two"):
            body = {"network": {"name": name}}
            await by_paths.call(entry, service, "POST", path, scope=scope, token=token, body=body)
    page = await by_paths.call(entry, service, "GET", f"{path}?limit=1", scope=scope, token=token)
    link = page.json[f"{path.rpartition('/')[2]}_links"][0]["href"]
    front = by_paths.emulated.site(entry).fronts[service]
    assert link.startswith(f"{front}{path}?")
    following = await by_paths.call(entry, service, "GET", link.removeprefix(front), scope=scope, token=token)
    assert (following.status, following.sites) == (200, {site: "200"})


async def test_what_is_no_answer_of_a_service_stays_as_it_is(by_paths):
    """An image's data may look like a document with links."""
    scope = "{glance: Corte}"
    token = await by_paths.token(scope)
    front = by_paths.emulated.site("Corte").fronts["image"]
    data = json.dumps({"href": f"{front}/v2/images"}).encode()
    body = {"name": "x", "disk_format": "raw", "container_format": "bare"}
    made = await by_paths.call("Paris", "image", "POST", "/v2/images", scope=scope, token=token, body=body)
    file = f"/v2/images/{made.json['id']}/file"
    kind = {"Content-Type": "application/octet-stream"}
    await by_paths.call("Paris", "image", "PUT", file, scope=scope, token=token, data=data, headers=kind)
    got = await by_paths.call("Paris", "image", "GET", file, scope=scope, token=token)
    assert (got.status, got.body) == (200, data)


async def test_a_minted_id_never_crosses_sites(cloud):
    token = await cloud.token("{nova: Paris, glance: Corte}")
    mark = cloud.mark()
    await cloud.boot("{nova: Paris, glance: Corte}", token, cloud.image("OnlyCorte"))
    ours = {r.request_id for r in cloud.seen(mark, site="Paris") if r.request_id and is_minted(r.request_id)}
    theirs = {r.request_id for r in cloud.seen(mark, site="Corte") if r.request_id}
    assert ours
    assert not ours & theirs


async def test_a_call_to_another_site_needs_a_token_and_says_so(cloud):
    answer = await cloud.call("Paris", "image", "GET", "/v2/images", scope=SCOPE)
    assert answer.status == 401
    assert "needs a token" in answer.json["error"]["message"]
    assert cloud.seen(0) == []


@pytest.mark.parametrize(
    ("service", "method", "path", "body"),
    [
        ("image", "POST", "/v2/images", b'{"owner": "theirs"}'),
        ("image", "PUT", "/v2/images/1/file", b'{"owner": "ours"}'),
        ("object-store", "PUT", "/v1/AUTH_1/c/o.json", b'{"owner": "ours"}'),
        ("object-store", "POST", "/v1/AUTH_1/c/o.json", b'{"owner": "ours"}'),
    ],
)
def test_the_users_own_data_are_never_changed(service, method, path, body):
    """A JSON file that held the user's own project id was another one after its upload."""
    request = Request(service, method, path, (), Held(b'{"owner": "ours"}'))
    sent = _addressed(request, Grant(Token("t"), {"ours": "theirs"}), classify(request))
    assert sent.body.data == body
