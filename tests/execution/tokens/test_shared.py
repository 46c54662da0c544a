"""Two sites with the same keys and ids: a token of one is good at the other, while the one that issued it says so."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

SCOPE = "{glance: Corte}"


async def images(cloud, token, scope=SCOPE):
    return await cloud.call("Paris", "image", "GET", "/v2/images", scope=scope, token=token)


async def test_the_token_is_shown_as_it_is_and_names_no_home(sharing):
    token = await sharing.token(SCOPE)
    mark = sharing.mark()
    assert (await images(sharing, token)).status == 200
    (asked,) = sharing.seen(mark, "glance")
    assert (asked.site, asked.user, asked.tagged) == ("Corte", "alice", False)
    assert {r.site for r in sharing.seen(mark, "keystone") if r.caller == "glance"} == {"Corte"}


async def test_private_things_are_the_same_projects(sharing):
    site = sharing.emulated.site("Corte")
    private = site.seed_image("Private", visibility="private", owner=site.project("demo"))["id"]
    scope = "{nova: Paris, glance: Corte}"
    token = await sharing.token(scope)
    made = await sharing.boot(scope, token, private)
    assert made.status == 202, made
    assert (await sharing.settle(made.json["server"]["id"], "Paris", token))["status"] == "ACTIVE"


async def test_keystone_is_served_too(sharing):
    token = await sharing.token(user="admin", password="secret", project="admin")
    shown = await sharing.call("Paris", "identity", "GET", "/v3/users", scope="{keystone: Corte}", token=token)
    assert shown.status == 200
    assert shown.sites == {"Corte": "200"}


async def test_a_revocation_is_known_at_the_issuer_alone_and_counts_everywhere(sharing):
    token = await sharing.token(SCOPE)
    sharing.emulated.site("Paris").keystone.issued.revoke(token)
    assert sharing.emulated.site("Corte").keystone.issued.find(token) is not None
    await sharing.use(validated_within=0.0)
    mark = sharing.mark()
    assert (await images(sharing, token)).status == 401
    assert sharing.seen(mark, "glance") == []


async def test_sites_that_do_not_share_are_refused_with_what_would_do(sharing):
    answer = await images(sharing, await sharing.token(), "{glance: Marseille}")
    assert answer.status == 401
    said = answer.json["error"]["message"]
    assert "shared (Paris and Marseille do not share identity)" in said
    assert "login would do" in said


async def test_a_token_goes_on_to_where_its_issuer_sends_tokens_alone(sharing):
    """Asked at Marseille, with a token of Paris."""
    scope = "{keystone: Paris, glance: Corte}"
    token = (await sharing.log_in(site="Marseille", scope=scope)).token
    listed = partial(sharing.call, "Marseille", "image", "GET", "/v2/images", scope=scope, token=token)
    assert (await listed()).status == 200
    credentials = sharing.topology.sites["Paris"].proxy.credentials
    await sharing.use("Paris", credentials=replace(credentials, token_to=("Marseille",)))
    mark = sharing.mark()
    refused = await listed()
    assert refused.status == 401
    assert "Paris sends no token to Corte" in refused.json["error"]["message"]
    assert sharing.seen(mark, site="Corte") == []


@pytest.mark.parametrize(
    ("scope", "site", "kept"), [(SCOPE, "Corte", True), ("{glance: Marseille}", "Marseille", False)]
)
async def test_a_services_own_token_goes_along_where_it_is_good(sharing, scope, site, kept):
    await sharing.use(tokens=("shared", "login"))
    token = await sharing.token(scope)
    made = await sharing.boot(
        f"{{nova: Paris, glance: {site}}}", token, sharing.image("OnlyCorte" if kept else "Debian")
    )
    assert made.status == 202, made
    asked = [r for r in sharing.emulated.recorder.since(0) if r.service == "glance" and r.caller.startswith("nova")]
    assert asked
    assert {"x-service-token" in r.headers for r in asked} == {kept}


async def test_novas_own_token_reaches_the_network_of_the_other_site(sharing):
    """`shares: {network: …}` lifts the bad collaboration, and nova calls that neutron with its admin token."""
    paris = sharing.topology.sites["Paris"]
    shares = {**paris.shares, "network": frozenset({"Corte"})}
    await sharing.serve(
        replace(sharing.topology, sites={**sharing.topology.sites, "Paris": replace(paris, shares=shares)})
    )
    scope = "{nova: Paris, neutron: Corte}"
    token = await sharing.token(scope)
    mark = sharing.mark()
    made = await sharing.boot(scope, token, sharing.image("OnlyParis"))
    assert made.status == 202, made
    assert (await sharing.settle(made.json["server"]["id"], "Paris", token))["status"] == "ACTIVE"
    asked = sharing.seen(mark, "neutron")
    assert {r.site for r in asked if r.method in ("POST", "PUT")} == {"Corte"}
    assert {"alice", "nova"} <= {r.user for r in asked}
