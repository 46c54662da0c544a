"""What a write over several sites came to, in words."""

from __future__ import annotations

from typing import Any

import pytest

from scopeproxy.model.messages import Outcome, Request, Unreached, json_reply
from scopeproxy.planning.intent import classify
from scopeproxy.planning.writes import fault_message, partial_write

CREATE = Request("compute", "POST", "/v2.1/servers", (("X-OpenStack-Request-ID", "req-1"),))
DONE = json_reply("Paris", 202, {"server": {"id": "abc"}})
REFUSED = json_reply("Corte", 403, {"forbidden": {"code": 403, "message": "Quota exceeded\n for cores"}})


@pytest.mark.parametrize(
    ("failure", "status", "words"),
    [
        (REFUSED, 403, "Corte: answered 403 (Quota exceeded for cores)"),
        (Unreached("Corte", False, "connection refused"), 502, "Corte: not reached (connection refused)"),
        (Unreached("Corte", False, "no name", asked=False), 502, "Corte: not asked (no name)"),
        (Unreached("Corte", True, "timeout"), 504, "Corte: no answer (timeout), it may have happened"),
    ],
)
def test_the_status_is_the_failing_sites_and_every_site_is_told(failure: Outcome, status: int, words: str) -> None:
    reply = partial_write(CREATE, classify(CREATE), [DONE, failure])
    message = fault_message(reply)
    assert (reply.status, reply.site, reply.header("X-OpenStack-Request-ID")) == (status, "Corte", "req-1")
    assert message.startswith("scope: POST /v2.1/servers was not done everywhere: Paris: done 202 with id abc; ")
    assert words in message


def test_what_was_undone_is_told() -> None:
    reply = partial_write(CREATE, classify(CREATE), [DONE, REFUSED], {"Paris": "deleted again"})
    assert "Paris: done 202 with id abc (deleted again); Corte" in fault_message(reply)


def test_an_application_of_ones_own_is_told_in_its_shape() -> None:
    request = Request("docs", "POST", "/pages")
    assert set(partial_write(request, classify(request), [DONE, REFUSED], None, "neutron").json) == {"NeutronError"}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"NeutronError": {"type": "x", "message": "m", "detail": ""}}, "m"),
        ({"errors": [{"status": 404, "detail": "d"}]}, "d"),
        ({"faultstring": "f"}, "f"),
        ({"error": "bare"}, ""),
        ([[[[[[{"message": "too deep"}]]]]]], ""),
    ],
)
def test_messages_are_found_in_every_shape(document: Any, message: str) -> None:
    assert fault_message(json_reply("Paris", 400, document)) == message
