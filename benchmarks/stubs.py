"""Stub sites: port by port, the same 100 items after 50 ms.  stubs.py NUMBER_OF_SITES"""

from __future__ import annotations

import asyncio
import json
import sys

from aiohttp import web
from places import HOST, STUBS

DELAY = 0.05
ITEMS = 100


def application(site: int) -> web.Application:
    items = [{"id": f"{site}-{number}", "name": f"item {number}", "status": "ACTIVE"} for number in range(ITEMS)]
    body = json.dumps({"items": items}).encode()

    async def answer(_: web.Request) -> web.Response:
        await asyncio.sleep(DELAY)
        return web.Response(body=body, content_type="application/json")

    made = web.Application()
    made.router.add_get("/{anything:.*}", answer)
    return made


async def serve(sites: int) -> None:
    for site in range(sites):
        runner = web.AppRunner(application(site), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, HOST, STUBS + site).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
