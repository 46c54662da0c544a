"""Before anything is done twice, the site is asked."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from scopeproxy.execution.envelope import Letter
from scopeproxy.execution.looking import Looking
from scopeproxy.execution.spool import Spool
from scopeproxy.model.messages import Held, Reply, Request, Unreached, json_reply
from scopeproxy.planning.intent import Kind, classify
from scopeproxy.planning.journal import Entry
from scopeproxy.planning.lookups import Told

CREATE = Request("image", "POST", "/v2/images", (), Held(b'{"name": "x"}'))
UPLOAD = Request("image", "PUT", "/v2/images/i/file", (("Content-Length", "5"), ("X-Auth-Token", "t")))


def entry(request):
    return Entry(1, "w", "Corte", classify(request).kind, True, 0.0, frozenset(), frozenset(), unsure=True)


def looking(*answers, sets=None):
    """What asks, and what it asked; `sets`: what is known of replicas."""
    asked, left = [], list(answers)

    async def ask(site, request, letter, intent):
        asked.append((site, request.method, request.target, dict(request.headers)))
        return left.pop(0)

    async def sets_of(service, ids, collection, sites):
        assert (service, collection, sites) == ("image", "images", ("Corte",))
        return {id_: members for id_, members in (sets or {}).items() if id_ in ids}

    return Looking(ask, sets_of), asked


async def look(request, *answers):
    looks, asked = looking(*answers)
    seen, outcome = await looks.look(entry(request), Letter(request, ""), classify(request))
    return seen.told, outcome, asked


async def test_what_may_be_said_twice_is_not_looked_for():
    assert await look(Request("image", "DELETE", "/v2/images/i")) == (Told.MISSING, None, [])
    assert await look(Request("object-store", "PUT", "/v1/AUTH_p/c/o")) == (Told.MISSING, None, [])


async def test_an_action_is_nobodys_to_repeat():
    told, _, asked = await look(Request("compute", "POST", "/v2.1/servers/s/action", (), Held(b'{"reboot": {}}')))
    assert (told, asked) == (Told.UNCERTAIN, [])


async def test_a_create_is_looked_for_by_its_name():
    empty = json_reply("Corte", 200, {"images": []})
    told, outcome, asked = await look(CREATE, empty)
    assert (told, outcome) == (Told.MISSING, empty)
    assert [target for _, _, target, _ in asked] == ["/v2/images?name=x"]
    assert (await look(Request("image", "POST", "/v2/images", (), Held(b"{}"))))[0] is Told.UNCERTAIN
    away = Unreached("Corte", False, "cut")
    assert (await look(CREATE, away))[:2] == (Told.NOTHING, away)


def listed(*ids):
    return json_reply("Corte", 200, {"images": [{"id": id_, "name": "x"} for id_ in ids]})


async def there(looks, one, known=None):
    seen, _ = await looks.look(one, Letter(CREATE, ""), classify(CREATE), known or {})
    return seen.told, seen.id


async def test_what_another_write_has_made_is_not_taken_for_this_ones():
    of_another = {"c2": {"Paris": "p2", "Corte": "c2"}}
    looks, _ = looking(listed("c2"), listed("c1", "c2"), listed("c1", "c2"), sets=of_another)
    assert await there(looks, entry(CREATE), {"Paris": "p1"}) == (Told.MISSING, "")
    assert await there(looks, entry(CREATE), {"Paris": "p1"}) == (Told.THERE, "c1")
    # It was learned, and then the proxy was killed before the entry was gone.
    assert (await there(looks, replace(entry(CREATE), write="w2"), {"Paris": "p2"})) == (Told.THERE, "c2")


async def test_of_two_writes_alike_only_one_finds_what_is_there_and_finds_it_again():
    looks, _ = looking(*[listed("c1")] * 3)
    assert await there(looks, entry(CREATE)) == (Told.THERE, "c1")
    assert await there(looks, replace(entry(CREATE), write="w2")) == (Told.MISSING, "")
    assert await there(looks, entry(CREATE)) == (Told.THERE, "c1")


@pytest.mark.parametrize(
    ("status", "told"),
    [("queued", Told.MISSING), ("saving", Told.NOTHING), ("active", Told.THERE), ("killed", Told.UNCERTAIN)],
)
async def test_data_are_where_the_image_says_so(status, told):
    seen, _, asked = await look(UPLOAD, json_reply("Corte", 200, {"id": "i", "status": status}))
    assert seen is told
    assert asked == [("Corte", "GET", "/v2/images/i", {"X-Auth-Token": "t"})]


async def test_what_somebody_else_changed_meanwhile_is_told_and_what_may_be_our_own_change_is_not():
    patch = Request("image", "PATCH", "/v2/images/i", (), Held(b"[]"))
    answer = json_reply("Corte", 200, {"id": "i", "updated_at": "2001-01-01T00:00:00Z"})

    async def changed(one, *answers):
        looks, asked = looking(*answers)
        return await looks.changed(one, Letter(patch, ""), classify(patch)), [method for _, method, _, _ in asked]

    sure = replace(entry(patch), unsure=False)
    assert await changed(sure, answer) == ("2001-01-01T00:00:00Z", ["GET"])
    assert await changed(sure, Unreached("Corte", False, "cut")) == ("", ["GET"])
    assert await changed(replace(sure, since=1e9), answer) == ("", ["GET"])
    assert await changed(entry(patch)) == ("", [])


@pytest.mark.parametrize(("checksum", "differs"), [(b"hello", False), (b"other", True)])
async def test_data_that_are_there_are_those_that_were_sent_or_not(tmp_path, checksum, differs):
    class Stream:
        length = 5

        async def open(self):
            yield b"hello"

    kept = await Spool(str(tmp_path), b"k").take("w", Stream(), 1000)
    request = Request(UPLOAD.service, UPLOAD.method, UPLOAD.target, UPLOAD.headers, kept)
    told = hashlib.md5(checksum, usedforsecurity=False).hexdigest()
    looks, _ = looking(json_reply("Corte", 200, {"status": "active", "size": 5, "checksum": told}))
    difference = await looks.difference(entry(request), Letter(request, ""), classify(request), Reply("Corte", 204))
    assert ("their md5s differ" in difference) is differs
    silent, _ = looking(Reply("Corte", 503))
    assert await silent.difference(entry(request), Letter(request, ""), classify(request), Reply("Corte", 204)) == ""
    assert classify(request).kind is Kind.UPLOAD
