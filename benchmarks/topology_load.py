"""How long a topology of 1,000 sites with 8 services each takes to load, and how that compares with a bare YAML load.

python benchmarks/topology_load.py [SITES]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from scopeproxy.edges.config import parse_topology

SERVICES = ("keystone", "glance", "nova", "neutron", "cinder", "placement", "swift", "heat")
ROUNDS = 5


def text(sites: int) -> str:
    lines = ["sites:"]
    for number in range(sites):
        host = f"127.{1 + number // 250}.{number % 250}.1"
        lines += [f"  Site{number}:", f"    labels: {{country: Country{number % 30}}}", "    services:"]
        lines += [
            f'      {service}: {{front: "http://{host}:{5000 + port}", back: "http://{host}:{15000 + port}"}}'
            for port, service in enumerate(SERVICES)
        ]
    return "\n".join(lines)


def seconds(work: Callable[[], object]) -> float:
    """The best of several rounds: what the machine does besides only ever adds."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    sites = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    written = text(sites)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    bare = seconds(lambda: yaml.load(written, loader))
    ours = seconds(lambda: parse_topology(written, "sites.yaml", Path()))
    print(f"{sites} sites x {len(SERVICES)} services, {len(written) // 1024} KiB, best of {ROUNDS}")
    print(f"bare yaml load     {bare:.3f} s")
    print(f"parse_topology     {ours:.3f} s, {ours / bare:.1f} times the bare load")


if __name__ == "__main__":
    main()
