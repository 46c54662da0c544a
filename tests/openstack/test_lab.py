"""The lab where nova is split: what runs at a site, and what RabbitMQ is told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "openstack"))

from lab.broker import environment, require_broker
from lab.configuration import configure
from lab.sites import LabError, Site, some_sites


def site(tmp_path: Path, name: str = "Paris") -> Site:
    (only,) = some_sites(tmp_path, tmp_path / "venv", "127.9", [name], split=["Paris"])
    return only


def test_only_the_sites_that_are_named_are_split(tmp_path: Path) -> None:
    assert site(tmp_path).split
    assert not site(tmp_path, "Corte").split


def test_a_split_nova_is_five_processes_of_which_each_can_be_named_alone(tmp_path: Path) -> None:
    paris = site(tmp_path)
    parts = ("nova-conductor", "nova-scheduler", "nova-compute", "nova-compute-2")
    assert paris.programs("nova") == ("nova", *parts)
    assert paris.programs("nova-compute-2") == ("nova-compute-2",)
    assert paris.programs("glance") == ("glance",)
    assert site(tmp_path, "Corte").programs("nova") == ("nova",)


def test_each_compute_has_a_host_and_a_state_of_its_own(tmp_path: Path) -> None:
    paris, corte = site(tmp_path), site(tmp_path, "Corte")
    assert paris.computes() == {"nova-compute": "paris-compute", "nova-compute-2": "paris-compute-2"}
    assert len({paris.state(compute) for compute in paris.computes()}) == 2
    assert corte.computes() == {"nova": "corte-compute"}


def test_the_broker_is_at_the_site_and_not_where_the_machines_own_is(tmp_path: Path) -> None:
    assert site(tmp_path).transport == "rabbit://guest:guest@127.9.1.1:5673/"
    assert 5673 in site(tmp_path).ports()
    assert 5673 not in site(tmp_path, "Corte").ports()
    assert site(tmp_path, "Corte").transport == "fake:/"


def test_rabbitmq_keeps_to_the_sites_folder_and_address(tmp_path: Path) -> None:
    paris = site(tmp_path)
    told = environment(paris, paris.home / "broker", 4001, 4002)
    assert all(str(paris.home) in value for value in told.values() if value.startswith("/") and value != "/dev/null")
    assert "{127,9,1,1}" in told["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"]
    assert (told["ERL_EPMD_PORT"], told["RABBITMQ_DIST_PORT"]) == ("4001", "4002")


def test_without_rabbitmq_the_lab_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"nova of Paris .* apt-get install rabbitmq-server"):
        require_broker(site(tmp_path), tmp_path / "rabbitmq-server")


def test_the_parts_have_files_of_their_own_only_where_nova_is_split(tmp_path: Path) -> None:
    for name in ("Paris", "Corte"):
        one = site(tmp_path, name)
        paste = one.venv / "etc" / "nova" / "api-paste.ini"
        paste.parent.mkdir(parents=True, exist_ok=True)
        paste.touch()
        configure(one, tmp_path / "extra", None)
    paris, corte = (site(tmp_path, name).home / "etc" for name in ("Paris", "Corte"))
    assert "host = paris-compute-2\n" in (paris / "nova-compute-2.conf").read_text()
    assert "host =" not in (paris / "nova-scheduler.conf").read_text()
    assert "transport_url = rabbit://" in (paris / "nova.conf").read_text()
    assert not list(corte.glob("nova-*.conf"))
