"""The steps of the tour: what is typed, why, and what must come of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from scopeproxy.edges.arrows import OPENSTACK, Arrow
from scopeproxy.edges.programs import Finished
from scopeproxy.edges.stage import Stage
from scopeproxy.lang.scope import quoted

_BOOT = ("--flavor", "m1.tiny", "--network", "private", "-c", "name", "-c", "image")
USER = "zoe"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a step gave."""

    finished: Finished
    arrows: tuple[Arrow, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """`title`: what and why; `command`: after `openstack`; `expected`: what must come of it, which `holds` finds out;
    `scene`: what is changed for the time of the step."""

    title: str
    command: tuple[str, ...]
    expected: str
    holds: Callable[[Stage, Seen], Awaitable[bool]]
    scene: Callable[[Stage], AbstractAsyncContextManager[None]] | None = None
    settled: Callable[[Stage], Awaitable[object]] | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """The sites by the parts they play; with two sites the first one is also the third."""

    home: str
    second: str
    third: str

    @classmethod
    def of(cls, sites: Sequence[str]) -> Part:
        return cls(sites[0], sites[1], sites[2] if len(sites) > 2 else sites[0])

    @property
    def images(self) -> dict[str, list[str]]:
        """What only one site has."""
        return {self.second: ["Alpine"], self.third: ["Debian"]}


def steps(sites: Sequence[str]) -> tuple[Step, ...]:
    """The tour of these sites, two at least."""
    part = Part.of(sites)
    return (_unscoped(part), _far_image(part), _cut_off(part), _user(part), _list(tuple(sites)), _refused(part))


async def play(stage: Stage, step: Step) -> Seen:
    """Run the step's command, and note all calls until what it began has ended."""
    async with contextlib.AsyncExitStack() as stack:
        if step.scene is not None:
            await stack.enter_async_context(step.scene(stage))
        async with stage.watched() as found:
            finished = await stage.run(step.command)
            if step.settled is not None and not finished.code:
                await step.settled(stage)
    return Seen(finished, tuple(found()))


# ---- the steps


def _boot(name: str, image: str, *scope: str) -> tuple[str, ...]:
    return ("server", "create", name, "--image", image, *_BOOT, *(("--scope", *scope) if scope else ()))


def _unscoped(part: Part) -> Step:
    async def holds(stage: Stage, seen: Seen) -> bool:
        home = all(arrow.called.site == part.home for arrow in seen.arrows)
        return not seen.finished.code and home and await stage.becomes_active(part.home, "vm1")

    return Step(
        f"Without a scope nothing is different: the server boots at {part.home}, and nobody else is asked.",
        _boot("vm1", "cirros"),
        f"vm1 is ACTIVE at {part.home}, and every call stayed there",
        holds,
        settled=lambda stage: stage.becomes_active(part.home, "vm1"),
    )


def _far_image(part: Part) -> Step:
    async def holds(stage: Stage, seen: Seen) -> bool:
        fetched = any(_nova_to_glance(arrow, part.home, part.second) for arrow in seen.arrows)
        return not seen.finished.code and fetched and await stage.becomes_active(part.home, "vm2")

    return Step(
        f"nova of {part.home} works with glance of {part.second}: only {part.second} has the image Alpine.",
        _boot("vm2", "Alpine", _scope(("nova", part.home), ("glance", part.second))),
        f"vm2 is ACTIVE at {part.home}, and nova there asked glance of {part.second} for the image",
        holds,
        settled=lambda stage: stage.becomes_active(part.home, "vm2"),
    )


def _cut_off(part: Part) -> Step:
    async def holds(stage: Stage, seen: Seen) -> bool:
        tried = any(not arrow.status and arrow.called.site == part.second for arrow in seen.arrows)
        fetched = any(_nova_to_glance(arrow, part.home, part.third) for arrow in seen.arrows)
        return not seen.finished.code and tried and fetched and await stage.becomes_active(part.home, "vm3")

    scope = f"{{nova: {quoted(part.home)}, glance: {quoted(part.second)}|{quoted(part.third)}}}"
    return Step(
        f"{part.second} is cut off, and | moves on: the image comes from {part.third}.",
        _boot("vm3", "Debian", scope),
        f"vm3 is ACTIVE at {part.home}, {part.second} gave no answer, the image is the one of {part.third}",
        holds,
        scene=lambda stage: _without(stage, part.second),
        settled=lambda stage: stage.becomes_active(part.home, "vm3"),
    )


@contextlib.asynccontextmanager
async def _without(stage: Stage, site: str) -> AsyncIterator[None]:
    stage.say(f"cutting the links of {site}")
    async with stage.cut_off(site):
        yield
        stage.say(f"mending the links of {site}")


def _user(part: Part) -> Step:
    async def holds(stage: Stage, seen: Seen) -> bool:
        return not seen.finished.code and all(stage.has_user(site, USER) for site in (part.home, part.second))

    both = f"{quoted(part.home)}&{quoted(part.second)}"
    options = ("--password", "secret", "-c", "name", "-c", "id", "--scope", f"{{keystone: {both}}}")
    return Step(
        f"& is here and there: one command makes the user at {part.home} and at {part.second}.",
        ("--os-cloud", part.home, "user", "create", USER, *options),
        f"{USER} is a user at {part.home} and at {part.second}",
        holds,
    )


def _list(sites: tuple[str, ...]) -> Step:
    async def holds(stage: Stage, seen: Seen) -> bool:
        words = seen.finished.stdout.split()
        once = all(words.count(name) == 1 for name in stage.servers())
        return not seen.finished.code and once and all(site in words for site in sites)

    columns = ("-c", "ID", "-c", "Name", "-c", "Status", "-c", "Site")
    return Step(
        "One list of the servers of every site: all(*) joins them by &.",
        ("server", "list", *columns, "--scope", "{nova: all(*)}"),
        f"every server of {', '.join(sites)} is there, once, with its site",
        holds,
        scene=lambda stage: _servers_elsewhere(stage, sites[1:]),
    )


@contextlib.asynccontextmanager
async def _servers_elsewhere(stage: Stage, sites: Sequence[str]) -> AsyncIterator[None]:
    stage.say(f"booting a server at {' and at '.join(sites)} too, so that there is something to list")
    commands = [("--os-cloud", f"{site}-alice", *_boot(f"vm-{site}", "cirros")) for site in sites]
    await asyncio.gather(*(stage.run(command) for command in commands))
    await asyncio.gather(*(stage.becomes_active(site, f"vm-{site}") for site in sites))
    yield


def _refused(part: Part) -> Step:
    async def holds(stage: Stage, seen: Seen) -> bool:
        refused = seen.finished.code and "cannot work with" in seen.finished.stderr
        return bool(refused) and not seen.arrows

    return Step(
        f"What cannot work is refused before anything is sent: nova of {part.home} on a network of {part.second}.",
        _boot("vm4", "cirros", _scope(("nova", part.home), ("neutron", part.second))),
        "an error that says why and what to do, and not one call reached a service",
        holds,
    )


def _scope(*bindings: tuple[str, str]) -> str:
    return "{" + ", ".join(f"{service}: {quoted(site)}" for service, site in bindings) + "}"


def _nova_to_glance(arrow: Arrow, home: str, other: str) -> bool:
    return arrow.caller == ("nova", home) and arrow.called == ("glance", other) and arrow.caller.name != OPENSTACK
