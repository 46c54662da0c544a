"""An id that was seen at one site is asked for there first."""

from __future__ import annotations

from typing import Any

import pytest

from scopeproxy.lang.scope import At, Location, all_of, any_of
from scopeproxy.model.messages import Reply, json_reply
from scopeproxy.planning.affinity import Affinity, ids_in

P, C, M = At("Paris"), At("Corte"), At("Marseille")
EITHER = any_of([P, C, M])


def seen(*replies: Reply) -> Affinity:
    affinity = Affinity()
    for reply in replies:
        affinity.learn("project", "image", reply)
    return affinity


def image(site: str, id_: str = "i") -> Reply:
    return json_reply(site, 200, {"id": id_})


def test_the_site_where_an_id_was_seen_is_first_and_the_others_keep_their_order() -> None:
    assert seen(image("Marseille")).prefer("project", "image", "i", EITHER) == any_of([M, P, C])


@pytest.mark.parametrize(
    ("project", "service", "id_"),
    [("other", "image", "i"), ("project", "volume", "i"), ("project", "image", "j"), ("project", "image", None)],
)
def test_otherwise_the_written_order_holds(project: str, service: str, id_: str | None) -> None:
    assert seen(image("Marseille")).prefer(project, service, id_, EITHER) == EITHER


def test_an_id_that_was_seen_at_two_sites_says_nothing() -> None:
    assert seen(image("Marseille"), image("Corte")).prefer("project", "image", "i", EITHER) == EITHER


def test_only_the_sites_of_the_expression_count() -> None:
    here = any_of([P, M])
    assert seen(image("Marseille"), image("Corte")).prefer("project", "image", "i", here) == any_of([M, P])
    assert seen(image("Lyon")).prefer("project", "image", "i", here) == here


@pytest.mark.parametrize("location", [P, all_of([P, C]), any_of([P, all_of([C, M])])])
def test_nothing_but_an_alternative_moves(location: Location) -> None:
    assert seen(image("Marseille")).prefer("project", "image", "i", location) == location


def test_what_was_not_seen_for_long_is_forgotten() -> None:
    affinity = Affinity(remembered=2)
    for id_ in ("a", "b", "a", "c"):
        affinity.learn("project", "image", image("Corte", id_))
    moved = [affinity.prefer("project", "image", id_, EITHER) != EITHER for id_ in ("a", "b", "c")]
    assert moved == [True, False, True]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"id": "i"}, ("i",)),
        ({"server": {"id": "s", "flavor": {"id": "f"}}}, ("s",)),
        ({"images": [{"id": "i"}, {"id": "j"}], "schema": "s"}, ("i", "j")),
        ([{"id": "p"}, {"id": "q"}], ("p", "q")),
        ({"id": "page", "author": {"id": "a"}, "tags": [{"id": "t"}]}, ("page",)),
        ({"id": 7}, ()),
        ("text", ()),
        (None, ()),
    ],
)
def test_the_ids_of_an_answer_are_those_of_its_resources(document: Any, expected: tuple[str, ...]) -> None:
    assert ids_in(json_reply("Corte", 200, document)) == expected


def test_an_error_tells_no_ids() -> None:
    assert ids_in(json_reply("Corte", 404, {"id": "i"})) == ()
