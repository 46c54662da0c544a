"""Calls that the proxy answers by itself, one after the other until stdin ends.  beside.py PORT: the seconds of each.

A process of its own: in a thread, they would wait for whoever reads the large answers.
"""

from __future__ import annotations

import http.client
import json
import select
import sys
import time

from places import HOST


def ask(port: int) -> list[float]:
    taken = []
    client = http.client.HTTPConnection(HOST, port, timeout=60)
    while not select.select([sys.stdin], [], [], 0.002)[0]:
        began = time.perf_counter()
        client.request("GET", "/.well-known/scopeproxy/sites")
        client.getresponse().read()
        taken.append(time.perf_counter() - began)
    client.close()
    return taken


if __name__ == "__main__":
    print(json.dumps(ask(int(sys.argv[1]))))
