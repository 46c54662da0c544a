"""`scopeproxy journal`: what an operator sees of the writes that wait, and does about them."""

from __future__ import annotations

import asyncio
import json

import pytest

from scopeproxy.edges.cli import main
from scopeproxy.edges.config import load, own_site
from scopeproxy.edges.keys import site_key
from scopeproxy.execution.envelope import Letter
from scopeproxy.execution.journal import About, Journal
from scopeproxy.execution.ledger import Ledger
from scopeproxy.model.identity import Token
from scopeproxy.model.messages import Held, Reply, Request, Unreached
from scopeproxy.planning.intent import classify

SECRET = "correct-horse"


@pytest.fixture
def path(stage):
    return stage.sites({"Paris": {"docs": stage.port()}, "Corte": {"docs": stage.port()}})


@pytest.fixture
def written(path):
    """Two writes that wait for Corte; the topology file."""

    async def write():
        settings = own_site(load(path), "Paris").proxy
        key = site_key(settings)
        ledger = Ledger(settings.state, key)
        await ledger.open()
        journal = Journal(ledger, key)
        for name in ("a", "b"):
            request = Request("docs", "POST", f"/{name}s?secret={SECRET}", (), Held(SECRET.encode()))
            letters = {site: Letter(request, "", token=Token(SECRET)) for site in ("Paris", "Corte")}
            begun = await journal.begin(letters, About.of(request, classify(request), "u:p"), 10, 10_000, True)
            queued = Unreached("Corte", False, "connection refused", queued=True)
            await journal.settle(begun, [Reply("Paris", 201), queued], {"Paris": f"{name}-1"})
        await ledger.close()

    asyncio.run(write())
    return path


def run(path, capsys, *arguments):
    code = main(["journal", arguments[0], "-c", str(path), "--site", "Paris", *arguments[1:]])
    told = capsys.readouterr()
    assert SECRET not in told.out + told.err
    return code, told.out, told.err


def test_what_waits_is_listed(written, capsys):
    code, told, _ = run(written, capsys, "list")
    head, first, second = told.splitlines()
    assert code == 0
    assert head.split()[:5] == ["id", "site", "state", "method", "path"]
    assert first.split()[1:5] == ["Corte", "queued", "POST", "/as"]
    assert "connection refused" in second


def test_json_can_be_read_by_machines(written, capsys):
    entries = json.loads(run(written, capsys, "list", "-f", "json")[1])
    assert [one["path"] for one in entries] == ["/as", "/bs"]
    code, told, _ = run(written, capsys, "show", str(entries[0]["id"]))
    assert code == 0
    assert json.loads(told) == entries[0]
    assert entries[0]["known"] == {"Paris": "a-1"}
    assert not entries[0]["may_have_happened"]


def test_entries_are_tried_again_and_dropped(written, capsys):
    ids = [str(one["id"]) for one in json.loads(run(written, capsys, "list", "-f", "json")[1])]
    assert run(written, capsys, "retry", *ids, "99")[:2] == (0, "2 of 3 will be tried again now\n")
    assert run(written, capsys, "drop", ids[0])[:2] == (0, "1 of 1 dropped\n")
    assert run(written, capsys, "drop", ids[0])[:2] == (1, "0 of 1 dropped\n")
    assert run(written, capsys, "show", ids[0])[0] == 1
    assert run(written, capsys, "drop", ids[1])[0] == 0
    assert run(written, capsys, "list")[1] == "nothing waits\n"


def test_a_ledger_that_was_never_there_is_not_made(path, capsys):
    code, _, told = run(path, capsys, "list")
    assert code == 2
    assert "has the proxy of Paris ever run here?" in told
    assert not list(path.parent.glob("Paris.db*"))


@pytest.mark.parametrize("ids", [(), ("x",), ("-1",)])
def test_what_is_no_id_is_told(written, capsys, ids):
    with pytest.raises(SystemExit) as refused:
        run(written, capsys, "drop", *ids)
    assert refused.value.code == 2
