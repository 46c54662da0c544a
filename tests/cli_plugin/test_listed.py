"""Lists as services answer them."""

from typing import Any

import pytest
from scopeproxy.osc.listed import Item, Listed, identity, lists


@pytest.mark.parametrize(
    ("document", "found"),
    [
        (
            {"servers": [{"id": "s1", "scope_site": "Paris"}, 7], "servers_links": [{"rel": "next"}]},
            [Listed("servers", (Item({"id": "s1"}, "Paris"),))],
        ),
        ({"images": [{"id": "i1"}], "first": "/v2/images"}, [Listed("images", (Item({"id": "i1"}, None),))]),
        (
            {"keypairs": [{"keypair": {"name": "k", "scope_site": "Corte"}}]},
            [Listed("keypairs", (Item({"name": "k"}, "Corte"),))],
        ),
        ([{"name": "c", "scope_site": "Corte"}], [Listed("", (Item({"name": "c"}, "Corte"),))]),
        ({"server": {"id": "s1"}, "links": [{}]}, []),
        (None, []),
    ],
)
def test_the_items_of_a_list_and_their_sites(document: Any, found: list[Listed]) -> None:
    assert list(lists(document)) == found


@pytest.mark.parametrize(
    ("body", "id_"),
    [
        ({"id": 7, "name": "n"}, "7"),
        ({"uuid": "u"}, "u"),
        ({"name": "key"}, "key"),
        ({"zoneName": "z"}, "z"),
        ({}, None),
    ],
)
def test_what_stands_for_an_item(body: dict[str, Any], id_: str | None) -> None:
    assert identity(body) == id_
