"""What somebody else changed at a site while our write waited for it, as far as the site tells."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest

from scopeproxy.model.messages import Held, Reply, Request, json_reply
from scopeproxy.planning.intent import classify
from scopeproxy.planning.lookups import SKEW
from scopeproxy.planning.meanwhile import MARGIN, ROWS, changed, question

SINCE, NOW = 1_800_000_000.0, 1_800_000_900.0
IMAGE = Request("image", "PATCH", "/v2/images/i", (("X-Auth-Token", "t"), ("Content-Length", "2")), Held(b"[]"))
NETWORK = Request("network", "PUT", "/v2.0/networks/n", (), Held(b'{"network": {"name": "x"}}'))


def stamp(at):
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def told(at, ahead=0.0, dated=True, request=IMAGE):
    """What is found, of a change at that time by a clock so far ahead of ours."""
    item = {"id": "i", "updated_at": stamp(at + ahead)}
    headers = (("Date", format_datetime(datetime.fromtimestamp(NOW + ahead, UTC), usegmt=True)),) if dated else ()
    body = item if request is IMAGE else {"network": item}
    return changed(json_reply("Corte", 200, body, headers), request, classify(request), SINCE, NOW)


@pytest.mark.parametrize("request_", [IMAGE, NETWORK])
@pytest.mark.parametrize("ahead", [0.0, 500.0, -500.0])
def test_a_change_after_it_was_queued_is_seen_whatever_the_clock_there_says(ahead, request_):
    assert told(SINCE + MARGIN + 1, ahead, request=request_) == stamp(SINCE + MARGIN + 1 + ahead)
    assert told(SINCE + MARGIN - 1, ahead, request=request_) == ""
    assert told(SINCE - 100, ahead, request=request_) == ""


def test_without_a_date_clocks_may_differ():
    assert told(SINCE + SKEW - 1, dated=False) == ""
    assert told(SINCE + SKEW + 1, dated=False) == stamp(SINCE + SKEW + 1)


@pytest.mark.parametrize(
    "reply",
    [
        Reply("Corte", 404, (), b"{}"),
        Reply("Corte", 200, (), b"no json"),
        json_reply("Corte", 200, {"updated_at": None}),
        json_reply("Corte", 200, {"updated_at": "yesterday"}),
        json_reply("Corte", 503, {"updated_at": stamp(NOW)}),
    ],
)
def test_what_tells_nothing_stops_nothing(reply):
    assert changed(reply, IMAGE, classify(IMAGE), SINCE, NOW) == ""


def test_a_date_that_is_none_counts_as_none():
    reply = json_reply("Corte", 200, {"updated_at": stamp(SINCE + SKEW - 1)}, (("Date", "soon"),))
    assert changed(reply, IMAGE, classify(IMAGE), SINCE, NOW) == ""


def test_the_resource_itself_is_asked_for():
    asked = question(IMAGE, classify(IMAGE))
    assert asked == Request("image", "GET", "/v2/images/i", (("X-Auth-Token", "t"),))
    gone = Request("network", "DELETE", "/v2.0/security-groups/s")
    assert question(gone, classify(gone)) is not None


@pytest.mark.parametrize(
    "request_",
    [
        Request("image", "POST", "/v2/images"),
        Request("image", "PUT", "/v2/images/i/file"),
        Request("image", "PUT", "/v2/images/i/tags/x"),
        Request("compute", "PUT", "/v2.1/servers/s"),
        Request("network", "PUT", "/v2.0/ports/p"),
        Request("identity", "PATCH", "/v3/users/u"),
    ],
)
def test_of_what_changes_by_itself_or_tells_nothing_nothing_is_asked(request_):
    assert question(request_, classify(request_)) is None


def test_the_table_is_in_the_docs():
    page = (Path(__file__).parents[2] / "docs" / "journal.md").read_text()
    for _, collection in ROWS:
        assert f"`{collection}`" in page
