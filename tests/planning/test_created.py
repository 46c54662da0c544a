"""What was created is known by its id when the answer leaves no doubt, and deleted by the call that undoes it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scopeproxy.model.messages import Held, Reply, Request, json_reply
from scopeproxy.planning.created import created_id, is_new, made_in, undo_of
from scopeproxy.planning.intent import classify


def create(path: str, service: str = "compute", body: Any = None) -> Request:
    return Request(service, "POST", path, (), Held(b"" if body is None else json.dumps(body).encode()))


@pytest.mark.parametrize(
    ("path", "document", "location", "expected"),
    [
        ("/v2.1/servers", {"server": {"id": "abc", "links": []}}, "", "abc"),
        ("/v2/images", {"id": "i", "tags": [], "status": "queued"}, "", "i"),
        ("/nodes", {"uuid": "n"}, "", "n"),
        ("/os-keypairs", {"keypair": {"name": "k", "fingerprint": "f"}}, "", "k"),
        ("/pages", {"id": 7}, "", "7"),
        ("/resource_providers", None, "/resource_providers/u?x=1", "u"),
        ("/pages", None, "http://h/v1/pages/a%20b/", "a b"),
        ("/os-volumes_boot", None, "http://h/v2.1/servers/s", "s"),
        ("/ports", {"ports": [{"id": "p"}]}, "", None),
        # Beside the thing itself, others have ids.
        ("/items", {"owner": {"id": "u1"}, "item": {"id": "i1"}}, "/items/i1", "i1"),
        ("/items", {"owner": {"id": "u1"}, "item": {"id": "i1"}}, "", None),
        ("/items", {"owner": {"id": "u1"}, "name": "x"}, "", None),
        ("/items", {"owner": {"id": "u1"}, "id": "i1"}, "", "i1"),
        ("/items", {"id": "i1"}, "/tasks/t1", "i1"),
        ("/items", {"id": "\ud800"}, "", None),
        ("/items", {"id": ".."}, "", None),
        ("/items", {"id": ""}, "", None),
    ],
)
def test_the_id_of_what_was_created(path: str, document: Any, location: str, expected: str | None) -> None:
    headers = (("Location", location),) if location else ()
    reply = Reply("Paris", 201, headers) if document is None else json_reply("Paris", 201, document, headers)
    request = create(path)
    assert created_id(reply, request, classify(request)) == expected


@pytest.mark.parametrize(
    ("status", "service", "path", "expected"),
    [
        (201, "shop", "/items", True),
        (202, "shop", "/items", True),
        (200, "shop", "/items", False),
        (204, "shop", "/items", False),
        (200, "compute", "/v2.1/os-keypairs", True),
        (200, "image", "/v2/images", False),
    ],
)
def test_only_what_the_answer_says_was_created_is_new(status: int, service: str, path: str, expected: bool) -> None:
    request = create(path, service)
    assert is_new(Reply("Paris", status), request, classify(request)) is expected


@pytest.mark.parametrize(
    ("request_", "target"),
    [
        (create("/v2.1/servers/"), "/v2.1/servers/a%2Fb"),
        (create("/v2.1/os-volumes_boot"), "/v2.1/servers/a%2Fb"),
        (create("/v2.1/os-keypairs", body={"keypair": {"user_id": "u&1"}}), "/v2.1/os-keypairs/a%2Fb?user_id=u%261"),
        (create("/v2.1/os-keypairs", body={"keypair": {"name": "k"}}), "/v2.1/os-keypairs/a%2Fb"),
        (create("/v3/manageable_volumes", "block-storage"), None),
    ],
)
def test_it_is_deleted_where_it_is(request_: Request, target: str | None) -> None:
    undo = undo_of(request_, classify(request_), "a/b")
    assert (undo and (undo.method, undo.target, undo.body)) == (target and ("DELETE", target, Held()))


@pytest.mark.parametrize(
    ("service", "path", "expected"),
    [
        ("compute", "/v2.1/servers", "servers"),
        ("compute", "/v2.1/os-volumes_boot", "servers"),
        ("block-storage", "/v3/os-volume-manage", None),
    ],
)
def test_the_collection_in_which_it_then_is(service: str, path: str, expected: str | None) -> None:
    request = Request(service, "POST", path)
    assert made_in(request, classify(request)) == expected
