"""What the fast path needs to know is a value: it can be compared, and not changed."""

from __future__ import annotations

import dataclasses

import pytest

from scopeproxy.execution.passthrough.lane import Lane, Passed


def test_nothing_of_a_lane_changes_under_way(road):
    with pytest.raises(dataclasses.FrozenInstanceError):
        road.lane.here = "Corte"
    assert dataclasses.replace(road.lane, scheme="https") != road.lane
    assert {field.name for field in dataclasses.fields(Lane)} >= {"ways", "pool", "timeouts"}
    assert Passed.__dataclass_params__.frozen
