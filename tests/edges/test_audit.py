"""`scopeproxy audit`, as far as no site is asked: what is wrong with the command.  Whole audits: tests/whole."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from scopeproxy.edges.audit import Wish, audit
from scopeproxy.edges.cli import main
from scopeproxy.edges.config import load, own_site
from scopeproxy.edges.keys import site_key
from scopeproxy.errors import ConfigurationError
from scopeproxy.execution.journal import About, Journal
from scopeproxy.execution.ledger import Ledger
from scopeproxy.execution.ledger_journal import Letter
from scopeproxy.execution.replicas import Replicas
from scopeproxy.model.identity import Token
from scopeproxy.model.messages import Request
from scopeproxy.planning.intent import classify

OWN = {"OS_AUTH_URL": "http://127.0.0.1:5000/v3", "OS_USERNAME": "admin", "OS_PASSWORD": "correct-horse"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two sites with a keystone and a glance that nobody serves; the state of Paris is there."""
    sites = {
        name: {
            "services": {
                "keystone": {"front": f"http://127.0.0.{number}:5000", "back": f"http://127.0.0.{number}:15000"},
                "glance": {"front": f"http://127.0.0.{number}:9292", "back": f"http://127.0.0.{number}:19292"},
            },
            "proxy": {"admin": "none", "state": f"sqlite:///{tmp_path}/{name}.db"},
        }
        for number, name in ((1, "Paris"), (2, "Corte"))
    }
    path = tmp_path / "sites.yaml"
    path.write_text(yaml.safe_dump({"sites": sites}))
    return path


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Ledger]:
    """The ledger of Paris, which is made."""
    settings = own_site(load(path), "Paris").proxy
    ledger = Ledger(settings.state, site_key(settings))
    await ledger.open()
    yield ledger
    await ledger.close()


async def known(path: Path, *sets: dict[str, str]) -> None:
    async with opened(path) as ledger:
        for members in sets:
            await Replicas(ledger).learn("image", "images", members)


def run(path: Path, capsys: Any, monkeypatch: Any, *words: str, **environ: str) -> tuple[int, str, str]:
    for name, value in {**OWN, **environ}.items():
        monkeypatch.setenv(name, value)
    code = main(["audit", "-c", str(path), "--site", "Paris", *words])
    told = capsys.readouterr()
    assert "correct-horse" not in told.out + told.err
    return code, told.out, told.err


def test_a_site_without_sets_is_alike(path: Path, capsys: Any, monkeypatch: Any) -> None:
    asyncio.run(known(path))
    assert run(path, capsys, monkeypatch) == (0, "0 replica sets: no difference\n", "")
    code, told, _ = run(path, capsys, monkeypatch, "-f", "json")
    assert (code, json.loads(told)) == (0, {"sets": 0, "findings": []})


def test_a_front_that_nobody_serves_is_told_in_one_line(path: Path, capsys: Any, monkeypatch: Any) -> None:
    asyncio.run(known(path, {"Paris": "p", "Corte": "c"}))
    code, told, why = run(path, capsys, monkeypatch)
    assert (code, told) == (1, "")
    assert why.startswith("audit: 1 replica set\nno login at http://127.0.0.1:5000/v3: ")


@pytest.mark.parametrize(
    ("words", "sets"),
    [
        ((), 3),
        (("--service", "glance"), 2),
        (("--service", "glance", "--service", "network"), 3),
        (("--scope", "{glance: Corte}"), 2),
        (("--scope", "{image: Paris}"), 1),
        (("--scope", "{image: Paris}", "--repair-from", "Corte"), 2),
        (("--scope", "Paris"), 2),
        (("--scope", "{glance: all(*), neutron: Corte}"), 3),
    ],
)
def test_the_sets_that_are_wanted(path: Path, capsys: Any, monkeypatch: Any, words: tuple[str, ...], sets: int) -> None:
    async def three() -> None:
        async with opened(path) as ledger:
            replicas = Replicas(ledger)
            await replicas.learn("image", "images", {"Paris": "p", "Corte": "c"})
            await replicas.learn("image", "images", {"Lyon": "l", "Corte": "c2"})
            await replicas.learn("network", "networks", {"Corte": "n", "Paris": "m"})

    asyncio.run(three())
    _, _, why = run(path, capsys, monkeypatch, *words)
    assert why.startswith(f"audit: {sets} replica set")


def test_what_waits_for_a_site_is_told_before_it_is_missed_there(path: Path, capsys: Any, monkeypatch: Any) -> None:
    async def queue() -> None:
        async with opened(path) as ledger:
            key = site_key(own_site(load(path), "Paris").proxy)
            request = Request("image", "DELETE", "/v2/images/p")
            letters = {"Corte": Letter(request, "", token=Token("t"))}
            about = About.of(request, classify(request), "u:p")
            await Journal(ledger, key).begin(letters, about, 10, 10_000, True)

    asyncio.run(known(path, {"Paris": "p", "Corte": "c"}))
    asyncio.run(queue())
    _, _, why = run(path, capsys, monkeypatch)
    assert "audit: the journal of Paris holds writes that sites have yet to do: 1\n" in why


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--service", "glanse"), "unknown service 'glanse'; did you mean 'glance'?"),
        (("--scope", "{glance: Lyon}"), "unknown site 'Lyon'"),
        (("--repair-from", "Pari"), "--repair-from: unknown site 'Pari'; did you mean 'Paris'?"),
        (("--repair-from", "Rome"), "--repair-from: unknown site 'Rome'; choose from"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_asked(
    path: Path, capsys: Any, monkeypatch: Any, words: tuple[str, ...], told: str
) -> None:
    code, _, why = run(path, capsys, monkeypatch, *words)
    assert code == 2
    assert told in why


def test_an_account_of_another_site_is_refused(path: Path, capsys: Any, monkeypatch: Any) -> None:
    code, _, why = run(path, capsys, monkeypatch, OS_AUTH_URL="http://127.0.0.2:5000/v3")
    assert code == 2
    assert "the keystone front of Paris is http://127.0.0.1:5000" in why


def test_a_ledger_that_was_never_there_is_not_made(path: Path, capsys: Any, monkeypatch: Any) -> None:
    code, _, why = run(path, capsys, monkeypatch)
    assert code == 2
    assert "has the proxy of Paris ever run here?" in why
    assert not list(path.parent.glob("Paris.db*"))


@pytest.mark.parametrize("words", [("--repair-from", "Paris", "--forget"), ("--scope", "Paris", "--service", "nova")])
def test_what_excludes_one_another(path: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["audit", "-c", str(path), "--site", "Paris", *words])
    assert refused.value.code == 2


def test_without_an_account_it_is_told_how_to_give_one(path: Path) -> None:
    with pytest.raises(ConfigurationError, match="OS_CLOUD, or by OS_AUTH_URL"):
        audit(path, "Paris", Wish(), {})
