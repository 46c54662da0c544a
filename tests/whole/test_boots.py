"""Servers across sites, with the released client."""

from __future__ import annotations

from typing import Any

import pytest

PARTIAL = "scope: the result is partial: nothing came from Corte"


def test_nova_works_with_the_glance_of_another_site(lab: Any) -> None:
    done = lab.boot("far-image", "--wait", "--scope", "{nova: Paris, glance: Corte}", image="Alpine")
    assert done.json["status"] == "ACTIVE"
    assert lab.servers("far-image") == [("Paris", "ACTIVE")]
    assert done.calls("glance@Corte", caller="nova-api")
    assert not any(asked in done.asked for asked in ("glance@Paris", "nova@Corte", "neutron@Corte"))


@pytest.mark.parametrize("how", ["refuse", "drop"])
def test_or_moves_on_from_a_site_that_is_cut_off(lab: Any, how: str) -> None:
    with lab.cut_off("Corte", how):
        done = lab.boot(f"or-{how}", "--scope", "{nova: Paris, glance: Corte|Marseille}", image="Debian")
    assert done.json["image"].startswith("Debian")
    assert PARTIAL in done.stderr
    assert lab.servers(f"or-{how}") == [("Paris", "ACTIVE")]
    assert done.calls("glance@Marseille", caller="nova-api")


def test_or_moves_on_from_a_site_that_has_no_such_image(lab: Any) -> None:
    done = lab.boot("or-name", "--scope", "{nova: Paris, glance: Corte|Marseille}", image="Debian")
    assert (done.code, done.stderr) == (0, "")
    assert lab.servers("or-name") == [("Paris", "ACTIVE")]
    assert done.calls("glance@Corte")
    assert not done.calls("glance@Corte", caller="nova-api", method="POST")


def test_a_boot_wholly_at_another_site(lab: Any) -> None:
    done = lab.boot("at-corte", "--scope", "Corte")
    assert lab.servers("at-corte") == [("Corte", "ACTIVE")]
    assert {asked for asked in done.asked if asked.endswith("Paris")} <= {"keystone@Paris"}


def test_a_server_of_another_site_is_shown_and_deleted_by_name(lab: Any) -> None:
    assert lab.boot("to-delete", "--scope", "Corte").code == 0
    shown = lab.openstack("server", "show", "to-delete", "-f", "json", "--scope", "{nova: Paris&Corte}")
    assert shown.json["name"] == "to-delete"
    assert lab.openstack("server", "delete", "--wait", "to-delete", "--scope", "{nova: Corte}").code == 0
    assert lab.servers("to-delete") == []


def test_a_server_of_one_site_is_deleted_there_under_here_and_there(lab: Any) -> None:
    assert lab.boot("to-delete-2", cloud="Corte-alice").code == 0
    done = lab.openstack("server", "delete", "to-delete-2", "--scope", "{nova: Paris&Corte}")
    assert done.code == 0, done.stderr
    assert [path.rpartition("/")[0] for path in done.calls("nova@Corte", method="DELETE")] == ["/v2.1/servers"]


@pytest.mark.parametrize(
    ("scope", "why"),
    [
        ("{nova: Paris, neutron: Corte}", "compute at Paris cannot work with network at Corte"),
        ("{nova: Corte, placement: Paris}", "compute at Corte cannot work with placement at Paris"),
        ("{nova: Paris&Lyon}", "unknown site 'Lyon'"),
    ],
)
def test_what_cannot_work_is_refused_before_any_call(lab: Any, scope: str, why: str) -> None:
    done = lab.boot("never", "--scope", scope)
    assert done.code != 0
    assert why in done.stderr
    assert done.records == ()


def test_a_wrong_scope_is_told_before_any_call(lab: Any) -> None:
    done = lab.boot("never", "--scope", "{nova: Paris&}")
    assert (done.code, done.records) == (2, ())
    assert "scope: line 1" in done.stderr
