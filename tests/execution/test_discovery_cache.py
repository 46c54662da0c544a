"""Version documents are kept for a while, and only what is one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from scopeproxy.execution.discovery_cache import DiscoveryCache
from scopeproxy.model.messages import Reply, Request

REQUEST = Request("image", "GET", "/", (("Host", "glance.paris"), ("Accept", "application/json")))
DOCUMENT = Reply("Corte", 300, (("Content-Type", "application/json"),), b'{"versions": []}')


class Clock:
    """Seconds, as the test has them."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> DiscoveryCache:
    return DiscoveryCache(clock)


def test_a_document_is_had_again_while_it_is_fresh(cache: DiscoveryCache, clock: Clock) -> None:
    cache.put("Corte", REQUEST, DOCUMENT)
    clock.now = 299
    assert cache.get("Corte", REQUEST) == DOCUMENT
    clock.now = 300
    assert cache.get("Corte", REQUEST) is None


def test_a_document_is_of_one_site(cache: DiscoveryCache) -> None:
    cache.put("Corte", REQUEST, DOCUMENT)
    assert cache.get("Lyon", REQUEST) is None


@pytest.mark.parametrize("name", ["Accept", "Accept-Encoding", "Host", "OpenStack-API-Version"])
def test_a_document_is_of_what_was_asked(cache: DiscoveryCache, name: str) -> None:
    cache.put("Corte", REQUEST, DOCUMENT)
    assert cache.get("Corte", REQUEST.with_header(name, "other")) is None
    assert cache.get("Corte", replace(REQUEST, target="/v2")) is None
    assert cache.get("Corte", REQUEST.with_header("User-Agent", "other")) == DOCUMENT


class Rest:
    """More of a body."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b""

    async def aclose(self) -> None: ...


@pytest.mark.parametrize(
    "reply",
    [
        replace(DOCUMENT, status=404),
        replace(DOCUMENT, status=503),
        replace(DOCUMENT, rest=Rest()),
        replace(DOCUMENT, body=b"x" * 65_537),
    ],
)
def test_only_whole_good_documents_are_kept(cache: DiscoveryCache, reply: Reply) -> None:
    cache.put("Corte", REQUEST, reply)
    assert cache.get("Corte", REQUEST) is None


def test_what_was_said_to_a_token_is_not_kept(cache: DiscoveryCache) -> None:
    cache.put("Corte", REQUEST.with_header("X-Auth-Token", "secret"), DOCUMENT)
    assert cache.get("Corte", REQUEST) is None


def test_the_oldest_documents_make_room(cache: DiscoveryCache) -> None:
    for number in range(2001):
        cache.put("Corte", replace(REQUEST, target=f"/{number}"), DOCUMENT)
        cache.put("Corte", REQUEST, DOCUMENT)
    assert cache.get("Corte", replace(REQUEST, target="/0")) is None
    assert cache.get("Corte", REQUEST) == DOCUMENT


ROOT = replace(DOCUMENT, body=b'{"versions": [{"id": "v2.17"}]}')
VERSIONS = {"versions": [{"id": "v2.17"}]}


@pytest.mark.parametrize("target", ["/", "", "/versions"])
def test_what_a_root_tells_is_known_while_it_is_fresh(cache: DiscoveryCache, clock: Clock, target: str) -> None:
    cache.learn("Paris", replace(REQUEST, target=target), ROOT)
    assert cache.get("Paris", replace(REQUEST, target=target)) is None
    clock.now = 299
    assert cache.root("Paris", "image") == VERSIONS
    assert cache.root("Paris", "compute") is None
    assert cache.root("Corte", "image") is None
    clock.now = 300
    assert cache.root("Paris", "image") is None


def test_a_kept_document_is_learned_from(cache: DiscoveryCache) -> None:
    cache.put("Corte", REQUEST, ROOT)
    assert cache.root("Corte", "image") == VERSIONS


@pytest.mark.parametrize(
    ("target", "reply"),
    [
        ("/v2", ROOT),
        ("/", replace(ROOT, status=503)),
        ("/", replace(ROOT, body=b"[]")),
        ("/", replace(ROOT, body=b'{"versions": []}')),
    ],
)
def test_nothing_else_tells_the_versions(cache: DiscoveryCache, target: str, reply: Reply) -> None:
    cache.learn("Corte", replace(REQUEST, target=target), reply)
    assert cache.root("Corte", "image") is None


def test_a_forgotten_document_is_asked_for_anew(cache: DiscoveryCache) -> None:
    cache.put("Corte", REQUEST, ROOT)
    cache.forget("Corte", REQUEST)
    cache.forget("Lyon", REQUEST)
    assert cache.get("Corte", REQUEST) is None
