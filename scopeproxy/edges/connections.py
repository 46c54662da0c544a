"""Sockets of fronts: what is told of one that cannot be opened."""

from __future__ import annotations

import errno
import os

from scopeproxy.model.topology import Address


def cannot_listen(address: Address, error: OSError) -> str:
    """What is told of a socket that cannot be opened.  The libraries' own texts differ, and name the address again."""
    number = error.errno or 0
    why = os.strerror(number) if number in errno.errorcode else str(error)
    return f"cannot listen on {address}: {why}"
