"""One suite for two clouds: emulated services (the default), or real ones (`--cloud real`).

One cloud serves the whole session: tests give what they make a name of its own, and mend what they break.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.openstack.cloud import Cloud
from tests.openstack.emulated import emulated
from tests.openstack.strategies import STRATEGIES

HERE = Path(__file__).parent
DEFAULT = "login"

# A token, and what comes of an error that nobody foresaw.
_NEVER_LOGGED = re.compile(r"gAAAA[\w=-]{40,}|Traceback|met an? \w*(Error|Exception)")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("openstack", "the suite on OpenStack")
    group.addoption("--cloud", choices=["emulated", "real"], default="emulated", help="what the sites run")
    group.addoption(
        "--strategy",
        choices=list(STRATEGIES),
        action="append",
        help="run under this one alone (may be repeated); else core cases run under all, the others under login",
    )
    group.addoption(
        "--split",
        metavar="SITE",
        action="append",
        default=[],
        help="nova is several processes there, over RabbitMQ (may be repeated; real services only)",
    )
    group.addoption("--matrix", action="store_true", help="run every case under every strategy")


def option(config: pytest.Config, name: str) -> Any:
    """None where pytest was not started for this folder: then its options were never read."""
    return config.getoption(name, None)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Cases run under strategies, one after the other: a session-wide parameter puts those of one together."""
    if "cloud" in metafunc.fixturenames:
        config = metafunc.config
        everywhere = option(config, "matrix") or metafunc.definition.get_closest_marker("core")
        names = option(config, "strategy") or (list(STRATEGIES) if everywhere else [DEFAULT])
        metafunc.parametrize("cloud", names, indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if not item.path.is_relative_to(HERE):
            continue
        # The SDK deprecates what it uses itself.
        for category in ("DeprecationWarning", "PendingDeprecationWarning"):
            item.add_marker(pytest.mark.filterwarnings(f"ignore::{category}"))
        for mark in item.iter_markers("real_only"):
            if option(config, "cloud") != "real":
                item.add_marker(pytest.mark.skip(reason=f"real services only: {mark.args[0]}"))
        for mark in item.iter_markers("split"):
            if option(config, "cloud") != "real" or mark.args[0] not in option(config, "split"):
                reason = f"nova of {mark.args[0]} has one host: --cloud real --split {mark.args[0]}"
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What the proxies logged last is told with a failure."""
    report = yield
    cloud = getattr(item, "funcargs", {}).get("cloud")
    if report.failed and cloud is not None:
        report.sections += [
            (f"proxy of {site}", "\n".join(cloud.logs(site).splitlines()[-12:])) for site in cloud.served
        ]
    return report


@pytest.fixture(scope="session")
def standing_cloud(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The cloud, under whatever strategy it was last."""
    with _kind(request.config, tmp_path_factory) as cloud:
        yield cloud
        for site in cloud.served:
            found = _NEVER_LOGGED.search(cloud.logs(site))
            assert not found, f"the log of the proxy of {site} has {found[0][:20]}…"


def _kind(config: pytest.Config, folders: pytest.TempPathFactory) -> AbstractContextManager[Cloud]:
    if option(config, "cloud") == "real":
        from tests.openstack.real import real

        return real(option(config, "split"))
    return emulated(folders.mktemp("openstack"))


@pytest.fixture(scope="session")
def cloud(request: pytest.FixtureRequest, standing_cloud: Cloud) -> Cloud:
    """The cloud, under the strategy of the case."""
    standing_cloud.use(STRATEGIES[request.param])
    return standing_cloud


@pytest.fixture
def instead(request: pytest.FixtureRequest, cloud: Cloud) -> str | None:
    """What the case's row says that is told, where what it shows does not work under the strategy."""
    row = request.node.get_closest_marker("row")
    told: str | None = row.kwargs.get(cloud.strategy)
    return told


@pytest.fixture(autouse=True)
def _connections_are_closed(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "cloud" in request.fixturenames:
        request.getfixturevalue("cloud").close_connections()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name for what the test makes, that nothing else has."""
    words = re.sub(r"\W+", "-", request.node.originalname.removeprefix("test_").replace("_", "-"))
    return f"{words[:40]}-{uuid.uuid4().hex[:6]}"
