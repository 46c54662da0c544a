"""Where a service stands: its site, the fronts it believes in, and the switches of the site."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from scopeproxy.emulator.recorder import Recorder

# Everybody's, in a cloud that lives on loopback for minutes.
PASSWORD = "secret"  # noqa: S105
TOKEN_LENGTH = 183


def _free() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass(slots=True)
class Settings:
    """Seconds, and switches; a test may change them while the site runs.

    `token_lifetime`; `token_cache`: how long a service believes a validation (keystonemiddleware's token_cache_time);
    `send_service_token`: nova and cinder add X-Service-Token to calls on a user's behalf; `build`: what a hypervisor
    takes to boot a server; `hypervisor`: while it is cleared, none boots one; `newest`: nova's newest microversion, by
    site, where that is to be of an older release.
    """

    token_lifetime: float = 3600.0
    token_cache: float = 300.0
    send_service_token: bool = True
    build: float = 0.0
    hypervisor: asyncio.Event = field(default_factory=_free)
    newest: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """What every service of a site is given.  `fronts`: service type to the URL that its catalog entry is built on."""

    site: str
    directory: Path
    fronts: Mapping[str, str]
    session: aiohttp.ClientSession
    recorder: Recorder
    settings: Settings = field(default_factory=Settings)

    @property
    def auth_url(self) -> str:
        return self.fronts["identity"]
