"""Every trick of smuggling.py is answered with 400 and the end of the connection, on every path."""

from __future__ import annotations

import re

import pytest

from tests.conformance.conftest import Stage
from tests.conformance.smuggling import BODIES, HEADS, SMUGGLED, Trick
from tests.conformance.table import PATHS


@pytest.mark.parametrize("stage", PATHS, indirect=True)
@pytest.mark.parametrize("trick", HEADS, ids=lambda trick: trick.name)
def test_a_head_that_can_be_read_in_two_ways_is_refused(stage: Stage, trick: Trick) -> None:
    refused(stage, trick)
    assert not stage.back.raw


@pytest.mark.parametrize("stage", PATHS, indirect=True)
@pytest.mark.parametrize("trick", BODIES, ids=lambda trick: trick.name)
def test_a_body_that_can_be_read_in_two_ways_is_refused(stage: Stage, trick: Trick) -> None:
    refused(stage, trick)
    assert not stage.back.requests
    assert b"smuggled" not in stage.back.raw


def refused(stage: Stage, trick: Trick) -> None:
    client = stage.client()
    client.send(stage.scoped(trick.sent + SMUGGLED))
    # One refusal, and nothing for the smuggled request.
    assert re.findall(rb"HTTP/1\.[01] (\d+) ", client.rest()) == [b"400"]


@pytest.mark.parametrize("stage", PATHS, indirect=True)
@pytest.mark.parametrize("trick", BODIES, ids=lambda trick: trick.name)
def test_so_is_one_whose_beginning_was_well_and_has_gone_its_way(stage: Stage, trick: Trick) -> None:
    head, _, body = stage.scoped(trick.sent).partition(b"\r\n\r\n")
    client = stage.client()
    client.send(head + b"\r\n\r\n3\r\nabc\r\n")
    stage.back.has(b"abc")
    client.send(body + SMUGGLED)
    assert re.findall(rb"HTTP/1\.[01] (\d+) ", client.rest()) == [b"400"]
    assert not stage.back.requests
    assert b"smuggled" not in stage.back.raw
