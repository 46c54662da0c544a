"""A call as it leaves: its head goes to the letter, and its body as its length tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from scopeproxy.model.messages import Body, Headers
from scopeproxy.model.topology import Timeouts, Url


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One HTTP request as it leaves.  `deadline`: the event loop's time by which its answer must have begun;
    `provisional`: who wants to know of each 1xx before it; `upgrades`: whether it asks for another protocol."""

    site: str
    root: Url
    method: str
    target: str
    headers: Headers
    body: Body
    timeouts: Timeouts
    deadline: float | None = None
    provisional: Callable[[bytes], None] | None = None
    upgrades: bool = False


class Head(NamedTuple):
    """The bytes of a head.  `chunked`: whether its body goes in chunks; `expects`: whether it waits to be asked for."""

    data: bytes
    chunked: bool
    expects: bool


class Unsendable(Exception):
    """What cannot be sent as it is; the text tells why, and repeats nothing of it, which may hold a token."""


def head_of(call: Outgoing) -> Head:
    """The head of a call: the headers that it has, in their order, and what frames its body if none of them does.

    Raises Unsendable.
    """
    lines, length, chunked, expects = [f"{call.method} {call.root.path}{call.target} HTTP/1.1"], None, False, False
    for name, value in call.headers:
        lines.append(f"{name}: {value}")
        match name.lower():
            case "content-length":
                length = value
            case "transfer-encoding":
                chunked = True
            case "expect":
                expects = value.lower() == "100-continue"
    told = call.body.length
    if (chunked and told is not None) or (told is None and length is not None):
        raise Unsendable("its headers frame the body in another way than its length would have it")
    if told is None and not chunked:
        chunked = True
        lines.append("Transfer-Encoding: chunked")
    elif told and length is None:
        lines.append(f"Content-Length: {told}")
    elif length is not None and not (length.isdigit() and int(length) == told):
        raise Unsendable("its headers tell another length of the body than it has")
    # RFC 9112, section 11.1: a line end within one of these would be the beginning of another header, or request.
    ends = len(lines) + 1
    text = "\r\n".join([*lines, "", ""])
    if text.count("\r\n") != ends or text.count("\n") != ends or text.count("\r") != ends or "\0" in text:
        raise Unsendable("a control character is in its head")
    if lines[0].count(" ") != 2:
        raise Unsendable("a space is in its target")
    return Head(text.encode("utf-8", "surrogateescape"), chunked, expects)
