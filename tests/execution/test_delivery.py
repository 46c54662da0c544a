"""What services and other sites' proxies are sent; and the peers that prove nothing."""

from __future__ import annotations

import contextlib
import secrets
import time
from dataclasses import replace

import pytest

from scopeproxy.execution.delivery import Travel
from scopeproxy.model.messages import Request, Unreached
from scopeproxy.model.topology import Timeouts
from scopeproxy.planning.peer_head import hop_of
from scopeproxy.planning.signing import SIGNATURE, sign

SCOPE = "{glance: Corte}"


async def test_another_site_is_sent_what_it_may_have(cloud):
    token = await cloud.token(SCOPE)
    mark = cloud.mark()
    headers = {"X-Service-Token": "service's", "X-Custom": "kept", "X-Scope-Home": "forged", "Forwarded": "for=me"}
    answer = await cloud.call("Paris", "image", "GET", "/v2/images?x=%2F", scope=SCOPE, token=token, headers=headers)
    (asked,) = cloud.seen(mark, "glance")
    assert answer.status == 200
    assert asked.target == "/v2/images?x=%2F"
    assert {"via", "x-custom", "x-forwarded-host"} <= asked.headers
    assert not asked.headers & {"x-service-token", "forwarded", *(f"x-scope{n}" for n in ("", "-home", "-signature"))}


CREDENTIALS = ("Authorization", "Cookie", "X-Storage-Token", "X-Auth-Key", "X-Subject-Token", "X-Service-Token")


async def test_where_there_is_a_keystone_no_credential_goes_to_another_site_but_its_own_token(cloud):
    token = await cloud.token(SCOPE)
    mark = cloud.mark()
    headers = dict.fromkeys(CREDENTIALS, "secret")
    for scope in (SCOPE, None):
        await cloud.call("Paris", "image", "GET", "/v2/images", scope=scope, token=token, headers=headers)
    there, here = cloud.seen(mark, "glance")
    names = {name.lower() for name in CREDENTIALS}
    assert (there.site, there.headers & names) == ("Corte", set())
    assert (here.site, here.headers & names) == ("Paris", names)


async def test_links_are_those_of_the_front_that_the_client_called(cloud):
    token = await cloud.token("{neutron: Corte}")
    front = cloud.emulated.site("Paris").fronts["network"]
    shown = await cloud.call("Paris", "network", "GET", "/", scope="{neutron: Corte}")
    assert front in shown.body.decode()
    listed = await cloud.call(
        "Paris", "network", "GET", "/v2.0/networks?limit=1", scope="{neutron: Corte}", token=token
    )
    assert cloud.emulated.site("Corte").fronts["network"] not in listed.body.decode()


@pytest.mark.parametrize("scope", [SCOPE, "{glance: Corte|Marseille}"])
async def test_a_peers_service_that_is_down_was_never_sent_to(cloud, scope):
    token = await cloud.token("{glance: Corte&Marseille}")
    await cloud.emulated.site("Corte").misbehave("image", "refuse")
    answer = await cloud.call("Paris", "image", "GET", "/v2/images", scope=scope, token=token)
    assert answer.sites["Corte"] == "unreached"
    assert answer.status == (502 if scope == SCOPE else 200)


async def test_a_write_moves_on_when_the_peers_service_was_never_reached(cloud):
    token = await cloud.token("{glance: Corte&Marseille}")
    await cloud.emulated.site("Corte").misbehave("image", "refuse")
    body = {"name": "new", "disk_format": "raw", "container_format": "bare"}
    scope = "{glance: Corte|Marseille}"
    made = await cloud.call("Paris", "image", "POST", "/v2/images", scope=scope, token=token, body=body)
    assert (made.status, made.sites) == (201, {"Corte": "unreached", "Marseille": "201"})


async def test_a_write_that_may_have_happened_there_stops(cloud):
    token = await cloud.token("{glance: Corte&Marseille}")
    await cloud.emulated.site("Corte").misbehave("image", "garbage")
    scope = "{glance: Corte|Marseille}"
    mark = cloud.mark()
    made = await cloud.call("Paris", "image", "POST", "/v2/images", scope=scope, token=token, body={"name": "new"})
    assert made.status == 504
    assert cloud.seen(mark, "glance", "Marseille") == []


async def test_a_link_that_drops_everything_is_found_out_long_before_the_time_for_an_answer_is_up(cloud):
    """With the default time-outs a list over two sites hung for a minute when a link went dead under a connection."""
    await cloud.use(timeouts=Timeouts(connect=0.2, answer=3600, total=3600))
    token = await cloud.token(scope="{glance: Paris&Corte}")
    assert (await cloud.call("Paris", "image", "GET", "/v2/images", scope="{glance: Corte}", token=token)).status == 200
    cloud.emulated.links.cut("Paris", "Corte", how="drop")
    both = await cloud.call("Paris", "image", "GET", "/v2/images", scope="{glance: Paris&Corte}", token=token)
    assert (both.status, both.sites) == (200, {"Paris": "200", "Corte": "unreached"})
    assert cloud.apps["Paris"].house.health.believed_down("Corte")


async def test_a_site_that_is_only_slow_is_waited_for(cloud):
    await cloud.use(timeouts=Timeouts(connect=0.5, answer=60, total=60))
    token = await cloud.token(scope="{glance: Corte}")
    cloud.emulated.links.delay("Paris", "Corte", 1.2)
    there = await cloud.call("Paris", "image", "GET", "/v2/images", scope="{glance: Corte}", token=token)
    assert there.status == 200


async def test_a_caller_who_gives_a_call_no_time_says_nothing_of_the_site(cloud):
    """A timeout of a millisecond made everybody's proxy believe that the site was down."""
    token = await cloud.token(SCOPE)
    headers = {"X-Scope-Options": "timeout=0.000001ms"}
    answer = await cloud.call("Paris", "image", "GET", "/v2/images", scope=SCOPE, token=token, headers=headers)
    assert answer.status in (400, 502, 504)
    assert not cloud.apps["Paris"].house.health.believed_down("Corte")


async def test_a_site_without_the_service_is_unreached(cloud):
    delivery = cloud.apps["Paris"].house.journey._delivery
    outcome = await delivery.deliver("Corte", Request("dns", "GET", "/"), Travel("h", "127.0.0.1"))
    assert outcome == Unreached("Corte", False, "it has no dns service")


# ---- round trips between sites


@contextlib.contextmanager
def between_sites(cloud):
    """The calls that proxies make to one another meanwhile, and the connections that they open for any call."""
    calls, opened = [], []
    with contextlib.ExitStack() as stack:
        for site, app in cloud.apps.items():
            forwarder = app.house.journey._delivery._forwarder
            stack.enter_context(_told(forwarder, "send", lambda call, site=site: calls.append((site, call))))
            stack.enter_context(_told(app.house.pool, "_made", lambda *_: opened.append(1)))
        yield (
            (
                lambda: [
                    f"{site} > {call.site} {call.method} {call.target}"
                    for site, call in calls
                    if call.site != site and not call.target.endswith("/peer/health")
                ]
            ),
            opened,
        )


@contextlib.contextmanager
def _told(thing, name, tell):
    real = getattr(thing, name)

    async def told(*args):
        tell(*args)
        return await real(*args)

    setattr(thing, name, told)
    yield
    setattr(thing, name, real)


@pytest.mark.parametrize("path", ["/v2/images", "/v2/images/{id}", "/v2/images/{id}/file"])
async def test_a_call_to_another_site_is_one_round_trip_as_a_direct_one_is(cloud, path):
    token = await cloud.token("{glance: Corte}")
    target = path.format(id=cloud.image("OnlyCorte"))
    for _ in range(2):
        with between_sites(cloud) as (calls, opened):
            answer = await cloud.call("Paris", "image", "GET", target, scope="{glance: Corte}", token=token)
        assert answer.status == 200
        assert calls() == [f"Paris > Corte GET {target}"]
    # By now all connections are there.
    assert opened == []


async def test_a_list_of_all_sites_is_one_round_trip_to_each(cloud):
    token = await cloud.token("{glance: Paris&Corte&Marseille}")
    for _ in range(2):
        with between_sites(cloud) as (calls, opened):
            listed = await cloud.call(
                "Paris", "image", "GET", "/v2/images", scope="{glance: Paris&Corte&Marseille}", token=token
            )
        assert listed.status == 200
        assert sorted(calls()) == ["Paris > Corte GET /v2/images", "Paris > Marseille GET /v2/images"]
    assert opened == []


async def test_a_boot_from_another_sites_image_asks_no_more_there_than_nova_asks_of_glance(cloud):
    scope = "{nova: Paris, glance: Corte}"
    token = await cloud.token(scope)
    mark = cloud.mark()
    with between_sites(cloud) as (calls, _):
        made = await cloud.boot(scope, token, cloud.image("OnlyCorte"))
        assert made.status == 202
        await cloud.settle(made.json["server"]["id"], "Paris", token)
        there = cloud.seen(mark, "glance", "Corte")
    assert len(there) > 1
    assert calls() == [f"Paris > Corte {asked.method} {asked.target}" for asked in there]


# ---- peers that prove nothing


def signed(cloud, sender="Paris", to="Corte", key=None, now=None, target="/v2/images", **changed):
    """The headers of a call as a proxy would sign it; `changed`: what is put in afterwards."""
    house = cloud.apps["Paris"].house
    headers = {"X-Scope": "{image: Corte}", "X-Scope-Hops": "1", "X-Scope-Entry": sender, "X-Forwarded-Host": "h"}
    hop = hop_of(tuple(headers.items()), to, "image")
    key = key or house.journey._delivery._peer_key(to)
    value = sign(key, "GET", target, replace(hop, site=sender), now or time.time(), secrets.token_hex(16))
    return {**headers, SIGNATURE: value, **{name.replace("_", "-"): text for name, text in changed.items()}}


async def get(cloud, headers, site="Corte", path="/v2/images"):
    return await cloud.call(site, "image", "GET", path, headers=headers)


async def test_a_call_that_is_signed_right_is_a_peers(cloud):
    answer = await get(cloud, signed(cloud))
    assert answer.status == 401
    assert cloud.seen(0, "glance", "Corte")


async def test_a_replayed_call_is_refused(cloud):
    headers = signed(cloud)
    await get(cloud, headers)
    mark = cloud.mark()
    answer = await get(cloud, headers)
    assert answer.status == 403
    assert "replayed" in answer.json["error"]["message"]
    assert cloud.seen(mark) == []


@pytest.mark.parametrize(
    "forged",
    [
        {"key": b"x" * 32},
        {"now": 190.0},
        {"now": -190.0},
        {"sender": "Ajaccio"},
        {"sender": "Corte"},
        {"to": "Marseille"},
        {"X_Scope": "{image: Marseille}"},
        {"X_Scope_Hops": "0"},
        {"X_Scope_Entry": "Marseille"},
        {"X_Scope_Home": "Marseille"},
        {"X_Scope_Options": "strict"},
        {"X_Forwarded_Host": "elsewhere"},
        {"X_Auth_Token": "another"},
        {"target": "/v2/images?limit=1"},
        {"X_Scope_Signature": "v1 site=Paris"},
        {"X_Scope_Signature": ""},
    ],
    ids=lambda forged: str(forged)[:40],
)
async def test_a_call_that_proves_nothing_is_refused_and_goes_nowhere(cloud, forged):
    if "now" in forged:
        forged = {"now": time.time() + forged["now"]}
    answer = await get(cloud, signed(cloud, **forged))
    assert answer.status == 403
    assert cloud.seen(0) == []


async def test_a_site_that_is_not_trusted_is_refused(cloud):
    await cloud.use("Corte", trust=("Marseille",))
    answer = await get(cloud, signed(cloud))
    assert answer.status == 403
    assert "trust" in answer.json["error"]["message"]
    assert cloud.seen(0) == []
