"""Whether a create that may have happened did."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from scopeproxy.model.messages import Held, Reply, Request, json_reply
from scopeproxy.planning.intent import classify
from scopeproxy.planning.lookups import SKEW, Seen, Told, data_question, data_reading, question, reading

MADE = 1_700_000_000.0


def create(service, path, body):
    return Request(
        service,
        "POST",
        path,
        (("X-Auth-Token", "t"), ("Content-Type", "application/json")),
        Held(json.dumps(body).encode()),
    )


SERVER = create("compute", "/v2.1/servers", {"server": {"name": "vm", "flavorRef": "1"}, "os:scheduler_hints": {}})
IMAGE = create("image", "/v2/images", {"name": "cirros", "disk_format": "raw"})
CHOSEN = create("image", "/v2/images", {"id": "i-1", "name": "cirros", "disk_format": "raw"})


def at(seconds):
    return datetime.fromtimestamp(MADE + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("request_", "target"),
    [
        (SERVER, "/v2.1/servers/detail?name=vm"),
        (IMAGE, "/v2/images?name=cirros"),
        (CHOSEN, "/v2/images/i-1"),
        (create("identity", "/v3/users", {"user": {"name": "a b"}}), "/v3/users?name=a+b"),
        (create("network", "/v2.0/networks", {"network": {"name": "net"}}), "/v2.0/networks?name=net"),
        (create("compute", "/v2.1/os-keypairs", {"keypair": {"name": "k/1"}}), "/v2.1/os-keypairs/k%2F1"),
        (create("compute", "/v2.1/flavors", {"flavor": {"name": "m1", "id": 7}}), "/v2.1/flavors/7"),
    ],
)
def test_a_create_is_asked_for_by_its_chosen_id_or_its_name(request_, target):
    asked = question(request_, classify(request_))
    assert (asked.method, asked.target, asked.body.data) == ("GET", target, b"")
    assert asked.headers == (("X-Auth-Token", "t"),)


@pytest.mark.parametrize(
    "request_",
    [
        create("network", "/v2.0/floatingips", {"floatingip": {"floating_network_id": "n"}}),
        create("network", "/v2.0/networks", {"networks": [{"name": "a"}, {"name": "b"}]}),
        create("image", "/v2/images", [1]),
        create("block-storage", "/v3/0123456789abcdef0123456789abcdef/os-volume-manage", {"volume": {"name": "v"}}),
        create("image", "/v2/images", {"disk_format": "raw"}),
    ],
)
def test_what_nothing_would_tell_again_is_not_asked_for(request_):
    assert question(request_, classify(request_)) is None


def read(request, *items, status=200, **more):
    intent = classify(request)
    asked = question(request, intent)
    reply = json_reply("Corte", status, {intent.collection: list(items), **more})
    return reading(reply, asked, request, intent, MADE)


def test_none_of_the_name_means_that_it_did_not_happen():
    assert read(IMAGE).told is Told.MISSING
    assert read(SERVER, {"id": "x", "name": "vm-2"}).told is Told.MISSING


def test_one_of_the_name_and_with_the_same_fields_is_ours():
    found = {"id": "i", "name": "cirros", "disk_format": "raw", "created_at": at(0)}
    assert read(IMAGE, found) == Seen(Told.THERE, "i")
    assert read(IMAGE, {**found, "disk_format": "qcow2"}).told is Told.MISSING


def test_an_older_one_is_not_ours_but_clocks_may_differ():
    found = {"id": "i", "name": "cirros", "disk_format": "raw"}
    assert read(IMAGE, {**found, "created_at": at(-SKEW - 1)}).told is Told.MISSING
    assert read(IMAGE, {**found, "created_at": at(-SKEW / 2)}) == Seen(Told.THERE, "i")


def test_two_alike_are_for_a_person_to_tell_apart():
    found = {"id": "i", "name": "cirros"}
    assert read(IMAGE, found, {**found, "id": "j"}).told is Told.UNCERTAIN
    assert read(IMAGE, found, next="/v2/images?name=cirros&marker=i").told is Told.UNCERTAIN


@pytest.mark.parametrize("reply", [Reply("Corte", 500), Reply("Corte", 401), Reply("Corte", 200, (), b"x")])
@pytest.mark.parametrize("request_", [IMAGE, CHOSEN])
def test_what_is_no_answer_tells_nothing(reply, request_):
    intent = classify(request_)
    assert reading(reply, question(request_, intent), request_, intent, MADE).told is Told.NOTHING


def test_a_chosen_id_is_there_or_not_and_must_be_the_same_thing():
    intent = classify(CHOSEN)
    asked = question(CHOSEN, intent)

    def told(status, **item):
        return reading(json_reply("Corte", status, item), asked, CHOSEN, intent, MADE)

    assert told(404).told is Told.MISSING
    assert told(200, id="i-1", name="cirros", disk_format="raw") == Seen(Told.THERE, "i-1")
    assert told(200, id="i-1", name="other", disk_format="raw").told is Told.UNCERTAIN


def test_ids_differ_from_site_to_site_and_do_not_count():
    user = create("identity", "/v3/users", {"user": {"name": "bob", "domain_id": "here"}})
    assert read(user, {"id": "u", "name": "bob", "domain_id": "there"}) == Seen(Told.THERE, "u")


def test_data_are_asked_for_at_the_image():
    headers = (("X-Auth-Token", "t"), ("Content-Type", "application/octet-stream"), ("Content-Length", "5"))
    for beneath in ("file", "stage"):
        asked = data_question(Request("image", "PUT", f"/v2/images/i/{beneath}?x=1", headers))
        assert asked is not None
        assert (asked.method, asked.target, asked.headers) == ("GET", "/v2/images/i", headers[:1])
    assert data_question(Request("docs", "PUT", "/v2/images/i/file")) is None


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (json_reply("Corte", 200, {"status": "queued"}), Told.MISSING),
        (json_reply("Corte", 200, {"status": "active"}), Told.THERE),
        (json_reply("Corte", 200, {"status": "saving"}), Told.NOTHING),
        (json_reply("Corte", 200, {"status": "uploading"}), Told.UNCERTAIN),
        (json_reply("Corte", 200, {}), Told.UNCERTAIN),
        (Reply("Corte", 404), Told.MISSING),
        (Reply("Corte", 503), Told.NOTHING),
        (Reply("Corte", 200, (), b"no json"), Told.NOTHING),
    ],
)
def test_an_image_tells_what_it_has(reply, told):
    assert data_reading(reply).told is told
