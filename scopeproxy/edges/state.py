"""The ledger of a site as commands open it that work beside its proxy: it is there, or it is a mistake."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from scopeproxy.edges.keys import site_key
from scopeproxy.errors import ConfigurationError
from scopeproxy.execution.ledger import Ledger
from scopeproxy.model.topology import ProxySettings


@dataclass(frozen=True, slots=True, repr=False)
class State:
    """Where the state of a site is, and the key to it."""

    url: str
    key: bytes

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Ledger]:
        """The ledger."""
        ledger = Ledger(self.url, self.key)
        await ledger.open()
        try:
            yield ledger
        finally:
            await ledger.close()


def state_of(settings: ProxySettings, site: str) -> State:
    """The state of a site.  Raises ConfigurationError where there is none, and makes none."""
    if settings.state.startswith("sqlite:///") and not Path(settings.state.removeprefix("sqlite:///")).exists():
        mistake = f"proxy.state: {settings.state} is not there: has the proxy of {site} ever run here?"
        raise ConfigurationError([mistake])
    return State(settings.state, site_key(settings))
