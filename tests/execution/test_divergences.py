"""Replicas that were changed at one site alone are told with what several sites answer, and the answer stays."""

from __future__ import annotations

import pytest

from scopeproxy.execution.divergences import Divergences, referred_to
from scopeproxy.execution.ledger import Ledger
from scopeproxy.execution.replicas import Replicas
from scopeproxy.execution.runner import Result
from scopeproxy.lang.parser import parse
from scopeproxy.model.messages import Request, json_reply
from scopeproxy.planning.divergence import Divergence
from scopeproxy.planning.intent import classify
from scopeproxy.planning.plan import Work

BOTH = "{glance: Paris&Corte}"
_PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}


async def test_an_image_that_was_renamed_at_one_site_is_told(cloud):
    token = await cloud.token(BOTH)

    async def ask(method, path, scope=BOTH, **more):
        return await cloud.call("Paris", "image", method, path, scope=scope, token=token, **more)

    made = await ask("POST", "/v2/images", body={"name": "twin", "disk_format": "raw", "container_format": "bare"})
    ids = dict(pair.split("=") for pair in made.headers["x-scope-replicas"].split(", "))
    show, list_ = f"/v2/images/{ids['Corte']}", "/v2/images?name=twin"
    for path in (show, "/v2/images"):
        assert (await ask("GET", path)).sites == {"Paris": "200", "Corte": "200"}
    alone = await ask("PATCH", show, "{glance: Corte}", headers=_PATCH, data=b'[{"op":"add","path":"/of","value":"1"}]')
    assert alone.status == 200
    for path in (show, list_, "/v2/images?name=twin&limit=1"):
        answer = await ask("GET", path)
        assert answer.sites == {"Paris": "200", "Corte": "200 (differs: of)"}, path
        assert b"differs" not in answer.body
    assert (await ask("GET", show, "{glance: Corte}")).sites == {"Corte": "200"}
    app = cloud.apps["Paris"]
    (told,) = [one for one in app.lasting.records.last() if one.differs and one.intent == "show"]
    assert told.differs == {"Corte": ("of",)}
    labels = {"site": "Corte", "service": "image"}
    assert app.lasting.metrics.registry.get_sample_value("scopeproxy_divergences_total", labels) == 3


@pytest.fixture
async def replicas(tmp_path):
    ledger = Ledger(f"sqlite:///{tmp_path}/paris.db", b"k")
    await ledger.open()
    yield Replicas(ledger)
    await ledger.close()


def shown(**ids):
    """Work and result of a subnet that was asked for at two sites, with the network that each tells."""
    request = Request("network", "GET", "/v2.0/subnets/s-p")
    own = {"Paris": "s-p", "Corte": "s-c"}
    work = Work(request, classify(request), parse("{neutron: Paris&Corte}"), "Paris", replicas=own)
    answers = [json_reply(site, 200, {"subnet": {"id": own[site], "network_id": id_}}) for site, id_ in ids.items()]
    return work, Result(answers[0], None, tuple(answers))


ONE, OTHER, STRANGER = (f"{n}0000000-0000-4000-8000-000000000000" for n in (1, 2, 3))


async def test_what_replicas_refer_to_may_be_replicas_itself(replicas):
    await replicas.learn("network", "networks", {"Paris": ONE, "Corte": OTHER})
    divergences = Divergences(replicas)
    assert await divergences.among(*shown(Paris=ONE, Corte=OTHER)) == {}
    assert await divergences.among(*shown(Paris=ONE, Corte=STRANGER)) == {"Corte": Divergence(("network_id",))}


async def test_what_cannot_be_compared_is_not_told(tmp_path, heard):
    class Lost(Ledger):
        async def read(self, work):
            from scopeproxy.errors import SiteFailure

            raise SiteFailure("the ledger is away")

    divergences = Divergences(Replicas(Lost(f"sqlite:///{tmp_path}/x.db", b"k")))
    assert await divergences.among(*shown(Paris=ONE, Corte=STRANGER)) == {}
    assert any("the ledger is away" in line for line in heard.lines)


def test_the_services_that_may_be_referred_to():
    assert set(referred_to("network")) >= {"network", "compute", "identity"}
    assert "image" in referred_to("orchestration")
    assert referred_to("docs") == ("docs",)
