"""What answers of sites tell, and what is to be done."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scopeproxy.edges.findings import (
    Answer,
    Finding,
    catalog_findings,
    challenge_finding,
    front_finding,
    leads_to,
    untagged_finding,
    validation_finding,
)
from scopeproxy.edges.schema import Place, Reading
from scopeproxy.edges.values import url
from scopeproxy.lang.vocabulary import OPENSTACK
from scopeproxy.model.messages import Headers
from scopeproxy.model.topology import Endpoint, Site

PLACE = Place(Reading())
KEYSTONE, GLANCE = "http://paris/identity", "http://paris/image"
SITE = Site("Paris", "Paris", {"identity": Endpoint(url(PLACE, KEYSTONE)), "image": Endpoint(url(PLACE, GLANCE))})

OURS: Headers = (("Via", "1.1 Paris (scopeproxy)"),)
SCOPED: Headers = (("X-Scope-Sites", "Paris=200"),)


@pytest.mark.parametrize(
    ("answer", "good", "told"),
    [
        (Answer(300, headers=OURS), True, "http://paris/image answers 300, by its proxy"),
        (
            Answer(300),
            False,
            "http://paris/image answers 300, but no proxy does: `scopeproxy serve --site 'Paris'` must listen there, "
            "and the service at its back",
        ),
        (
            Answer(200, headers=(("via", "1.1 varnish, 1.1 Corte (scopeproxy)"),)),
            False,
            "http://paris/image answers 200, but by the proxy of Corte",
        ),
        (
            Answer(502, headers=OURS),
            False,
            "http://paris/image answers 502; does the service listen at its back?",
        ),
        (
            Answer(None, "refused"),
            False,
            "http://paris/image does not answer: refused; is `scopeproxy serve --site 'Paris'` running there?",
        ),
    ],
)
def test_a_front_is_served_by_its_sites_proxy(answer: Answer, good: bool, told: str) -> None:
    assert front_finding(SITE, "image", SITE.services["image"], answer) == Finding("Paris", "image", good, told)


@pytest.mark.parametrize(
    ("answer", "good"),
    [
        (Answer(401, headers=(("WWW-Authenticate", 'Keystone uri="http://paris/identity/v3"'),)), True),
        (Answer(401, headers=(("www-authenticate", "Keystone uri='http://paris:15000'"),)), False),
        (Answer(401), None),
        (Answer(200), None),
        (Answer(None, "refused"), None),
    ],
)
def test_a_401_names_the_front_of_keystone(answer: Answer, good: bool | None) -> None:
    assert challenge_finding(SITE, "image", answer).good is good


@pytest.mark.parametrize(
    ("plain", "scoped", "good", "told"),
    [
        (Answer(200), Answer(200, headers=SCOPED), True, f"it validates tokens at {KEYSTONE}"),
        # Not allowed to look, or no such page: it has validated the token all the same.
        (Answer(403), Answer(403, headers=SCOPED), True, f"it validates tokens at {KEYSTONE}"),
        (Answer(404), Answer(404, headers=SCOPED), True, f"it validates tokens at {KEYSTONE}"),
        (
            Answer(200),
            Answer(401, headers=SCOPED),
            False,
            f"it accepts no token that carries a scope: it validates elsewhere than at {KEYSTONE}; "
            "set auth_url in [keystone_authtoken] to the front",
        ),
        (
            Answer(401),
            Answer(401, headers=SCOPED),
            False,
            f"it does not accept a token of {KEYSTONE}; auth_url in [keystone_authtoken] leads to another keystone",
        ),
        (Answer(503), Answer(200, headers=SCOPED), None, "where it validates tokens: it answers 503 to a token"),
        (Answer(None, "reset"), Answer(200), None, "where it validates tokens: it answers reset to a token"),
        (Answer(200), Answer(200), None, "where it validates tokens: the scope was not taken up (200)"),
        (Answer(200), Answer(401), None, "where it validates tokens: the scope was not taken up (401)"),
        (Answer(200), Answer(502, headers=SCOPED), None, "where it validates tokens: it answers 502 under a scope"),
    ],
)
def test_a_token_with_a_scope_shows_where_tokens_are_validated(
    plain: Answer, scoped: Answer, good: bool | None, told: str
) -> None:
    assert validation_finding(SITE, "image", plain, scoped) == Finding("Paris", "image", good, told)


def test_a_service_that_is_sent_no_scope_shows_nothing() -> None:
    assert untagged_finding(SITE, "placement").good is None


def test_no_token_is_shown() -> None:
    assert "gAAAA" not in repr(Answer(201, "gAAAA", (("X-Subject-Token", "gAAAA"),)))


def entry(service: str, target: str) -> dict[str, Any]:
    return {"type": service, "endpoints": [{"interface": "public", "region_id": "Paris", "url": target}]}


def catalog(text: str) -> list[tuple[bool | None, str]]:
    return [(finding.good, finding.told) for finding in catalog_findings(SITE, text, OPENSTACK)]


def test_a_catalog_that_names_other_places_is_told() -> None:
    wrong = [entry("image", "http://paris:19292"), entry("image", GLANCE)]
    assert catalog(json.dumps({"token": {"catalog": wrong}})) == [
        (False, f"the catalog names none in region Paris; `openstack endpoint create` one for {KEYSTONE}"),
        (
            False,
            f"the catalog names http://paris:19292, not {GLANCE}; "
            "`openstack endpoint set --url` it, or set catalog: rewrite",
        ),
    ]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"token": 3}', '{"token": {"catalog": [3]}}', "[" * 99999])
def test_what_no_keystone_says_names_nothing(text: str) -> None:
    assert [good for good, _ in catalog(text)] == [False, False]


@pytest.mark.parametrize(
    ("written", "front", "leads"),
    [
        ("http://h:5000/v3", "http://h:5000", True),
        ("http://h/image", "http://h/image", True),
        ("http://h/images", "http://h/image", False),
        ("https://h/image", "http://h/image", False),
        ("http://h:80/v1/AUTH_%(project_id)s", "http://h", True),
        ("http://h/v3/$(tenant_id)s", "http://h", True),
        ("/v3", "http://h", False),
    ],
)
def test_a_url_leads_to_a_front(written: str, front: str, leads: bool) -> None:
    assert leads_to(written, url(PLACE, front)) is leads
