"""The column Site of merged lists, with the released client."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from .conftest import SITES

pytestmark = pytest.mark.usefixtures("a_server_each")

EVERYWHERE = ("--scope", "{*: all(*)}")

# Every list command whose answers the emulated services give.
COMMANDS = (
    "server list --all-projects",
    "server list --all-projects --long",
    "server list --all-projects --no-name-lookup",
    "flavor list",
    "flavor list --long",
    "keypair list",
    "hypervisor list",
    "image list",
    "image list --long",
    "image member list shared-Corte",
    "network list",
    "subnet list",
    "port list",
    "port list --network private",
    "router list",
    "security group list",
    "security group rule list",
    "floating ip list",
    "extension list --network",
    "user list",
    "group list",
    "project list",
    "domain list",
    "role list",
    "role assignment list",
    "role assignment list --names",
    "service list",
    "region list",
    # Not of all services: those of one name are one in a merged list, and OSC 6 looks for each endpoint's by its id.
    "endpoint list --service keystone",
    "volume list",
    "volume list --long",
    "volume type list",
    "volume snapshot list",
    "availability zone list",
    "availability zone list --compute",
)


FURNISH = """\
keypair create key-{site}
image create shared-{site} --shared --file {file}
image add project shared-{site} demo
network create --external outside-{site}
subnet create --network outside-{site} --subnet-range 203.0.113.0/24 outside-{site}
floating ip create outside-{site}
router create router-{site}
group create people
volume create --size 1 disk
volume snapshot create --volume disk --force still
"""


@pytest.fixture(scope="module", autouse=True)
def furnished(lab: Any) -> None:
    """At every site something of each kind that is not there from the beginning."""

    def furnish(site: str) -> None:
        done = lab.openstack(cloud=site, typed=FURNISH.format(site=site, file=lab.cloud.clouds_path))
        assert done.stderr.strip() == ""

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(furnish, SITES))


def typed(lab: Any, commands: Sequence[str], *words: str, site: str = "Paris") -> list[Any]:
    """What each command shows, all typed into one interactive shell."""
    lines = "".join(f"{command} -f json\n" for command in commands)
    done = lab.openstack(*words, cloud=site, typed=lines)
    shown = list(_documents(done.stdout))
    assert len(shown) == len(commands), done.stderr
    return shown


def _documents(text: str) -> Iterator[Any]:
    decoder = json.JSONDecoder()
    while (start := min((at for at in (text.find("[\n"), text.find("[]")) if at >= 0), default=-1)) >= 0:
        document, end = decoder.raw_decode(text, start)
        yield document
        text = text[end:]


def test_every_merged_list_tells_where_each_row_is(lab: Any) -> None:
    """Each row, less its site, is a row of what that site shows by itself."""
    alone = [command for command in COMMANDS if "shared-Corte" not in command]
    with ThreadPoolExecutor(2) as pool:
        own = dict(zip(SITES, pool.map(lambda site: typed(lab, alone, site=site), SITES), strict=True))
        merged = dict(zip(COMMANDS, typed(lab, COMMANDS, *EVERYWHERE), strict=True))
    for place, command in enumerate(alone):
        rows = merged[command]
        assert rows, command
        for row in rows:
            site = row.pop("Site")
            assert any(_same(row, one) for one in own[site][place]), (command, site, row)
    assert {row["Site"] for row in merged["image member list shared-Corte"]} == {"Corte"}


def _same(row: dict[str, Any], alone: dict[str, Any]) -> bool:
    """Whether a row is the one that the site shows; cells that are empty in one of the two aside.

    Alone, the client finds no name for the image of another site; OSC 6 finds none under the scope for a flavor which
    another site has under another id.
    """
    return all(str(value) == str(alone[name]) for name, value in row.items() if value and alone[name])


def test_every_format_has_the_column_and_it_can_be_chosen_sorted_by_and_left_out(lab: Any) -> None:
    images = ("image", "list", "--name", "cirros", "--scope", "{glance: Paris&Corte&Marseille}")

    def shown(*words: str) -> str:
        done = lab.openstack(*images, *words)
        assert (done.code, done.stderr) == (0, "")
        return str(done.stdout)

    chosen = ("-c", "Name", "-c", "Site", "--sort-column", "Site")
    by_format = {
        "table": "+--------+-------+\n| Name   | Site  |\n+--------+-------+\n| cirros | Paris |\n+--------+-------+\n",
        "csv": '"Name","Site"\n"cirros","Paris"\n',
        "json": '[{"Name": "cirros", "Site": "Paris"}]\n',
        "yaml": "- Name: cirros\n  Site: Paris\n",
        "value": "cirros Paris\n",
    }
    asked = [("-f", name, *chosen, *(("--noindent",) if name == "json" else ())) for name in by_format]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda words: shown(*words), asked)) == list(by_format.values())
    assert shown("-f", "value", "-c", "Name") == "cirros\n"


def test_sorted_by_site_and_page_by_page(lab: Any) -> None:
    words = ("server", "list", "--scope", "{nova: Paris&Corte&Marseille}", "-f", "value", "-c", "Name", "-c", "Site")
    whole = sorted(lab.openstack(*words).stdout.splitlines())
    assert [line.split()[1] for line in lab.openstack(*words, "--sort-column", "Site").stdout.splitlines()] == sorted(
        line.split()[1] for line in whole
    )
    assert set(lab.openstack(*words, "--limit", "2").stdout.splitlines()) <= set(whole)
    assert {"each-Paris Paris", "each-Corte Corte", "each-Marseille Marseille"} <= set(whole)


def test_a_scope_that_is_set_in_the_interactive_shell_brings_the_column(lab: Any) -> None:
    listed = "server list -f value -c Name -c Site --name each-\n"
    done = lab.openstack(typed=f"scope set {{nova: Paris&Corte}}\n{listed}scope unset\nserver list -f value\n")
    assert done.stderr == ""
    assert {"each-Paris Paris", "each-Corte Corte"} <= set(done.stdout.splitlines())
    assert not any(line.endswith(" Paris") and "ACTIVE" in line for line in done.stdout.splitlines())


def test_an_empty_list_has_the_column_that_a_script_asks_for(lab: Any) -> None:
    words = ("server", "list", "--name", "nobody", "-f", "csv", "-c", "Site")
    assert lab.openstack(*words, "--scope", "{nova: Paris&Corte}").stdout == '"Site"\n'


def test_what_is_not_merged_has_no_such_column(lab: Any) -> None:
    """Also when names in it are looked up in lists that are merged."""
    scopes = [(), ("--scope", "{nova: Corte}"), ("--scope", "{nova: any(*)}"), ("--scope", "{glance: Paris&Corte}")]
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda scope: lab.openstack("server", "list", "-f", "json", *scope), scopes))
    assert [set(row) for one in done for row in one.json[:1]] == [
        {"ID", "Name", "Status", "Networks", "Image", "Flavor"}
    ] * len(scopes)


def test_with_a_site_cut_off_the_others_are_told(lab: Any) -> None:
    with lab.cut_off("Corte"):
        done = lab.openstack("server", "list", "-f", "json", "--scope", "{nova: all(*)}")
    assert {row["Site"] for row in done.json} == {"Paris", "Marseille"}
    assert done.stderr.startswith("scope: the result is partial: nothing came from Corte")
