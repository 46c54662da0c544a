"""What several sites' answers become, a story for each row of section 4, and its laws."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.errors import BadCollaboration, NotYet, SiteFailure
from scopeproxy.model.messages import Outcome, Reply, Request, Unreached, json_reply
from scopeproxy.planning.intent import Kind, classify
from scopeproxy.planning.merging import MERGES, NOT_YET, Merged, merge, require_mergeable

U = "11111111-2222-3333-4444-555555555555"
V = "99999999-2222-3333-4444-555555555555"
DOWN, LOST = Unreached("Corte", False, "connection refused"), Unreached("Corte", True, "timeout")


def combine(service: str, line: str, *outcomes: Outcome, strict: bool = False) -> Merged:
    method, target = line.split(" ")
    request = Request(service, method, target)
    return merge(request, classify(request), outcomes, strict)


def servers(site: str, *ids: str) -> Reply:
    return json_reply(site, 200, {"servers": [{"id": id_} for id_ in ids]})


def items(merged: Merged, key: str | None) -> list[Any]:
    listed = merged.reply.json if key is None else merged.reply.json[key]
    return [(item.get("id"), item["scope_site"]) for item in listed]


# ---- lists


def test_a_list_is_that_of_all_sites_in_scope_order_with_their_sites() -> None:
    merged = combine("compute", "GET /v2.1/servers", servers("Paris", "1", "2"), servers("Corte", "3"))
    assert items(merged, "servers") == [("1", "Paris"), ("2", "Paris"), ("3", "Corte")]
    assert (merged.partial, merged.reply.status, merged.reply.site) == ((), 200, "Paris")


@pytest.mark.parametrize(
    ("service", "line", "envelope", "key"),
    [
        ("compute", "GET /v2.1/servers", {"servers": [], "servers_links": [{"rel": "next", "href": "x"}]}, "servers"),
        ("image", "GET /v2/images", {"images": [], "first": "f", "next": "n", "schema": "s"}, "images"),
        ("identity", "GET /v3/users", {"users": [], "links": {"next": "n", "self": "s", "previous": None}}, "users"),
        ("network", "GET /v2.0/ports", {"ports": [], "ports_links": [], "count": 1}, "ports"),
        ("docs", "GET /pages", {"pages": [], "total": "few"}, "pages"),
    ],
)
def test_envelopes_stay_and_links_to_further_pages_go(
    service: str, line: str, envelope: dict[str, Any], key: str
) -> None:
    merged = combine(service, line, *(json_reply(site, 200, {**envelope, key: [{"id": site}]}) for site in ("P", "C")))
    document = merged.reply.json
    assert items(merged, key) == [("P", "P"), ("C", "C")]
    assert "next" not in json.dumps({**document, "links": None})
    assert document.get("links", {"next": None})["next"] is None
    assert {name for name in envelope if name != "next" and not name.endswith("_links")} == set(document)
    assert document.get("count", 2) == 2


def test_arrays_of_an_application_of_ones_own_are_joined_and_its_ids_are_each_sites_own() -> None:
    one, other = json_reply("P", 200, [{"id": 1}]), json_reply("C", 200, [{"id": 1}, {"id": U}])
    assert items(combine("docs", "GET /pages", one, other), None) == [(1, "P"), (1, "C"), (U, "C")]
    assert items(combine("docs", "GET /api/pages", one, other), None) == [(1, "P"), (1, "C"), (U, "C")]
    uuids = json_reply("P", 200, [{"id": U}])
    assert items(combine("docs", "GET /pages", uuids, other), None) == [(U, "P"), (1, "C")]


def test_what_is_neither_array_nor_object_with_one_is_not_guessed() -> None:
    with pytest.raises(NotYet, match="neither an array"):
        combine("docs", "GET /status", *(json_reply(site, 200, {"up": True}) for site in ("P", "C")))


def test_equal_ids_are_one_and_the_first_sites() -> None:
    merged = combine("compute", "GET /v2.1/servers", servers("Paris", U), servers("Corte", U, V))
    assert items(merged, "servers") == [(U, "Paris"), (V, "Corte")]


@pytest.mark.parametrize(
    ("service", "line", "key", "item", "kept"),
    [
        ("compute", "GET /v2.1/flavors/detail", "flavors", {"name": "m1.tiny"}, 1),
        ("identity", "GET /v3/roles", "roles", {"name": "member"}, 1),
        ("identity", "GET /v3/roles", "roles", {"name": "member", "domain_id": "d1"}, 2),
        ("identity", "GET /v3/projects", "projects", {"name": "demo", "domain_id": "default"}, 1),
        ("identity", "GET /v3/projects", "projects", {"name": "demo", "domain_id": "d1"}, 2),
        ("identity", "GET /v3/users?name=al", "users", {"name": "al", "domain_id": "default"}, 1),
        ("identity", "GET /v3/users?name=al", "users", {"name": "al", "domain_id": "d1"}, 2),
        ("block-storage", "GET /v3/types", "volume_types", {"name": "fast"}, 1),
        ("network", "GET /v2.0/networks", "networks", {"name": "public", "shared": True}, 1),
        ("network", "GET /v2.0/networks", "networks", {"name": "ext", "router:external": True}, 1),
        ("network", "GET /v2.0/networks", "networks", {"name": "mine", "shared": False}, 2),
        ("image", "GET /v2/images", "images", {"name": "cirros"}, 2),
        ("image", "GET /v2/images?name=cirros", "images", {"name": "cirros"}, 1),
    ],
)
def test_the_same_natural_key_at_several_sites_is_one_item(
    service: str, line: str, key: str, item: dict[str, Any], kept: int
) -> None:
    replies = [json_reply(site, 200, {key: [{**item, "id": site}]}) for site in ("Paris", "Corte")]
    assert len(items(combine(service, line, *replies), key)) == kept


def test_flavors_that_are_numbered_alike_are_not_the_same() -> None:
    one = json_reply("Paris", 200, {"flavors": [{"id": "1", "name": "m1.tiny"}, {"id": "2", "name": "m1.small"}]})
    other = json_reply("Corte", 200, {"flavors": [{"id": "1", "name": "c1.large"}, {"id": "9", "name": "m1.tiny"}]})
    merged = combine("compute", "GET /v2.1/flavors", one, other)
    assert items(merged, "flavors") == [("1", "Paris"), ("2", "Paris"), ("1", "Corte")]


def test_two_of_one_name_at_one_site_are_two() -> None:
    reply = json_reply("Paris", 200, {"images": [{"id": "1", "name": "x"}, {"id": "2", "name": "x"}]})
    other = json_reply("Corte", 200, {"images": [{"id": "3", "name": "x"}]})
    assert items(combine("image", "GET /v2/images?name=x", reply, other), "images") == [("1", "Paris"), ("2", "Paris")]


def test_keypairs_are_marked_inside_and_known_by_name() -> None:
    replies = [json_reply(site, 200, {"keypairs": [{"keypair": {"name": "k"}}]}) for site in ("Paris", "Corte")]
    merged = combine("compute", "GET /v2.1/os-keypairs", *replies)
    assert merged.reply.json == {"keypairs": [{"keypair": {"name": "k", "scope_site": "Paris"}}]}


@pytest.mark.parametrize("item", ["a", 7, {"labels": {"a": 1}}])
def test_what_has_no_id_in_an_application_of_ones_own_is_every_sites_own(item: Any) -> None:
    merged = combine("docs", "GET /pages", *(json_reply(site, 200, [item]) for site in ("P", "C")))
    assert len(merged.reply.json) == 2


def test_placements_summaries_are_those_of_all_sites() -> None:
    replies = [
        json_reply(site, 200, {"allocation_requests": [{"allocations": site}], "provider_summaries": {site: {}}})
        for site in ("P", "C")
    ]
    merged = combine("placement", "GET /allocation_candidates?resources=VCPU:1", *replies)
    assert merged.reply.json["provider_summaries"] == {"P": {}, "C": {}}
    assert len(merged.reply.json["allocation_requests"]) == 2


@pytest.mark.parametrize(
    "failure",
    [
        DOWN,
        LOST,
        *(json_reply("Corte", status, {"error": {"message": "no"}}) for status in (300, 401, 403, 404, 500, 503)),
        Reply("Corte", 200, (), b"<html>It works!</html>"),
        Reply("Corte", 200, (), b""),
        json_reply("Corte", 200, {"unexpected": True}),
        json_reply("Corte", 200, {"others": []}),
        json_reply("Corte", 200, []),
    ],
)
def test_a_failing_site_leaves_a_marked_part_or_is_an_error_when_strict(failure: Outcome) -> None:
    for outcomes in ((servers("Paris", U), failure), (failure, servers("Paris", U))):
        merged = combine("compute", "GET /v2.1/servers", *outcomes)
        assert (items(merged, "servers"), merged.partial) == ([(U, "Paris")], ("Corte",))
        with pytest.raises(SiteFailure, match="Corte") as raised:
            combine("compute", "GET /v2.1/servers", *outcomes, strict=True)
        # On 503 clients ask again: of no use where the site answered.
        assert raised.value.status == (503 if isinstance(failure, Unreached) else 502)


def test_below_one_resource_a_404_is_no_missing_part() -> None:
    found = json_reply("Corte", 200, {"interfaceAttachments": [{"port_id": "p"}]})
    merged = combine("compute", f"GET /v2.1/servers/{U}/os-interface", Reply("Paris", 404), found, strict=True)
    assert (merged.partial, merged.reply.site) == ((), "Corte")
    diagnostics = json_reply("Corte", 200, {"state": "running"})
    merged = combine("compute", f"GET /v2.1/servers/{U}/diagnostics", Reply("Paris", 404), diagnostics)
    assert merged.reply is diagnostics


def test_the_pages_of_a_site_may_come_one_by_one() -> None:
    pages = (servers("Paris", "1"), servers("Paris", "2"), servers("Corte", "3"))
    assert len(items(combine("compute", "GET /v2.1/servers", *pages), "servers")) == 3
    cut = (servers("Paris", "1"), Unreached("Paris", True, "reset"), servers("Corte", "3"))
    merged = combine("compute", "GET /v2.1/servers", *cut)
    assert (items(merged, "servers"), merged.partial) == ([("1", "Paris"), ("3", "Corte")], ("Paris",))


def test_headers_of_a_merged_list_fit_its_body() -> None:
    headers = (("ETag", "x"), ("content-length", "5"), ("Transfer-Encoding", "chunked"), ("Link", "<x>; rel=next"))
    listed = [json_reply(site, 200, {"servers": []}, (*headers, ("X-Kept", site))) for site in ("Paris", "Corte")]
    reply = combine("compute", "GET /v2.1/servers", *listed).reply
    assert dict(reply.headers) == {
        "Content-Type": "application/json",
        "X-Kept": "Paris",
        "Content-Length": str(len(reply.body)),
    }


# ---- one resource


def test_one_resource_is_that_of_the_first_site_which_has_it() -> None:
    found = json_reply("Corte", 200, {"server": {"id": U}})
    merged = combine("compute", f"GET /v2.1/servers/{U}", Reply("Paris", 404), found, Reply("Lyon", 200))
    assert (merged.reply, merged.partial) == (found, ())
    assert combine("compute", f"GET /v2.1/servers/{U}", found, Unreached("Lyon", False, "down")).partial == ("Lyon",)
    data = Reply("Corte", 200, (("ETag", "x"),), b"\x00\x01")
    assert combine("image", f"GET /v2/images/{U}/file", Reply("Paris", 404), data).reply is data


def test_a_404_everywhere_is_a_404() -> None:
    assert combine("compute", f"GET /v2.1/servers/{U}", Reply("P", 404), Reply("C", 404)).reply.site == "P"


@pytest.mark.parametrize("unasked", [DOWN, LOST])
def test_never_a_bare_404_while_a_site_could_not_be_asked(unasked: Outcome) -> None:
    missing = Reply("Paris", 404)
    by_name = combine("image", "GET /v2/images/cirros", missing, unasked)
    assert (by_name.reply, by_name.partial) == (missing, ("Corte",))
    for line, strict in ((f"GET /v2/images/{U}", False), ("GET /v2/images/cirros", True), ("GET /v2/images", False)):
        with pytest.raises(SiteFailure, match="Corte") as raised:
            combine("image", line, missing, unasked, strict=strict)
        assert raised.value.status == 503


def test_the_most_telling_answer_is_the_first_that_is_not_404() -> None:
    replies = (Reply("P", 404), Reply("C", 403), Reply("L", 500))
    assert combine("compute", f"GET /v2.1/servers/{U}", *replies).reply.site == "C"
    assert combine("compute", "GET /v2.1/servers", *replies).reply.site == "C"


@pytest.mark.parametrize(("second", "status"), [(DOWN, 502), (LOST, 504)])
def test_no_answer_at_all_lists_every_attempt(second: Outcome, status: int) -> None:
    for line in ("GET /v2.1/servers", f"GET /v2.1/servers/{U}", "GET /v2.1"):
        with pytest.raises(SiteFailure, match=r"Paris: .*Corte: ") as raised:
            combine("compute", line, Unreached("Paris", False, "no route"), second)
        assert raised.value.status == status


def test_garbage_alone_is_a_failure_of_its_sites() -> None:
    for line, why in (("GET /v2.1/servers", "what is not JSON"), ("GET /v2.1", "no version document")):
        with pytest.raises(SiteFailure, match=f"Corte: answered {why}") as raised:
            combine("compute", line, Reply("Corte", 200, (), b"<"), Unreached("Paris", False, "x"))
        assert raised.value.status == 502


# ---- version documents


def test_version_documents_are_intersected_and_the_missing_are_told() -> None:
    one, other = (
        json_reply(site, 200, {"versions": [{"id": "v2.1", "min_version": "2.1", "version": top}]}, (("ETag", "x"),))
        for site, top in (("Paris", "2.100"), ("Lyon", "2.9"))
    )
    merged = combine("compute", "GET /", one, DOWN, other)
    assert merged.reply.json["versions"][0]["version"] == "2.9"
    assert (merged.partial, merged.reply.header("ETag")) == (("Corte",), None)
    assert combine("compute", "GET /", json_reply("Corte", 200, {}), one).partial == ("Corte",)
    disjoint = json_reply("Corte", 200, {"versions": [{"id": "v2.1", "min_version": "2.101", "version": "2.102"}]})
    with pytest.raises(BadCollaboration):
        combine("compute", "GET /", one, disjoint)


def test_what_stands_in_the_place_of_a_version_document_is_the_first_sites() -> None:
    resources = json_reply("Paris", 200, {"resources": [{"name": "subnet"}]})
    assert combine("network", "GET /v2.0/", resources, resources).reply is resources


# ---- writes


def server(site: str, id_: str) -> Reply:
    return json_reply(site, 202, {"server": {"id": id_}})


def test_a_create_that_succeeds_everywhere_is_the_first_sites_and_tells_every_id() -> None:
    merged = combine("compute", "POST /v2.1/servers", server("Paris", U), server("Corte", V))
    assert (merged.reply.site, merged.replicas, merged.partial) == ("Paris", {"Paris": U, "Corte": V}, ())


@pytest.mark.parametrize(("failure", "status"), [(Reply("Corte", 409), 409), (DOWN, 502), (LOST, 504)])
def test_a_write_that_fails_somewhere_tells_what_happened(failure: Outcome, status: int) -> None:
    merged = combine("compute", "POST /v2.1/servers", server("Paris", U), failure)
    assert (merged.reply.status, merged.partial, merged.replicas) == (status, ("Corte",), {"Paris": U})
    assert U in merged.reply.body.decode()


def test_a_create_that_is_404_somewhere_failed_there() -> None:
    merged = combine("compute", "POST /v2.1/servers", server("Paris", U), Reply("Corte", 404))
    assert (merged.reply.status, merged.partial) == (404, ("Corte",))


@pytest.mark.parametrize(
    "line", [f"DELETE /v2.1/servers/{U}", f"PUT /v2.1/servers/{U}", f"POST /v2.1/servers/{U}/action"]
)
def test_what_lives_at_one_site_only_is_changed_there(line: str) -> None:
    changed = Reply("Corte", 204)
    assert combine("compute", line, Reply("Paris", 404), changed) == Merged(changed)
    assert combine("compute", line, Reply("Paris", 404), Reply("Corte", 404)).reply.status == 404
    assert combine("compute", line, Reply("Paris", 404), Reply("Corte", 409)).reply.status == 409
    with pytest.raises(SiteFailure, match="Corte") as raised:
        combine("compute", line, Reply("Paris", 404), DOWN)
    assert raised.value.status == 503
    assert combine("compute", line, Reply("Paris", 404), LOST).reply.status == 504
    assert combine("compute", line, changed, Unreached("Lyon", False, "down")).reply.status == 502


# ---- figures


def test_limits_are_added_and_each_sites_own_stand_beside() -> None:
    paris, corte = {"limits": {"absolute": {"maxTotalCores": 20}}}, {"limits": {"absolute": {"maxTotalCores": -1}}}
    merged = combine("compute", "GET /v2.1/limits", json_reply("Paris", 200, paris), json_reply("Corte", 200, corte))
    assert merged.reply.json == {
        "limits": {"absolute": {"maxTotalCores": -1}},
        "scope_sites": {"Paris": paris, "Corte": corte},
    }


def test_a_sum_without_a_site_says_so_and_one_of_nothing_is_none() -> None:
    limits = json_reply("Paris", 200, {"limits": {"absolute": {}}})
    assert combine("compute", "GET /v2.1/limits", limits, DOWN).partial == ("Corte",)
    assert combine("compute", "GET /v2.1/limits", limits, Reply("Corte", 200, (), b"odd")).partial == ("Corte",)
    with pytest.raises(SiteFailure):
        combine("compute", "GET /v2.1/limits", limits, DOWN, strict=True)
    with pytest.raises(SiteFailure):
        combine("compute", "GET /v2.1/limits", Unreached("Paris", False, "down"), DOWN)


# ---- tags


@pytest.mark.parametrize(
    ("service", "line", "tag"),
    [
        ("docs", "GET /notes/n", "scope:"),
        ("docs", "PUT /notes/n", "scope:"),
        ("image", "GET /v2/images/n/file", '"a"'),
        ("object-store", "HEAD /v1/AUTH_p/c/o", '"a"'),
        ("compute", "GET /v2.1/limits", "None"),
    ],
)
def test_the_tag_of_a_common_answer_is_of_all_and_that_of_data_stays(service: str, line: str, tag: str) -> None:
    replies = [
        Reply(site, 200, (("ETag", value),), b'{"a": {}}') for site, value in (("Paris", '"a"'), ("Corte", '"b"'))
    ]
    assert tag in str(combine(service, line, *replies).reply.header("ETag"))
    assert combine("docs", "GET /notes/n", replies[0]).reply.header("ETag") == '"a"'


# ---- what is not built yet


def test_what_is_not_built_is_refused_for_several_sites_and_passes_for_one() -> None:
    line = "POST /v2.1/servers/vm1/remote-consoles"
    with pytest.raises(NotYet, match="not built yet"):
        combine("compute", line, Reply("Paris", 200), Reply("Corte", 200))
    assert combine("compute", line, Reply("Paris", 200)).partial == ()
    method, target = line.split(" ")
    service = "compute"
    with pytest.raises(NotYet):
        require_mergeable(request := Request(service, method, target), classify(request))


def test_every_kind_is_merged_or_refused() -> None:
    assert {*MERGES, *NOT_YET} == set(Kind)


# ---- laws

IDS = st.lists(st.uuids().map(str), max_size=4, unique=True)
PARTS = st.lists(st.one_of(IDS, st.none()), min_size=1, max_size=5)


def outcomes_of(parts: Sequence[list[str] | None]) -> list[Outcome]:
    return [
        Unreached(f"site-{number}", False, "down") if ids is None else servers(f"site-{number}", *ids)
        for number, ids in enumerate(parts)
    ]


@given(PARTS)
def test_a_merged_list_holds_every_item_of_every_reachable_site_once(parts: list[list[str] | None]) -> None:
    reachable = [ids for ids in parts if ids is not None]
    if not reachable:
        return
    merged = combine("compute", "GET /v2.1/servers", *outcomes_of(parts))
    assert [id_ for id_, _ in items(merged, "servers")] == list(dict.fromkeys(id_ for ids in reachable for id_ in ids))
    assert merged.partial == tuple(f"site-{number}" for number, ids in enumerate(parts) if ids is None)


DOCUMENTS = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["servers", "id", "links", "versions"]), inner, max_size=3)
    ),
)


@given(
    st.binary(max_size=30) | DOCUMENTS.map(lambda document: json.dumps(document).encode()),
    st.sampled_from(["GET /v2.1/servers", "GET /v2.1", f"GET /v2.1/servers/{U}", "POST /v2.1/servers"]),
)
def test_whatever_a_site_answers_it_is_a_value_and_never_a_traceback(body: bytes, line: str) -> None:
    versions = [{"id": "v2.1", "min_version": "2.1", "version": "2.9"}]
    good = json_reply("Paris", 200, {"servers": [], "versions": versions})
    for outcomes in ((good, Reply("Corte", 200, (), body)), (Reply("Corte", 200, (), body), good)):
        with contextlib.suppress(SiteFailure, NotYet, BadCollaboration):
            combine("compute", line, *outcomes)


def test_a_list_is_in_the_order_that_was_asked_for() -> None:
    one, other = servers("Paris", "a", "c"), servers("Corte", "b", "d")
    merged = combine("compute", "GET /v2.1/servers?sort_key=id&sort_dir=asc", one, other)
    assert [id_ for id_, _ in items(merged, "servers")] == ["a", "b", "c", "d"]
