"""Addresses and cores: the load and what answers it share one core, the proxy that is measured has another."""

from __future__ import annotations

import os

HOST = "127.0.0.1"

# nginx, which serves files; the sink, which swallows uploads; nginx again, for another site's proxy; the stub
# sites, one port each from here on.
FILES, SINK, PEER, STUBS = 18100, 18101, 18102, 18200

# Each proxy's port for the files; the next one is for the sink.
FRONTS = {"haproxy": 18110, "nginx": 18120, "naive": 18130, "scopeproxy": 18140, "envoy": 18150, "mitmproxy": 18160}

_CORES = sorted(os.sched_getaffinity(0))
LOAD_CORE, PROXY_CORE = _CORES[0], _CORES[-1]


def on_core(core: int, *command: str) -> list[str]:
    return ["taskset", "--cpu-list", str(core), *command]
