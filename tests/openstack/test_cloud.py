"""What the suite's cloud promises to its cases."""

from __future__ import annotations

from typing import Any

import pytest

from tests.openstack.cloud import Cloud


def labels(cloud: Cloud) -> Any:
    return {row["name"]: row["labels"] for row in cloud.admin("Paris", "/v1/sites")["sites"]}


def labelled(topology: Any) -> Any:
    topology["sites"]["Corte"]["labels"] = {"island": "Corsica"}
    return topology


def test_a_changed_topology_is_served_meanwhile(cloud: Cloud) -> None:
    with cloud.served_by(labelled), cloud.served_by(partial="keep"):
        assert labels(cloud)["Corte"] == {"island": "Corsica"}
    assert labels(cloud)["Corte"] == {}


def test_a_topology_that_proxies_refuse_is_a_failure(cloud: Cloud) -> None:
    with pytest.raises(AssertionError, match="nonsense"), cloud.served_by(labelled, nonsense=1):
        pass
    assert labels(cloud)["Corte"] == {}


def test_scoped_calls_are_noted_by_the_proxies_that_made_them(cloud: Cloud) -> None:
    scope = "{glance: Corte}"
    token = cloud.token(scope=scope)
    mark = cloud.mark()
    assert cloud.call("GET", "glance:/v2/images", token=token, scope=scope).status == 200
    assert [(row["service"], row["sites"]) for row in cloud.calls("Paris", mark)] == [("image", {"Corte": "200"})]
    assert "Paris" in [row["peer"] for row in cloud.calls("Corte", mark)]


def test_the_sdk_is_scoped_by_our_hook(cloud: Cloud) -> None:
    images = {image.name for image in cloud.connect(scope="{glance: Corte}").image.images()}
    assert "Alpine" in images
    assert "Alpine" not in {image.name for image in cloud.connect().image.images()}
