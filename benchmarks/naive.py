"""The proxy that one writes first: an aiohttp server which calls an aiohttp client.  naive.py PORT BACK [PORT BACK]…

It streams both ways, keeps connections and touches nothing it need not: naive in its means, not in its manners.
"""

from __future__ import annotations

import asyncio
import sys

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from places import HOST
from yarl import URL

HOP_BY_HOP = ("Connection", "Keep-Alive", "Transfer-Encoding", "TE", "Trailer", "Upgrade")


def end_to_end(headers: CIMultiDict[str]) -> CIMultiDict[str]:
    kept = CIMultiDict(headers)
    for name in HOP_BY_HOP:
        kept.popall(name, None)
    return kept


def application(back: int, session: aiohttp.ClientSession) -> web.Application:
    async def forward(request: web.Request) -> web.StreamResponse:
        async with session.request(
            request.method,
            URL(f"http://{HOST}:{back}{request.raw_path}", encoded=True),
            headers=end_to_end(CIMultiDict(request.headers)),
            data=request.content if request.can_read_body else None,
            skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent", "Content-Type"),
            allow_redirects=False,
        ) as answer:
            response = web.StreamResponse(status=answer.status, headers=end_to_end(CIMultiDict(answer.headers)))
            await response.prepare(request)
            async for part in answer.content.iter_any():
                await response.write(part)
            return response

    made = web.Application()
    made.router.add_route("*", "/{anything:.*}", forward)
    return made


async def serve(pairs: list[tuple[int, int]]) -> None:
    connector = aiohttp.TCPConnector(limit=0)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False, cookie_jar=jar) as session:
        for port, back in pairs:
            runner = web.AppRunner(application(back, session), access_log=None)
            await runner.setup()
            await web.TCPSite(runner, HOST, port).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    asyncio.run(serve(list(zip(numbers[::2], numbers[1::2], strict=True))))
