"""Writes that queue for a site, with the released client."""

from __future__ import annotations

import json
import time
from typing import Any

from scopeproxy.edges.waiting import row_of

SCOPE = ("--scope", "{keystone: Paris&Corte}", "--scope-on-partial", "queue")


def waiting(lab: Any) -> list[dict[str, Any]]:
    return [row_of(one) for one in lab.do(lab.apps["Paris"].lasting.journal.told())]


def until_nothing_waits(lab: Any) -> None:
    end = time.monotonic() + 20
    while left := waiting(lab):
        assert time.monotonic() < end, left
        time.sleep(0.05)


def test_a_user_made_while_a_site_is_away_is_there_after_the_next_login(lab: Any) -> None:
    with lab.cut_off("Corte"):
        made = lab.openstack("user", "create", "--password", "hush", "queued-user", "-f", "json", *SCOPE, cloud="Paris")
        assert made.json["name"] == "queued-user"
        assert "scope: not done yet, and queued for when they are back: Corte" in made.stderr
        assert lab.users("queued-user") == ["Paris"]
        (entry,) = waiting(lab)
        assert (entry["site"], entry["method"], entry["path"]) == ("Corte", "POST", "/v3/users")
        assert "hush" not in json.dumps(entry)
    # There was no login for Corte either: the next command makes one.
    assert lab.openstack("user", "list", *SCOPE, cloud="Paris").code == 0
    until_nothing_waits(lab)
    assert lab.users("queued-user") == ["Paris", "Corte"]
    deleted = lab.openstack("user", "delete", "queued-user", *SCOPE, cloud="Paris")
    assert deleted.code == 0, deleted.stderr
    assert lab.users("queued-user") == []
