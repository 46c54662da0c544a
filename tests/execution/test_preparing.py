"""Scoped calls before they are planned: their bodies, how they came, and whose they are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scopeproxy.execution.carrying import Found
from scopeproxy.execution.preparing import own_ids, owner
from scopeproxy.execution.telling import Arrival
from scopeproxy.model.identity import Identity
from scopeproxy.model.messages import Request


@pytest.mark.parametrize(
    ("scope", "status"), [("{nova: Corte}", 201), ("{glance: Corte}", 413), ("{glance: Paris&Corte}", 413)]
)
async def test_a_body_is_looked_into_only_where_the_scope_binds_the_service(cloud, scope, status):
    token = await cloud.token("*: Paris&Corte")
    limits = replace(cloud.topology.sites["Paris"].proxy.limits, buffered_body=10)
    await cloud.use("Paris", limits=limits)
    answer = await cloud.call(
        "Paris", "image", "POST", "/v2/images", scope=scope, token=token, body={"name": "a longer name"}
    )
    assert answer.status == status


@pytest.mark.parametrize(
    ("peer", "told", "scheme"),
    [("Corte", "https", "https"), ("Corte", "ftp", "http"), ("Corte", None, "http"), (None, "https", "http")],
)
async def test_a_peer_tells_how_its_client_came(cloud, peer, told, scheme):
    """Behind a front that is https, links of a site whose fronts are http began with http."""
    headers = (("Host", "h"), *((("X-Forwarded-Proto", told),) if told else ()))
    request = Request("image", "GET", "/", headers)
    preparing = cloud.apps["Paris"].house.journey._preparing
    assert preparing.travel(Arrival(request, "127.0.0.1", "http", peer), Found(request)).scheme == scheme


@pytest.mark.parametrize(
    ("caller", "whose", "ids"),
    [
        (Identity("u", "p", 0), "p", {"u", "p"}),
        (Identity("u", None, 0), "u", {"u"}),
        (None, "", set()),
    ],
)
def test_things_are_a_projects_or_else_its_users(caller, whose, ids):
    assert owner(caller) == whose
    assert own_ids(caller) == ids
