"""Lists over several sites, with the released client."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("a_server_each")

EVERYWHERE = ("server", "list", "-f", "json", "--scope", "{nova: all(*)}")


def each(done: Any) -> list[str]:
    return sorted(row["Name"] for row in done.json if row["Name"].startswith("each-"))


def test_servers_of_all_sites_in_one_list(lab: Any) -> None:
    done = lab.openstack(*EVERYWHERE)
    assert each(done) == ["each-Corte", "each-Marseille", "each-Paris"]
    assert len({row["ID"] for row in done.json}) == len(done.json)
    assert done.stderr == ""


def test_what_a_site_cannot_add_is_told_on_stderr(lab: Any) -> None:
    with lab.cut_off("Corte"):
        done = lab.openstack(*EVERYWHERE)
        quiet = lab.openstack("-q", *EVERYWHERE)
    assert each(done) == each(quiet) == ["each-Marseille", "each-Paris"]
    assert done.stderr.startswith("scope: the result is partial: nothing came from Corte")
    assert done.stderr.count("\n") == 1
    assert quiet.stderr == ""


def test_strict_makes_it_an_error(lab: Any) -> None:
    with lab.cut_off("Corte"):
        done = lab.openstack(*EVERYWHERE, "--scope-strict")
    assert (done.code, done.stdout) == (1, "")
    assert "Corte" in done.stderr


def test_catalogue_like_things_are_listed_once(lab: Any) -> None:
    done = lab.openstack("flavor", "list", "-f", "json", "--scope", "{nova: Paris&Corte}")
    assert sorted(row["Name"] for row in done.json) == ["m1.small", "m1.tiny"]


def test_the_nearest_site_that_serves(lab: Any) -> None:
    done = lab.openstack("image", "list", "-f", "json", "--scope", "{glance: any(* - Paris)}")
    assert {row["Name"] for row in done.json} & {"Alpine", "Debian"}


SCOPED = ("-f", "json", "--scope", "{nova: all(*), glance: all(*), neutron: all(*)}")


def test_a_client_that_reads_page_by_page_gets_the_same_list(lab: Any) -> None:
    whole = [row["ID"] for row in lab.openstack("port", "list", *SCOPED).json]
    assert len(whole) > 2
    assert [row["ID"] for row in lab.openstack("port", "list", *SCOPED, "--limit", "1").json] == whole


# Not of images: the command sorts each page by name, so that the last one shown is not the page's last.
@pytest.mark.parametrize("what", ["server", "flavor"])
def test_from_one_marker_to_the_next_the_list_is_told_to_its_end(lab: Any, what: str) -> None:
    whole = [row["ID"] for row in lab.openstack(what, "list", *SCOPED).json]
    told: list[str] = []
    while page := lab.openstack(what, "list", *SCOPED, "--limit", "2", *_behind(told)).json:
        told += [row["ID"] for row in page]
    assert sorted(told) == sorted(whole)


def _behind(told: list[str]) -> tuple[str, ...]:
    return ("--marker", told[-1]) if told else ()
