"""The scope follows the workflow by request ids and tags: who called whom, as the services saw it."""

from __future__ import annotations

import json
import time

import pytest

from scopeproxy.emulator.place import TOKEN_LENGTH
from scopeproxy.errors import CallerError, Unauthorized
from scopeproxy.execution.carrying import REQUEST_ID, Carriers, Found
from scopeproxy.execution.ledger import Ledger
from scopeproxy.model.identity import Identity, Token
from scopeproxy.model.messages import Request
from scopeproxy.planning.carriers import CARRIERS, SEPARATOR, Tags, is_minted

SCOPE = "{nova: Paris, glance: Corte|Marseille}"
UNKNOWN = "req-5c09e000-0000-4000-8000-000000000000"


def images(records):
    return [
        (r.site, r.status)
        for r in records
        if r.service == "glance" and "schemas" not in r.path and "/file" not in r.path
    ]


def tagged(cloud, token, scope, site="Paris", expires=None):
    tags = cloud.apps[site].lasting.tags
    return tags.tag(Token(token), scope, "", site, expires or time.time() + 60).value


# ---- a workflow


async def test_what_a_service_calls_for_its_user_goes_where_the_scope_says(cloud):
    token = await cloud.token(SCOPE)
    mark = cloud.mark()
    made = await cloud.boot(SCOPE, token, cloud.image("Debian"))
    assert made.status == 202
    assert images(cloud.seen(mark)) == [("Corte", 404), ("Marseille", 200)]
    assert (await cloud.settle(made.json["server"]["id"], "Paris", token))["status"] == "ACTIVE"


async def test_a_service_is_given_a_minted_id_and_a_tagged_token_and_nothing_else_of_ours(cloud):
    token = await cloud.token(SCOPE)
    mark = cloud.mark()
    await cloud.boot(SCOPE, token, cloud.image("Debian"))
    nova = cloud.seen(mark, "nova")[0]
    assert is_minted(nova.request_id)
    assert nova.tagged
    assert not {name for name in nova.headers if name.startswith("x-scope")}


async def test_keystone_never_sees_a_tag_and_a_tag_never_crosses_sites(cloud):
    token = await cloud.token(SCOPE)
    mark = cloud.mark()
    made = await cloud.boot(SCOPE, token, cloud.image("Debian"))
    await cloud.settle(made.json["server"]["id"], "Paris", token)
    assert cloud.seen(mark, "keystone", "Paris")
    assert not [r for r in cloud.seen(mark) if r.tagged and (r.service == "keystone" or r.site != "Paris")]


async def test_calls_with_a_services_own_token_follow_by_the_request_id_alone(cloud):
    token = await cloud.token(SCOPE)
    made = await cloud.boot(SCOPE, token, cloud.image("Debian"))
    await cloud.settle(made.json["server"]["id"], "Paris", token)
    own = [r for r in cloud.emulated.recorder.calls(service="neutron", caller="nova-compute") if r.user == "nova"]
    told = [r for r in cloud.apps["Paris"].lasting.records.last() if r.service == "network" and r.method == "PUT"]
    assert own
    assert {(r.source, r.scope) for r in told} == {("request id", "{compute: Paris, image: Corte|Marseille}")}


async def test_the_records_tell_the_carriers_of_every_call_that_a_boot_causes(cloud):
    token = await cloud.token(SCOPE)
    made = await cloud.boot(SCOPE, token, cloud.image("Debian"))
    await cloud.settle(made.json["server"]["id"], "Paris", token)
    told = {(r.service, r.carriers, r.scope is None) for r in cloud.apps["Paris"].lasting.records.last(100)}
    assert told == {
        ("identity", ("header",), False),
        ("compute", ("header",), False),
        ("identity", ("subject tag",), True),
        ("image", ("request id", "tag"), False),
        ("network", ("request id", "tag"), False),
        ("network", ("request id",), False),
        ("placement", ("request id",), False),
    }
    counted = cloud.apps["Paris"].lasting.metrics.registry.get_sample_value
    assert counted("scopeproxy_carriers_total", {"service": "identity", "carrier": "subject tag"}) > 0
    assert counted("scopeproxy_carriers_total", {"service": "placement", "carrier": "request id"}) > 0


async def test_two_scopes_with_one_token_do_not_mix(cloud):
    token = await cloud.token("{nova: Paris, glance: Corte&Marseille}")
    mark = cloud.mark()
    for site, image in (("Corte", "OnlyCorte"), ("Marseille", "Debian"), ("Corte", "OnlyCorte")):
        assert (await cloud.boot(f"{{nova: Paris, glance: {site}}}", token, cloud.image(image))).status == 202
    assert images(cloud.seen(mark)) == [("Corte", 200), ("Marseille", 200), ("Corte", 200)]
    ids = [r.request_id for r in cloud.seen(mark, "nova")]
    assert len(set(ids)) == 3


async def test_a_client_that_reuses_its_request_id_gets_a_minted_one_for_each_call(cloud):
    token = await cloud.token("{nova: Paris, glance: Corte&Marseille}")
    mine = {REQUEST_ID: "req-11111111-2222-4333-8444-555555555555"}
    mark = cloud.mark()
    for site, image in (("Corte", "OnlyCorte"), ("Marseille", "Debian")):
        await cloud.boot(f"{{nova: Paris, glance: {site}}}", token, cloud.image(image), headers=mine)
    assert images(cloud.seen(mark)) == [("Corte", 200), ("Marseille", 200)]
    assert len({r.request_id for r in cloud.seen(mark, "nova")}) == 2
    boots = [r for r in cloud.apps["Paris"].lasting.records.last() if r.service == "compute"]
    assert {r.client_id for r in boots} == set(mine.values())


async def test_each_branch_of_an_and_has_an_id_of_its_own_at_its_site(cloud):
    scope = "{nova: Paris&Corte, glance: Corte}"
    token = await cloud.token(scope)
    mark = cloud.mark()
    await cloud.call("Paris", "compute", "GET", "/v2.1/servers", scope=scope, token=token)
    ids = {r.site: r.request_id for r in cloud.seen(mark, "nova")}
    assert set(ids) == {"Paris", "Corte"}
    assert len(set(ids.values())) == 2
    assert all(map(is_minted, ids.values()))


async def test_what_calls_nobody_further_is_left_as_it_is(cloud):
    token = await cloud.token(SCOPE)
    made = await cloud.boot(SCOPE, token, cloud.image("Debian"))
    await cloud.settle(made.json["server"]["id"], "Paris", token)
    nova = next(r for r in cloud.emulated.recorder.calls(service="nova", caller="client") if r.method == "POST")
    placement = cloud.emulated.recorder.calls(service="placement")
    assert {r.request_id for r in placement} == {nova.request_id}
    assert not any(r.tagged for r in placement)


# ---- what leaks is of no use


@pytest.fixture
async def leaked(cloud):
    """The minted id and the token of a call of alice's under a scope."""
    token = await cloud.token(SCOPE)
    mark = cloud.mark()
    await cloud.boot(SCOPE, token, cloud.image("Debian"))
    return cloud.seen(mark, "nova")[0].request_id, token


async def test_a_minted_id_survives_a_restart_of_the_proxy(cloud, leaked):
    id_, token = leaked
    await cloud.restart("Paris")
    mark = cloud.mark()
    shown = await cloud.call(
        "Paris", "image", "GET", f"/v2/images/{cloud.image('Debian')}", token=token, headers={REQUEST_ID: id_}
    )
    assert shown.status == 200
    assert images(cloud.seen(mark))[-1] == ("Marseille", 200)


async def test_a_minted_id_says_nothing_for_a_token_of_another_project(cloud, leaked):
    id_, _ = leaked
    cloud.emulated.site("Paris")._user("carol", (("admin", "member"),))
    carols = await cloud.token(user="carol", password="secret", project="admin")
    for token in (carols, tagged(cloud, carols, "{}")):
        mark = cloud.mark()
        await cloud.call("Paris", "image", "GET", "/v2/images/x", token=token, headers={REQUEST_ID: id_})
        assert images(cloud.seen(mark)) == [("Paris", 404)]


@pytest.mark.parametrize("tokens", [("login",), ("home",), ("login", "shared", "home")])
async def test_a_services_own_token_is_shown_to_no_other_site(cloud, tokens):
    """It is an admin's at its own site, and whoever sends a scope says which site the service will call."""
    await cloud.use(tokens=tokens)
    scope = "{nova: Corte, glance: Marseille}"
    token = await cloud.token(scope)
    mark = cloud.mark()
    await cloud.call("Paris", "compute", "GET", "/v2.1/servers", scope=scope, token=token)
    (nova,) = cloud.seen(mark, "nova", "Corte")
    own = await cloud.token(user="nova", password="secret", project="service", site="Corte")
    sent = sent_away(cloud, "Corte")
    answer = await cloud.call(
        "Corte", "image", "GET", "/v2/images", token=own, headers={REQUEST_ID: nova.request_id or ""}
    )
    assert own not in sent
    assert answer.status == 401
    assert "a service of Corte works for somebody else" in answer.json["error"]["message"]


def sent_away(cloud, site):
    """The tokens that the proxy of a site shows to others from now on."""
    delivery, sent = cloud.apps[site].house.journey._delivery, []
    to_peer = delivery._to_peer

    def watched(*args):
        outgoing = to_peer(*args)
        sent.append(dict(outgoing.headers).get("X-Auth-Token"))
        return outgoing

    delivery._to_peer = watched
    return sent


@pytest.mark.parametrize("id_", [UNKNOWN, UNKNOWN.upper(), "req-5c09e000", "ré", "x" * 5000, "req-5c09e000-\t;--"])
async def test_an_id_that_we_did_not_mint_has_no_effect(cloud, id_):
    token = await cloud.token()
    mark = cloud.mark()
    listed = await cloud.call("Paris", "image", "GET", "/v2/images", token=token, headers={REQUEST_ID: id_})
    assert listed.status == 200
    assert images(cloud.seen(mark)) == [("Paris", 200)]


async def test_a_scoped_call_passes_no_minted_id_that_stands_for_another_scope(cloud, leaked):
    id_, token = leaked
    for site in ("Paris", "Corte"):
        mark = cloud.mark()
        await cloud.call(
            "Paris", "image", "GET", "/v2/images", scope=f"{{glance: {site}}}", token=token, headers={REQUEST_ID: id_}
        )
        assert [r.site for r in cloud.seen(mark, "glance")] == [site]
        assert id_ not in {r.request_id for r in cloud.seen(mark, "glance")}


async def test_a_tag_alone_carries_the_scope(cloud):
    token = await cloud.token(SCOPE)
    mark = cloud.mark()
    given = tagged(cloud, token, "{image: Marseille}")
    assert (await cloud.call("Paris", "image", "GET", "/v2/images", token=given)).status == 200
    assert images(cloud.seen(mark)) == [("Marseille", 200)]


async def test_a_tag_is_of_no_use_with_another_token_at_another_site_or_later(cloud):
    token = await cloud.token(SCOPE)
    other = await cloud.token(SCOPE, user="bob", password="secret")
    tag = tagged(cloud, token, "{}").removeprefix(token)
    late = tagged(cloud, token, "{}", expires=time.time() - 1)
    at_corte = await cloud.token(site="Corte")
    mark = cloud.mark()
    tries = [("Paris", other + tag), ("Corte", token + tag), ("Corte", at_corte + tag), ("Paris", late)]
    for site, value in tries:
        for service, path in (("image", "/v2/images"), ("identity", "/v3/auth/projects")):
            refused = await cloud.call(site, service, "GET", path, token=value)
            assert refused.status == 401
            assert SEPARATOR.encode() not in refused.body
    assert cloud.seen(mark) == []


@pytest.mark.parametrize(
    "tag", ["~scope1.", "~scope1.a.b", "~scope1.a.b~scope1.a.b", f"~scope1.{'A' * 900}.{'B' * 43}", "~scope1.é.x"]
)
async def test_a_hostile_tag_is_a_clear_401(cloud, tag):
    token = await cloud.token()
    for name in ("X-Auth-Token", "X-Subject-Token"):
        refused = await cloud.call(
            "Paris", "identity", "GET", "/v3/auth/tokens", token=token, headers={name: token + tag}
        )
        assert refused.status == 401
        assert "tag" in refused.json["error"]["message"]
        assert "Keystone uri=" in refused.headers["www-authenticate"]


# ---- at keystone


async def test_tags_come_off_at_keystone_in_headers_and_body(cloud):
    token = await cloud.token(SCOPE)
    value = tagged(cloud, token, SCOPE)
    mark = cloud.mark()
    both = {"X-Subject-Token": value}
    shown = await cloud.call("Paris", "identity", "GET", "/v3/auth/tokens", token=value, headers=both)
    body = {"auth": {"identity": {"methods": ["token"], "token": {"id": value}}}}
    again = await cloud.call("Paris", "identity", "POST", "/v3/auth/tokens", body=body)
    plain = await cloud.call("Paris", "identity", "POST", "/v3/auth/tokens", data=json.dumps(body))
    scoped = await cloud.call("Paris", "identity", "POST", "/v3/auth/tokens", data=json.dumps(body), scope=SCOPE)
    assert (shown.status, again.status, plain.status, scoped.status) == (200, 201, 201, 201)
    assert not any(r.tagged for r in cloud.seen(mark))
    assert all(len(a.headers["x-subject-token"]) == TOKEN_LENGTH for a in (shown, again, plain, scoped))


async def test_no_answer_shows_a_tag(cloud, leaked):
    _, token = leaked
    value = tagged(cloud, token, SCOPE)
    for service, path in (("identity", "/v3/auth/tokens"), ("compute", "/v2.1/servers"), ("image", "/v2/images")):
        answer = await cloud.call("Paris", service, "GET", path, token=value, headers={"X-Subject-Token": value})
        assert answer.status == 200
        assert not any(SEPARATOR in text for text in (*answer.headers.values(), answer.body.decode()))


# ---- time, order and size, by a clock that is ours


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Keystone:
    """Every token speaks for the project that it is named after."""

    def __init__(self) -> None:
        self.roles = frozenset()

    async def identity(self, token, issuer):
        return None if token.value == "bad" else Identity("user", token.value, 2e9, self.roles)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def carriers(tmp_path, clock):
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db", b"k" * 32, clock)
    await ledger.open()
    yield Carriers("Paris", ledger, Tags(b"k" * 32, "Paris"), Keystone(), True, clock)
    await ledger.close()


def request(token=None, **headers):
    given = {"X-Auth-Token": token, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Request("image", "GET", "/v2/images", tuple((k, v) for k, v in given.items() if v is not None))


async def attached(carriers, scope="{image: Corte}", token="demo"):
    """The id and the tagged token of a call under a scope."""
    sent = await carriers.attach(request(token), scope, Found(request(token), entry="Paris"), Token(token))
    return sent.header(REQUEST_ID), sent.header("X-Auth-Token")


async def test_the_header_wins_then_the_request_id_then_the_tag(carriers):
    _, value = await attached(carriers, "{image: Corte}")
    id_, _ = await attached(carriers, "{image: Marseille}")
    by = [
        await carriers.find(request(value, X_OpenStack_Request_ID=id_, X_Scope="{image: Paris}"), False),
        await carriers.find(request(value, X_OpenStack_Request_ID=id_), False),
        await carriers.find(request(value), False),
        await carriers.find(request("demo"), False),
    ]
    assert [(f.source, f.scope) for f in by] == [
        ("header", "{image: Paris}"),
        ("request id", "{image: Marseille}"),
        ("tag", "{image: Corte}"),
        ("", None),
    ]
    assert {f.token for f in by} == {Token("demo")}
    assert {f.request.header("X-Auth-Token") for f in by} == {"demo"}


async def test_it_is_told_which_carriers_were_on_a_call_also_when_another_one_counts(carriers):
    id_, value = await attached(carriers)
    by = [
        await carriers.find(request(value, X_OpenStack_Request_ID=id_, X_Scope="{}", X_Subject_Token=value), False),
        await carriers.find(request(value, X_OpenStack_Request_ID=id_), False),
        await carriers.find(request("other", X_OpenStack_Request_ID=id_), False),
        await carriers.find(request("other", X_Subject_Token=value), False),
        await carriers.find(request("demo", X_OpenStack_Request_ID="req-1", X_Subject_Token="demo"), False),
    ]
    assert [(f.carriers, f.source) for f in by] == [
        (CARRIERS, "header"),
        (("request id", "tag"), "request id"),
        (("request id",), ""),
        (("subject tag",), ""),
        ((), ""),
    ]


@pytest.mark.parametrize("name", ["X-Scope", "X-Scope-Options", "X-Auth-Token"])
async def test_a_header_that_is_there_twice_is_refused(carriers, name):
    """Of two scopes or tokens the proxy went by the first, and a service by the second."""
    with pytest.raises(CallerError, match=f"{name} is there 2 times"):
        await carriers.find(Request("image", "GET", "/", ((name, "a"), (name.lower(), "b"))), False)


async def test_a_tag_in_a_second_header_of_the_name_comes_off_with_it(carriers):
    _, value = await attached(carriers)
    twice = Request("identity", "GET", "/", (("X-Subject-Token", "demo"), ("x-subject-token", value)))
    found = await carriers.find(twice, False)
    assert found.scope is None
    assert found.request.headers == (("X-Subject-Token", "demo"),)


async def test_an_id_expires_after_a_day_and_a_tag_after_two_at_most(carriers, clock):
    id_, value = await attached(carriers)
    clock.now += 24 * 3600 - 1
    assert (await carriers.find(request("demo", X_OpenStack_Request_ID=id_), False)).source == "request id"
    clock.now += 2
    assert (await carriers.find(request("demo", X_OpenStack_Request_ID=id_), False)).scope is None
    clock.now += 24 * 3600
    with pytest.raises(Unauthorized, match="expired"):
        await carriers.find(request(value), False)


async def test_a_token_under_one_scope_keeps_its_tag_for_a_day(carriers):
    (one, first), (other, second) = await attached(carriers), await attached(carriers)
    assert first == second
    assert one != other


async def test_a_scope_too_long_for_a_tag_travels_by_its_digest(carriers, clock):
    scope = "{image: " + "|".join(f"Site{n}" for n in range(300)) + "}"
    _, value = await attached(carriers, scope)
    assert len(value) < 1024
    assert (await carriers.find(request(value), False)).scope == scope


@pytest.mark.parametrize(
    ("token", "roles", "scope"),
    [
        ("demo", (), "{image: Corte}"),
        ("other", (), None),
        ("service", ("service",), "{image: Corte}"),
        ("service", ("admin",), "{image: Corte}"),
        ("bad", ("admin",), None),
        (None, (), "{image: Corte}"),
    ],
)
async def test_an_id_speaks_for_its_project_and_for_the_services(carriers, token, roles, scope):
    id_, _ = await attached(carriers)
    carriers._validator.roles = frozenset(roles)
    assert (await carriers.find(request(token, X_OpenStack_Request_ID=id_), False)).scope == scope


async def test_an_id_made_for_a_token_that_nobody_vouched_for_speaks_for_no_user(carriers):
    id_, _ = await attached(carriers, token="bad")
    assert (await carriers.find(request("demo", X_OpenStack_Request_ID=id_), False)).scope is None


@pytest.mark.parametrize("hops", ["²", "-1", "1e9", "9" * 5000, "", "x"])
async def test_hops_that_make_no_sense_count_for_none(carriers, hops):
    found = await carriers.find(request("demo", X_Scope="{}", X_Scope_Hops=hops), True)
    assert found.hops == 0


async def test_what_proxies_say_to_one_another_is_believed_from_proxies_alone(carriers):
    said = request("demo", X_Scope="{}", X_Scope_Hops="7", X_Scope_Entry="Corte", X_Scope_Home="Corte")
    theirs, clients = await carriers.find(said, True), await carriers.find(said, False)
    assert (theirs.hops, theirs.entry, theirs.home) == (7, "Corte", "Corte")
    assert (clients.hops, clients.entry, clients.home) == (0, "Paris", "")
