"""Names of the own keystone, looked up by a service's token, and remembered within bounds."""

from __future__ import annotations

import re

import pytest

from scopeproxy.execution.tokens import local_directory
from scopeproxy.execution.tokens.local_directory import LocalCatalog, LocalDirectory
from scopeproxy.model.identity import Identity, Token
from scopeproxy.model.messages import Reply, Unreached, json_reply
from scopeproxy.model.topology import HomeRules
from scopeproxy.planning.homes import PROJECTS, USERS, Counterparts, Local, Wanted

DEMO = Wanted(PROJECTS, "de mo&")
SERVICE = Token("service's")
FOUND = {"projects": [{"id": "P", "name": "de mo&"}]}
HEX = "0" * 32


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


class Keystone:
    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    async def __call__(self, request):
        self.asked.append(request)
        return self.answers.pop(0)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def directory(clock):
    return LocalDirectory(clock)


async def test_a_name_is_looked_up_once_in_a_while_with_the_services_token(directory, clock):
    keystone = Keystone(json_reply("Corte", 200, FOUND), json_reply("Corte", 200, FOUND))
    for _ in range(2):
        assert await directory.find(DEMO, SERVICE, keystone) == Local("P", "de mo&")
    (asked,) = keystone.asked
    assert asked.target == "/v3/projects?name=de%20mo%26&domain_id=default"
    assert asked.header("X-Auth-Token") == "service's"
    clock.now += local_directory.FRESH
    await directory.find(DEMO, SERVICE, keystone)
    assert len(keystone.asked) == 2


async def test_an_id_is_not_looked_up(directory):
    assert await directory.find(Wanted(PROJECTS, HEX), SERVICE, Keystone()) == Local(HEX)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (json_reply("Corte", 403, {}), "HTTP 403 .*give the id"),
        (json_reply("Corte", 200, {"projects": []}), "knows 0 of that name"),
        (json_reply("Corte", 200, {"projects": [{"id": "1", "name": "demo"}, None]}), "knows 0"),
        (json_reply("Corte", 200, []), "knows 0"),
        (Unreached("Corte", False, "down"), "cannot be asked: down"),
    ],
)
async def test_who_cannot_be_found_is_told_why_and_asked_for_again(directory, answer, told):
    keystone = Keystone(answer, json_reply("Corte", 200, FOUND))
    why = await directory.find(DEMO, SERVICE, keystone)
    assert isinstance(why, str)
    assert re.search(told, why)
    assert await directory.find(DEMO, SERVICE, keystone) == Local("P", "de mo&")


async def test_a_refusal_of_the_services_token_is_handed_on(directory):
    refusal = Reply("Corte", 401)
    assert await directory.find(DEMO, SERVICE, Keystone(refusal)) is refusal
    assert await directory.catalog(SERVICE, Keystone(refusal)) is refusal


async def test_counterparts_need_no_look_up_or_had_one(directory, clock):
    who = Identity("u", "p", 0.0, user="alice", project="demo")
    by_name, by_id = HomeRules(projects={"demo": "de mo&"}), HomeRules(projects={"demo": HEX})
    assert directory.known(who, HomeRules()) == (Counterparts(), frozenset())
    assert directory.known(who, by_id) == (Counterparts(Local(HEX)), frozenset())
    assert directory.known(who, by_name) == (Counterparts(), frozenset({"p"}))
    await directory.find(DEMO, SERVICE, Keystone(json_reply("Corte", 200, FOUND)))
    clock.now += 10 * local_directory.FRESH
    assert directory.known(who, by_name) == (Counterparts(Local("P", "de mo&")), frozenset())


async def test_a_catalog_comes_with_the_project_in_it_and_is_asked_for_by_a_token_that_validates_itself(directory):
    said = {
        "token": {"user": {"id": "glance"}, "project": {"id": "S"}, "catalog": [{"type": "image", "endpoints": []}]}
    }
    keystone = Keystone(json_reply("Corte", 200, said))
    expected = LocalCatalog([{"type": "image", "endpoints": []}], "S")
    assert await directory.catalog(SERVICE, keystone) == expected
    assert await directory.catalog(SERVICE, keystone) == expected
    (asked,) = keystone.asked
    assert asked.header("X-Auth-Token") == asked.header("X-Subject-Token") == "service's"


@pytest.mark.parametrize(
    "answer",
    [json_reply("Corte", 500, {}), json_reply("Corte", 200, {"token": {}}), json_reply("Corte", 200, []),
     Unreached("Corte", True, "cut")],
)  # fmt: skip
async def test_without_a_catalog_there_is_none(directory, answer):
    assert await directory.catalog(SERVICE, Keystone(answer)) is None


async def test_the_oldest_names_go(directory, monkeypatch):
    monkeypatch.setattr(local_directory, "KEPT", 2)
    for n in range(3):
        found = {"projects": [{"id": str(n), "name": f"p{n}"}]}
        await directory.find(Wanted(PROJECTS, f"p{n}"), SERVICE, Keystone(json_reply("Corte", 200, found)))
    who = [directory.known(Identity("", f"x{n}", 0.0), HomeRules(projects={f"x{n}": f"p{n}"}))[0] for n in range(3)]
    assert [found.project is None for found in who] == [True, False, False]


async def test_a_stranger_is_asked_for_once_in_a_while(directory, clock):
    keystone = Keystone(json_reply("Corte", 404, {}), json_reply("Corte", 404, {}), json_reply("Corte", 404, {}))
    for _ in range(2):
        assert await directory.stranger(PROJECTS, HEX, SERVICE, keystone) is None
    (asked,) = keystone.asked
    assert (asked.target, asked.header("X-Auth-Token")) == (f"/v3/projects/{HEX}", "service's")
    assert await directory.stranger(USERS, HEX, SERVICE, keystone) is None
    assert keystone.asked[1].target == f"/v3/users/{HEX}"
    clock.now += local_directory.FRESH
    assert await directory.stranger(PROJECTS, HEX, SERVICE, keystone) is None
    assert len(keystone.asked) == 3


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (json_reply("Corte", 200, {}), "has a project of the id 0{32} itself: a row for it in projects"),
        (json_reply("Corte", 403, {}), "HTTP 403 .*let services show projects; or a row for it"),
        (json_reply("Corte", 500, {}), "HTTP 500"),
        (Unreached("Corte", True, "cut"), "cannot be asked of its keystone: cut"),
    ],
)
async def test_who_is_not_known_for_a_stranger_is_none_and_is_asked_for_again(directory, answer, told):
    keystone = Keystone(answer, json_reply("Corte", 404, {}))
    why = await directory.stranger(PROJECTS, HEX, SERVICE, keystone)
    assert isinstance(why, str)
    assert re.search(told, why)
    assert await directory.stranger(PROJECTS, HEX, SERVICE, keystone) is None


async def test_a_refusal_of_the_services_token_says_nothing_of_a_stranger(directory):
    refusal = Reply("Corte", 401)
    assert await directory.stranger(PROJECTS, HEX, SERVICE, Keystone(refusal)) is refusal


@pytest.mark.parametrize("id_", ["", "..", "demo", "A" * 32, HEX + " ", HEX + "?x", f"{HEX}/tags"])
async def test_an_id_of_another_form_is_nobodys_and_keystone_is_not_asked(directory, id_):
    assert "none as keystones make them" in str(await directory.stranger(PROJECTS, id_, SERVICE, Keystone()))
