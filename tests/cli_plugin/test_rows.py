"""Whose item a row shows."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scopeproxy.osc.listed import Item
from scopeproxy.osc.rows import sites_of


def at(site: str | None, **body: Any) -> Item:
    return Item(body, site)


class Shown:
    """A column of osc_lib's, which shows a value in another way than it was answered."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def machine_readable(self) -> Any:
        return self.value


SERVERS = [
    at("Paris", id="s1", name="vm", status="ACTIVE", image={"id": "i1"}),
    at("Corte", id="s2", name="vm", status="ACTIVE", image={"id": "i2"}),
]
IMAGES = [
    at("Corte", id="i1", name="Debian", status="active"),
    at("Corte", id="i2", name="Alpine", status="active"),
]


def test_a_row_is_the_item_of_its_id_in_whatever_order_the_command_shows_them() -> None:
    assert sites_of([("s2", "vm", "ACTIVE"), ("s1", "vm", "ACTIVE")], [SERVERS]) == ["Corte", "Paris"]


def test_names_that_were_looked_up_before_or_afterwards_are_no_rows() -> None:
    rows = [("s1", "vm", "ACTIVE", "Debian"), ("s2", "vm", "ACTIVE", "Alpine")]
    assert sites_of(rows, [SERVERS, IMAGES]) == sites_of(rows, [IMAGES, SERVERS]) == ["Paris", "Corte"]


def test_a_list_that_is_not_merged_has_no_sites_though_its_look_ups_are() -> None:
    unmerged = [Item(item.body, None) for item in SERVERS]
    rows = [("s1", "vm", "ACTIVE", "Debian"), ("s2", "vm", "ACTIVE", "Alpine")]
    assert sites_of(rows, [unmerged, IMAGES]) is None


def test_rows_without_an_id_are_told_by_what_they_show() -> None:
    services = [at(site, binary="cinder-volume", host=f"{site}@lvm", state="up") for site in ("Paris", "Corte")]
    assert sites_of([("cinder-volume", "Corte@lvm", "up")], [services]) == ["Corte"]


def test_rows_that_look_alike_are_as_many_as_their_items() -> None:
    agents = [at(site, binary="dhcp", alive=True) for site in ("Paris", "Corte")]
    other = at("Paris", binary="l3", alive=True)
    assert sites_of([("l3",), ("dhcp",), ("dhcp",)], [[*agents, other]]) == ["Paris", "Paris", "Corte"]


def test_where_it_cannot_be_told_nothing_is_said() -> None:
    """The command left one of two out, and which one does not show."""
    agents = [at("Paris", binary="dhcp"), at("Corte", binary="dhcp"), at("Paris", binary="l3")]
    assert sites_of([("dhcp",), ("l3",)], [agents]) == ["", "Paris"]


def test_the_column_stays_though_all_is_in_doubt() -> None:
    """A script which asks for it must not fail by what there is."""
    agents = [at("Paris", binary="dhcp"), at("Corte", binary="dhcp")]
    assert sites_of([("dhcp",)], [agents]) == [""]


def test_names_made_of_several_are_told_by_the_order() -> None:
    """`role assignment list --names` shows alice@Default."""
    grants = [
        at(site, role={"name": "member"}, user={"name": "alice", "domain": {"name": "Default"}})
        for site in ("Paris", "Corte", "Paris")
    ]
    rows = [("member", "alice@Default", "")] * 3
    assert sites_of(rows, [grants]) == ["Paris", "Corte", "Paris"]


def test_an_order_that_contradicts_is_not_believed() -> None:
    rows = [("s2", "vm"), ("s1", "vm")]
    assert sites_of(rows, [SERVERS]) == ["Corte", "Paris"]


def test_zones_of_several_services_are_told_in_turn() -> None:
    """`availability zone list` asks nova, cinder and neutron; of neutron's there is one site here."""
    nova, cinder = [at("Corte", zoneName="az")], [at("Paris", zoneName="az")]
    assert sites_of([("az",), ("az",), ("az",)], [nova, cinder, [at(None, name="az")]]) == ["Corte", "Paris", ""]


def test_mappings_within_are_looked_into_with_their_keys() -> None:
    zones = [at("Paris", zoneName="a", hosts={"h1": {"nova-compute": {"active": True}}}), at("Corte", zoneName="b")]
    assert sites_of([("a", "h1", "nova-compute"), ("b", "", "")], [zones]) == ["Paris", "Corte"]


def test_rows_of_something_else_have_no_sites() -> None:
    """`quota list` looks its projects up in a list."""
    projects = [at("Paris", id="p1", name="demo", domain_id="default")]
    assert sites_of([("p1", 20, 51200, 10, 100, 128)], [projects]) is None
    assert sites_of([("cores", 20)], [projects]) is None
    assert sites_of([("x", "y")], []) is None


def test_columns_are_read_as_they_were_answered() -> None:
    ports = [at(site, id=f"p{site}", state=4) for site in ("Paris", "Corte")]
    rows = [
        (Shown("pCorte"), Shown(4), Shown({"a": [1]}), None, True, ""),
        (Shown("pParis"), Shown(4), None, "", "", ""),
    ]
    assert sites_of(rows, [ports]) == ["Corte", "Paris"]


@pytest.mark.parametrize("common", ["ACTIVE", ""])
def test_a_thousand_of_a_kind(common: str) -> None:
    servers = [at(f"S{n % 7}", id=f"id{n}", status="ACTIVE", flavor="tiny") for n in range(1000)]
    rows = [(f"id{n}", common, "tiny") for n in reversed(range(1000))]
    assert sites_of(rows, [servers]) == [f"S{n % 7}" for n in reversed(range(1000))]


@given(
    st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from("xyz"), st.sampled_from("12")), max_size=12), st.randoms()
)
def test_no_row_is_given_to_a_site_that_has_no_such_item(items: list[tuple[str, str, str]], random: Any) -> None:
    shown = random.sample(items, random.randint(0, len(items)))
    sites = sites_of([row[1:] for row in shown], [[at(site, name=name, size=size) for site, name, size in items]])
    for (_, name, size), site in zip(shown, sites or [], strict=False):
        assert site == "" or (site, name, size) in items
