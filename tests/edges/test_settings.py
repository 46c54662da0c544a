"""The tables of keys, and the page that explains them."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from scopeproxy.edges.schema import Place, Reading, Wrong
from scopeproxy.edges.settings import KEYS, PROXY_KEYS, STRATEGIES, SUBSTRATES
from scopeproxy.model.topology import Credentials, Limits, ProxySettings, Timeouts, Tls
from scopeproxy.planning.faults import FAULTS

PAGE = (Path(__file__).parents[2] / "docs" / "operating.md").read_text(encoding="utf-8")


def read(key: str, value: Any, directory: str = "/etc") -> Any:
    return PROXY_KEYS[key](Place(Reading(Path(directory)), ("proxy", key)), value)


@pytest.mark.parametrize("key", [*KEYS, *PROXY_KEYS])
def test_every_key_is_explained(key: str) -> None:
    assert f"`{key}`" in PAGE


def test_every_setting_has_its_key() -> None:
    assert set(PROXY_KEYS) == {field.name for field in fields(ProxySettings)}


@pytest.mark.parametrize(
    ("key", "part", "written"),
    [
        ("timeouts", Timeouts, "1s"),
        ("limits", Limits, "9"),
        ("credentials", Credentials, []),
        ("tls", Tls, "x.pem"),
    ],
)
def test_every_part_of_a_setting_has_its_key_and_is_explained(key: str, part: type[Any], written: Any) -> None:
    names = [field.name for field in fields(part)]
    assert list(read(key, dict.fromkeys(names, written))) == names
    assert [name for name in names if f"`{name}`" not in PAGE] == []


@pytest.mark.parametrize("word", [*FAULTS, *SUBSTRATES, *STRATEGIES])
def test_every_choice_is_explained(word: str) -> None:
    assert f"`{word}`" in PAGE


@pytest.mark.parametrize(
    ("written", "state"),
    [
        ("sqlite:///x/{site}.db", "sqlite:////etc/x/{site}.db"),
        ("sqlite+aiosqlite:///x.db?a=1", "sqlite+aiosqlite:////etc/x.db?a=1"),
        ("sqlite:////var/x.db", "sqlite:////var/x.db"),
        ("sqlite://", "sqlite://"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("mysql+pymysql://u:p@db/x", "mysql+pymysql://u:p@db/x"),
    ],
)
def test_a_relative_file_of_sqlite_is_beside_the_topology(written: str, state: str) -> None:
    assert read("state", written) == state


def test_a_state_that_is_no_url_is_told_without_repeating_it() -> None:
    with pytest.raises(Wrong) as error:
        read("state", "secret")
    assert "secret" not in str(error.value)


def test_there_may_be_no_admin_address() -> None:
    assert read("admin", None) is None
    assert read("admin", "none") is None
