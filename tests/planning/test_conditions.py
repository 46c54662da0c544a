"""One entity tag made of those of several sites, and taken apart again."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.errors import CallerError, Outdated
from scopeproxy.model.messages import Outcome, Reply, Request, Unreached
from scopeproxy.planning.conditions import check, composite, evaluated, for_site, tagged

TAGS = st.from_regex(re.compile(r'(W/)?"[!#-~]{0,20}"'), fullmatch=True)


def has(site: str, tag: str | None, status: int = 200) -> Reply:
    return Reply(site, status, () if tag is None else (("ETag", tag),), b"{}")


def absent(site: str) -> Reply:
    return Reply(site, 404)


def tag_of(**tags: str) -> str:
    tag = composite([has(site, tag) for site, tag in tags.items()])
    assert tag is not None
    return tag


def put(**headers: str) -> Request:
    return Request("docs", "PUT", "/x", tuple((name.replace("_", "-"), value) for name, value in headers.items()))


def at(request: Request, site: str, name: str = "If-Match") -> str | None:
    sent = for_site(request, site)
    assert sent is not None
    return sent.header(name)


# ---- one of many


@given(st.dictionaries(st.text(min_size=1, max_size=10), st.none() | TAGS, min_size=1, max_size=5))
def test_every_site_gets_its_own_tag_back(tags: Mapping[str, str | None]) -> None:
    tag = composite([has(site, tag) if tag else absent(site) for site, tag in tags.items()])
    if not any(tags.values()):
        assert tag is None
        return
    assert tag is not None
    assert re.fullmatch(r'(W/)?"scope:[A-Za-z0-9_-]+"', tag)
    for site, own in tags.items():
        assert at(put(If_Match=tag), site) == (own or '"absent-under-scope"')
        assert at(put(If_None_Match=tag), site, "If-None-Match") == (own or '"absent-under-scope"')


@pytest.mark.parametrize(
    "outcomes",
    [
        [has("Paris", '"a"'), Unreached("Corte", False, "down")],
        [has("Paris", '"a"'), has("Corte", None)],
        [has("Paris", '"a"'), has("Corte", '"b"', 500)],
        [has("Paris", '"a"'), has("Corte", "no tag")],
        [absent("Paris"), absent("Corte")],
        [has(f"Site{number}", f'"{number:030}"') for number in range(100)],
    ],
)
def test_an_answer_has_no_tag_where_one_would_promise_too_much(outcomes: list[Outcome]) -> None:
    assert composite(outcomes) is None
    assert tagged(has("Paris", '"a"'), outcomes).header("ETag") is None


def test_the_tag_of_all_stands_where_one_sites_stood() -> None:
    outcomes = [has("Paris", '"a"'), has("Corte", '"b"')]
    assert tagged(outcomes[0], outcomes).header("ETag") == composite(outcomes)
    assert tagged(Reply("Paris", 200), [Reply("Paris", 200), Reply("Corte", 200)]) == Reply("Paris", 200)


def test_a_weak_part_makes_it_weak() -> None:
    assert tag_of(Paris='"a"', Corte='W/"b"').startswith('W/"scope:')


# ---- taken apart


def test_of_several_tags_each_site_gets_its_own_and_of_a_foreign_one_nothing() -> None:
    one, two = tag_of(Paris='"a"', Corte='"b"'), tag_of(Paris='"c"')
    assert at(put(If_Match=f"{one}, {two}"), "Paris") == '"a", "c"'
    assert at(put(If_Match=f"{one}, {two}"), "Corte") == '"b"'
    assert for_site(put(If_Match=two), "Corte") is None
    assert at(put(If_None_Match=two), "Corte", "If-None-Match") is None


@pytest.mark.parametrize("value", ["*", '"a"', 'W/"a", "b"', "revision_number=3", "", "garbage"])
def test_what_is_no_tag_of_ours_stays_as_it_is(value: str) -> None:
    assert at(put(If_Match=value), "Paris") == value


@pytest.mark.parametrize("inside", ["", "x", "bm8", "e30", "W10", "eyJQYXJpcyI6MX0", "eyJQYXJpcyI6ImEifQ", "A" * 5000])
def test_a_tag_that_was_changed_is_refused(inside: str) -> None:
    with pytest.raises(CallerError, match="was not made by this proxy") as error:
        for_site(put(If_Match=f'"scope:{inside}"'), "Paris")
    assert error.value.status == 400
    with pytest.raises(CallerError, match="was not made by this proxy"):
        check(put(If_Match=f'"scope:{inside}"'), ["Paris", "Corte"])


# ---- before a write at several sites


@pytest.mark.parametrize("name", ["If-Match", "If-None-Match"])
@pytest.mark.parametrize("value", ['"a"', "revision_number=3", "", "garbage", '"a" "b"'])
def test_a_condition_of_one_site_is_refused_at_several_with_the_remedy(name: str, value: str) -> None:
    with pytest.raises(CallerError, match=r"is of one site: several take .* or bind docs to a single site") as error:
        check(Request("docs", "PUT", "/x", ((name, value),)), ["Paris", "Corte"])
    assert error.value.status == 400
    one = tag_of(Paris='"a"', Corte='"b"')
    with pytest.raises(CallerError, match="is of one site"):
        check(Request("docs", "PUT", "/x", ((name, f"{one}, {value}x"),)), ["Paris", "Corte"])


@pytest.mark.parametrize("name", ["If-Match", "If-None-Match"])
def test_checksums_are_tags_of_every_site(name: str) -> None:
    held = Request("object-store", "DELETE", "/v1/AUTH_p/box/letter", ((name, "8d777f385d3dfec8815d20f7496026dc"),))
    check(held, ("Paris", "Corte"))


def test_a_date_is_refused_at_several_sites() -> None:
    with pytest.raises(CallerError, match="use If-Match"):
        check(put(If_Unmodified_Since="Sat, 29 Oct 1994 19:43:31 GMT"), ["Paris", "Corte"])


def test_a_tag_that_says_nothing_of_a_site_is_outdated() -> None:
    tag = tag_of(Paris='"a"', Corte='"b"')
    check(put(If_Match=tag), ["Paris", "Corte"])
    check(put(If_Match="*", If_None_Match="*"), ["Paris", "Corte"])
    check(put(If_None_Match=tag), ["Paris", "Lyon"])
    with pytest.raises(Outdated, match="an answer without Lyon: read it again") as error:
        check(put(If_Match=tag), ["Paris", "Lyon"])
    assert error.value.status == 412


# ---- after a read


def read(reply: Reply, **headers: str) -> Reply:
    return evaluated(Request("docs", "GET", "/x", put(**headers).headers), reply)


def test_what_all_have_as_it_was_is_304_without_a_body() -> None:
    tag = tag_of(Paris='"a"', Corte='W/"b"')
    reply = Reply("Paris", 200, (("ETag", tag), ("Content-Length", "2"), ("X-A", "1")), b"{}")
    strong = tag_of(Paris='W/"a"', Corte='"b"')
    for value in (tag, "*", f'"old", {tag}', strong):
        given = read(reply, If_None_Match=value)
        assert (given.status, given.headers, given.body) == (304, (("ETag", tag), ("X-A", "1")), b"")


@pytest.mark.parametrize("value", ['"a"', tag_of(Paris='"a"'), tag_of(Paris='"a"', Corte='"c"')])
def test_what_one_site_has_in_another_way_is_told(value: str) -> None:
    reply = has("Paris", tag_of(Paris='"a"', Corte='"b"'))
    assert read(reply, If_None_Match=value) == reply
    assert read(has("Paris", None), If_None_Match=value).status == 200
    with pytest.raises(Outdated):
        read(reply, If_Match=value)


def test_a_read_may_ask_for_the_same_as_before() -> None:
    tag = tag_of(Paris='"a"', Corte='"b"')
    assert read(has("Paris", tag), If_Match=tag).status == 200
    assert read(has("Paris", None), If_Match="*").status == 200
    weak = tag_of(Paris='W/"a"')
    with pytest.raises(Outdated):
        read(has("Paris", weak), If_Match=weak)
    assert read(Reply("Paris", 404), If_Match=tag, If_None_Match="*").status == 404
