from __future__ import annotations

import shlex

import pytest

from scopeproxy.edges.tour import Part, steps
from scopeproxy.lang.parser import parse_command_line

THREE = ("Paris", "Corte", "Marseille")


def scopes(*sites: str) -> list[str]:
    commands = [step.command for step in steps(sites)]
    return [command[command.index("--scope") + 1] for command in commands if "--scope" in command]


def test_the_tour_of_three_sites() -> None:
    assert scopes(*THREE) == [
        "{nova: Paris, glance: Corte}",
        "{nova: Paris, glance: Corte|Marseille}",
        "{keystone: Paris&Corte}",
        "{nova: all(*)}",
        "{nova: Paris, neutron: Corte}",
    ]


def test_with_two_sites_the_first_one_plays_the_third() -> None:
    assert Part.of(("Lyon", "Nice")).images == {"Nice": ["Alpine"], "Lyon": ["Debian"]}
    assert "{nova: Lyon, glance: Nice|Lyon}" in scopes("Lyon", "Nice")


@pytest.mark.parametrize("sites", [THREE, ("a.b", "all"), ("1", "2", "3", "4")])
def test_every_scope_can_be_read(sites: tuple[str, ...]) -> None:
    for scope in scopes(*sites):
        assert parse_command_line([scope])


def test_the_first_step_is_unscoped_and_titles_are_one_sentence() -> None:
    assert "--scope" not in steps(THREE)[0].command
    assert all(step.title.count(". ") == 0 and step.title.endswith(".") for step in steps(THREE))
    assert all(shlex.join(step.command).isascii() for step in steps(THREE))
