"""`scopeproxy check`: its summary, its mistakes, its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scopeproxy.edges.check import check, check_live

SITES = """\
sites:
  Paris:
    labels: {country: France, operator: renater}
    services:
      keystone: {front: "http://127.0.1.1:5000"}
      glance: {front: "http://127.0.1.1:9292"}
  Corte:
    region: corsica-1
    labels: {country: France}
    services:
      keystone: {front: "http://127.0.2.1/identity"}
      glance: {front: "http://127.0.2.1/image"}
scopes: {home: "glance: Paris"}
proxy: {admin: none}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "sites.yaml"
    path.write_text(SITES)
    return path


def test_a_good_file_is_summed_up(file: Path) -> None:
    assert check(file) == (
        """\
SITE   REGION     SERVICES         FRONTS                                        GROUPS
Paris  Paris      identity, image  http://127.0.1.1:5000, http://127.0.1.1:9292  France, renater
Corte  corsica-1  identity, image  http://127.0.2.1                              France

2 sites, 4 fronts, 1 named scope: no mistakes""",
        0,
    )


def test_the_summary_as_json(file: Path) -> None:
    text, code = check(file, "json")
    assert code == 0
    assert json.loads(text)["sites"][1] == {
        "site": "Corte",
        "region": "corsica-1",
        "services": {"identity": "http://127.0.2.1/identity", "image": "http://127.0.2.1/image"},
        "groups": ["France"],
    }


def test_many_fronts_are_counted(file: Path) -> None:
    services = ("keystone", "glance", "nova", "neutron", "cinder")
    ends = "".join(f'      {name}: {{front: "http://127.0.0.1:{port}"}}\n' for port, name in enumerate(services, 1))
    file.write_text("sites:\n  A:\n    services:\n" + ends)
    assert "http://127.0.0.1:1, http://127.0.0.1:2, http://127.0.0.1:3 and 2 more" in check(file)[0]


def test_warnings_follow_the_summary(file: Path) -> None:
    file.write_text(SITES.replace("renater", "Corte"))
    assert check(file)[0].endswith("\nwarning: 'Corte' is a site and a group of Paris: in a scope it means the site")
    assert json.loads(check(file, "json")[0])["warnings"]


def test_every_mistake_is_told_and_the_code_is_2(file: Path) -> None:
    file.write_text(SITES.replace("region", "regoin").replace("glance", "glnce", 1))
    mistakes = [
        "sites.yaml:6: sites.Paris.services.glnce: unknown service 'glnce'; did you mean 'glance'?",
        "sites.yaml:8: sites.Corte.regoin: unknown key 'regoin'; did you mean 'region'?",
    ]
    assert check(file) == ("\n".join(mistakes), 2)
    assert json.loads(check(file, "json")[0]) == {"mistakes": mistakes}
    assert check(file.with_name("none.yaml"))[1] == 2


async def test_live_asks_nobody_about_a_file_that_is_wrong(file: Path) -> None:
    file.write_text("sites: 3")
    assert await check_live(file, {}) == check(file)


async def test_live_tells_what_does_not_answer(file: Path, unused_tcp_port: int) -> None:
    front = f"http://127.0.0.1:{unused_tcp_port}"
    file.write_text(f'sites: {{Paris: {{services: {{glance: {{front: "{front}"}}}}}}}}')
    text, code = await check_live(file, {})
    assert code == 1
    assert text.splitlines()[-1].startswith(f"bad  Paris  image  {front} does not answer: ")
    found = json.loads((await check_live(file, {}, "json"))[0])["findings"]
    assert [(finding["site"], finding["service"], finding["good"]) for finding in found] == [("Paris", "image", False)]
