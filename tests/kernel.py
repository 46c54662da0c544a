"""What the kernel of this machine may hold of bodies on their way: tests that have somebody held up send more."""

from __future__ import annotations

from pathlib import Path


def _most(name: str) -> int:
    """Bytes that the kernel lets a TCP socket hold one way: tcp(7)."""
    return int(Path(f"/proc/sys/net/ipv4/{name}").read_text().split()[-1])


# Bytes at both ends of one connection, one way.
WIRE = _most("tcp_rmem") + _most("tcp_wmem")
