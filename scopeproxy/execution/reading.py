"""Reading answers: how much of a body is held, and what becomes of one that breaks off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from scopeproxy.model.messages import Outcome, Reply, Stream, Unreached


@dataclass(frozen=True, slots=True)
class Rest:
    """What is left of a stream after some of it was taken: the chunks already read, then the stream itself."""

    chunk: bytes
    stream: Stream
    iterator: AsyncIterator[bytes]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self.chunk:
            yield self.chunk
        async for chunk in self.iterator:
            yield chunk

    async def aclose(self) -> None:
        await self.stream.aclose()


async def collect(outcome: Outcome, limit: int, deadline: float | None = None) -> Outcome:
    """The reply with its body held when that takes at most `limit` bytes; else what was read, and the rest.

    A body that breaks off, or is not here by the `deadline` (the loop's time), makes the site Unreached: half an answer
    is none.
    """
    if not isinstance(outcome, Reply) or outcome.rest is None:
        return outcome
    held = bytearray(outcome.body)
    iterator = aiter(outcome.rest)
    try:
        # A body that drips keeps every time-out between two chunks: only a deadline ends it.
        async with asyncio.timeout_at(deadline) as time:
            async for chunk in iterator:
                if len(held) + len(chunk) > limit:
                    return replace(outcome, body=bytes(held), rest=Rest(bytes(chunk), outcome.rest, iterator))
                held += chunk
    except (ConnectionError, TimeoutError) as error:
        await outcome.rest.aclose()
        if time.expired():
            return Unreached(outcome.site, True, "its answer did not end within the time that the call was given")
        return Unreached(outcome.site, True, f"its answer broke off: {error}")
    except BaseException:
        # Whoever waited for it has gone.
        await outcome.rest.aclose()
        raise
    return replace(outcome, body=bytes(held), rest=None)


def within(seconds: float | None) -> float | None:
    """The loop's time so many seconds from now; None: no deadline."""
    return None if seconds is None else asyncio.get_running_loop().time() + seconds


async def discard(outcome: Outcome) -> None:
    """Give up what was not read of a reply that nobody wants."""
    if isinstance(outcome, Reply) and outcome.rest is not None:
        await outcome.rest.aclose()


def unread(reply: Reply, limit: int) -> Unreached:
    """A site whose answer is no use to a merge."""
    over = f"its answer is over {limit} bytes (limits.merged_body of the proxy)"
    why = over if reply.ok else f"answered HTTP {reply.status}"
    return Unreached(reply.site, True, why)
