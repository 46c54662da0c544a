"""Answers that are of no use to a merge: one clear fault names the site, and nothing of the others is lost."""

from __future__ import annotations

import gzip
import json

import pytest

HERE, THERE = ({"id": f"{n}{n}{n}{n}{n}{n}{n}{n}-0000-4000-8000-000000000000", "name": "vm"} for n in (1, 2))
ITEM = f"/v2.1/servers/{HERE['id']}"
LIMIT = 1024 * 1024


def answer(body, status="200 OK", *headers):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = (f"HTTP/1.1 {status}", "Content-Type: application/json", *headers, f"Content-Length: {len(body)}", "", "")
    return "\r\n".join(head).encode() + body


GOOD = answer({"servers": [HERE]})
NOT_JSON = "answered what is not JSON"
OTHER_SHAPE = "answered in another shape than the others"
OVER = f"its answer is over {LIMIT} bytes"
# What Corte answers to a list, and what the proxy says of it.
FLAWED = {
    "invalid": (answer(b'{"servers": [oops'), NOT_JSON),
    "html": (answer(b"<html>"), NOT_JSON),
    "nothing": (answer(b""), NOT_JSON),
    "null": (answer(b"null"), NOT_JSON),
    "no UTF-8": (answer(b'{"servers": ["\xff\xfe"]}'), NOT_JSON),
    "deep": (answer(b'{"servers": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"), NOT_JSON),
    "a number without end": (answer(b'{"servers": [{"id": ' + b"9" * 5000 + b"}]}"), NOT_JSON),
    "NaN": (answer(b'{"servers": [{"id": NaN}]}'), NOT_JSON),
    "infinity": (answer(gzip.compress(b'{"servers": [-Infinity]}'), "200 OK", "Content-Encoding: gzip"), NOT_JSON),
    "not gzip": (answer(b"{}", "200 OK", "Content-Encoding: gzip"), NOT_JSON),
    "a bomb": (answer(gzip.compress(b" " * 9_000_000), "200 OK", "Content-Encoding: gzip"), "its compressed answer is"),
    "large": (answer({"servers": [THERE], "more": "x" * LIMIT}), OVER),
    "a number": (answer(b"7"), OTHER_SHAPE),
    "an array": (answer([THERE]), OTHER_SHAPE),
    "no list": (answer({"servers": {"a": 1}}), OTHER_SHAPE),
    "another list": (answer({"things": [THERE]}), OTHER_SHAPE),
    "two lists": (answer({"a": [1], "b": [2]}), OTHER_SHAPE),
    "a bad link": (
        answer({"servers": [THERE], "servers_links": [{"rel": "next", "href": "http://[bad"}]}),
        "its link to the next page is no URL",
    ),
    "no end": (
        answer({"servers": [THERE], "servers_links": [{"rel": "next", "href": "/v2.1/servers"}]}),
        "its list does not end",
    ),
    "refused": (answer({"badRequest": {"message": "no such sort key"}}, "400 Bad Request"), "400 (no such sort key)"),
}


@pytest.fixture
async def ask(stage):
    """Asks both sites by Paris; `corte` and `paris`: what they answer."""
    backs = {site: await stage.back(answer=GOOD) for site in ("Paris", "Corte")}
    sites = {site: {"nova": back.address} for site, back in backs.items()}
    path = stage.sites(sites, services={}, proxy={"limits": {"merged_body": "1MiB"}})
    here = await stage.proxy(path, "Paris")
    await stage.proxy(path, "Corte")

    async def asked(target, *, corte, paris=GOOD, options="", method="GET", body=""):
        backs["Corte"].answer, backs["Paris"].answer = corte, paris
        wire = await stage.wire(here, "compute")
        lines = (f"{method} {target} HTTP/1.1", "Host: h", "X-Scope: nova: Paris&Corte", f"X-Scope-Options: {options}")
        framing = (f"Content-Length: {len(body)}", "Content-Type: application/json") if body else ()
        head, _, came = (await wire.ask("\r\n".join((*lines, *framing, "", body)).encode())).partition(b"\r\n\r\n")
        wire.leave()
        first, *more = head.decode().split("\r\n")
        return int(first.split()[1]), dict(line.split(": ", 1) for line in more), json.loads(came) if came else None

    asked.backs = backs
    return asked


LISTS = ["/v2.1/servers", "/v2.1/servers?sort_key=name&sort_dir=asc", "/v2.1/servers?limit=1"]


@pytest.mark.parametrize(
    ("target", "flaw"),
    # A page is asked for once, and whether a list ends does not matter to it.
    [(target, flaw) for target in LISTS for flaw in FLAWED if (target, flaw) != (LISTS[-1], "no end")],
)
async def test_the_part_of_a_site_that_is_of_no_use_is_told_as_missing(ask, target, flaw):
    bad, _ = FLAWED[flaw]
    status, headers, document = await ask(target, corte=bad)
    assert (status, headers["X-Scope-Partial"]) == (200, "Corte")
    assert document["servers"] == [{**HERE, "scope_site": "Paris"}]
    status, headers, document = await ask(target, corte=GOOD, paris=bad)
    assert (status, headers["X-Scope-Partial"]) == (200, "Paris")
    assert document["servers"] == [{**HERE, "scope_site": "Corte"}]


@pytest.mark.parametrize("flaw", FLAWED)
async def test_under_strict_it_is_a_fault_that_names_the_site_and_tells_why(ask, flaw):
    bad, why = FLAWED[flaw]
    status, _, document = await ask("/v2.1/servers", corte=bad, options="strict")
    (fault,) = document.values()
    assert status in (502, 503)
    assert fault["message"].startswith("scope: strict, and not every site gave its part: Corte: ")
    assert why in fault["message"]
    assert "Paris" not in fault["message"]


@pytest.mark.parametrize("flaw", sorted(FLAWED.keys() - {"an array", "another list", "refused"}))
async def test_where_no_sites_answer_is_of_use_all_are_named(ask, flaw):
    """The others are lists, of a kind, or a refusal that tells why."""
    bad, _ = FLAWED[flaw]
    status, _, document = await ask("/v2.1/servers", corte=bad, paris=bad)
    (fault,) = document.values()
    assert status in (501, 502, 504)
    assert {"Paris", "Corte"} <= set(fault["message"].replace(":", " ").replace(",", " ").split())


async def test_a_refusal_of_all_is_the_first_ones(ask):
    bad, _ = FLAWED["refused"]
    status, headers, document = await ask("/v2.1/servers?sort_key=nothing", corte=bad, paris=bad)
    assert (status, document) == (400, {"badRequest": {"message": "no such sort key"}})
    assert headers["X-Scope-Sites"] == "Paris=400, Corte=400"


ODD_ITEMS = [
    {"id": {"a": 1}},
    {"id": [1]},
    {"id": None},
    7,
    None,
    [1],
    {"id": "\ud800"},
    {"id": "\0"},
    {"id": "x" * 9999},
]


@pytest.mark.parametrize(
    "target", ["/v2.1/servers", "/v2.1/servers?sort_key=name", "/v2.1/flavors", "/v2.1/servers?limit=50"]
)
async def test_items_that_are_none_are_passed_on_as_they_are(ask, target):
    """Half a surrogate pair for an id was an error of the proxy's own: the ledger's database takes no such text."""
    name = target.removeprefix("/v2.1/").partition("?")[0]
    status, headers, document = await ask(target, corte=answer({name: ODD_ITEMS}), paris=answer({name: [HERE]}))
    assert (status, headers["X-Scope-Sites"]) == (200, "Paris=200, Corte=200")
    assert "X-Scope-Partial" not in headers
    assert len(document[name]) == len(ODD_ITEMS) + 1


@pytest.mark.parametrize("odd", ["\ud800", "\0", "x" * 9999, 7, None, {"a": 1}])
async def test_an_id_that_is_none_is_no_error_of_ours(ask, odd):
    made = answer({"server": {"id": odd}}, "202 Accepted")
    status, _, document = await ask("/v2.1/servers", corte=made, paris=made, method="POST", body='{"server": {}}')
    assert (status, document) == (202, {"server": {"id": odd}})
    status, _, document = await ask(ITEM, corte=made, paris=made)
    assert status < 500


async def test_no_content_is_an_empty_part(ask):
    status, headers, document = await ask("/v2.1/servers", corte=b"HTTP/1.1 204 No Content\r\n\r\n")
    assert (status, document["servers"]) == (200, [{**HERE, "scope_site": "Paris"}])
    assert "X-Scope-Partial" not in headers


@pytest.mark.parametrize("flaw", ["invalid", "html", "NaN", "large", "a number", "an array"])
async def test_sums_leave_out_what_is_no_figure_and_tell_it(ask, flaw):
    limits = {"limits": {"absolute": {"maxTotalCores": 20}}}
    status, headers, document = await ask("/v2.1/limits", corte=FLAWED[flaw][0], paris=answer(limits))
    assert (status, headers["X-Scope-Partial"]) == (200, "Corte")
    assert document["limits"] == limits["limits"]


async def test_a_marker_of_nobody_names_the_sites_and_what_could_not_be_asked(ask):
    flavors = answer({"flavors": [{"id": "1", "name": "tiny"}]})
    status, _, document = await ask("/v2.1/flavors?limit=1&marker=nobody", corte=flavors, paris=flavors)
    assert status == 400
    assert document["badRequest"]["message"].endswith("the marker 'nobody' is of no item of this list at Paris, Corte")
    status, _, document = await ask("/v2.1/flavors?limit=1&marker=nobody", corte=answer(b"<html>"), paris=flavors)
    assert status == 503
    assert document["serviceUnavailable"]["message"].endswith(f"cannot be told: Corte: {NOT_JSON}")


@pytest.mark.parametrize(("size", "status"), [(LIMIT - 20, 202), (LIMIT + 1, 413)])
async def test_a_body_over_the_limit_is_refused_before_anything_is_sent(ask, size, status):
    made = answer({"server": {"id": HERE["id"]}}, "202 Accepted")
    body = json.dumps({"server": {"name": "x" * (size - 24)}})
    came, _, document = await ask("/v2.1/servers", corte=made, paris=made, method="POST", body=body)
    assert came == status
    assert [bool(back.heads) for back in ask.backs.values()] == [status == 202] * 2
    if status == 413:
        (fault,) = document.values()
        assert fault["message"] == f"scope: the body has {len(body)} bytes; a scoped call may have at most {LIMIT}"
