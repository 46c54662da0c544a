"""Where a password or a token may be sent: the operator's `credentials`, and never in the clear beyond loopback."""

from __future__ import annotations

from scopeproxy.model.topology import Site, Url

PASSWORD, TOKEN = "password", "token"


def withheld(kind: str, here: Site, to: Site, url: Url) -> str | None:
    """Why a credential of this kind does not go from one site to another; None: it may."""
    if here.name == to.name:
        return None
    listed = here.proxy.credentials.password_to if kind == PASSWORD else here.proxy.credentials.token_to
    allowed = to.operator == here.operator if listed is None else to.name in listed or "*" in listed
    if not allowed:
        return f"{here.name} sends no {kind} to {to.name}: its proxy.credentials.{kind}_to does not allow it"
    return in_the_clear(kind, here, to, url)


def in_the_clear(kind: str, here: Site, to: Site, url: Url) -> str | None:
    """Why a credential that may go to a site does not go to this address; None: nobody on the way would read it."""
    if url.scheme == "https" or here.proxy.insecure or url.address.on_loopback:
        return None
    return f"{here.name} sends no {kind} to {to.name} over plain http: give it an https front, or set proxy.insecure"
