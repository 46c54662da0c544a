"""What HTTP/1.1 wants of a proxy, a row each: what is sent, what the service must see, what the client must see.

`Host: h` stands in every head: where a request travels under a scope, its line is put behind that one.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.conformance.backend import OK

# How a request travels: without a scope, under one that names its own site, under one that names another.
PLAIN, HERE, THERE = "unscoped", "scoped here", "scoped there"
PATHS = (PLAIN, HERE, THERE)

# What a connection is afterwards.
OPEN, CLOSED, EITHER = "open", "closed", "either"


@dataclass(frozen=True)
class Want:
    """A message as it must be.  `lines`: values that must be there; `without`: names that must not; `before`: the
    provisional answers ahead of it, None: any; `trailers`: where it passes untouched.  Under a scope there are none: a
    body is put together anew for each site, and RFC 9110, 6.5.1, lets them be thrown away.  In the head they are
    never."""

    start: bytes
    body: bytes = b""
    lines: tuple[tuple[bytes, bytes], ...] = ()
    without: tuple[bytes, ...] = ()
    trailers: tuple[tuple[bytes, bytes], ...] = ()
    before: tuple[int, ...] | None = ()


@dataclass(frozen=True)
class Case:
    """`rule`: the RFC and its section; `after`: what the connection is."""

    name: str
    rule: str
    sent: bytes
    back: tuple[Want, ...]
    client: tuple[Want, ...]
    answer: bytes = OK
    then_closes: bool = False
    after: str = OPEN


def request(start: bytes, *lines: bytes, body: bytes = b"", version: bytes = b"HTTP/1.1") -> bytes:
    return b"\r\n".join([start + b" " + version, b"Host: h", *lines, b"", b""]) + body


def answer(start: bytes, *lines: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join([b"HTTP/1.1 " + start, *lines, b"", b""]) + body


GET = Want(b"GET /x")
POST = Want(b"POST /x", b"hello")
HI = Want(b"200", b"hi")
LENGTH = b"Content-Length: 5"
CHUNKED = b"Transfer-Encoding: chunked"
INNER = b"GET /never HTTP/1.1\r\nHost: other\r\n\r\n"

# What is otherwise where calls are the proxy's own: under a scope.
PROVISIONAL = "an errand's provisional answers are told to nobody"

CASES = (
    # ---- connections
    Case("one request", "9112 9.3", request(b"GET /x"), (GET,), (HI,)),
    Case(
        "requests ahead of answers",
        "9112 9.3.2",
        b"".join(request(b"GET /%d" % number) for number in range(8)),
        tuple(Want(b"GET /%d" % number) for number in range(8)),
        (HI,) * 8,
    ),
    Case(
        "requests with bodies ahead of answers",
        "9112 9.3.2",
        request(b"POST /x", LENGTH, body=b"hello")
        + request(b"POST /y", CHUNKED, body=b"5\r\nworld\r\n0\r\n\r\n")
        + request(b"GET /z"),
        (POST, Want(b"POST /y", b"world"), Want(b"GET /z")),
        (HI,) * 3,
    ),
    Case(
        "the last of several requests",
        "9112 9.6",
        request(b"GET /x") + request(b"GET /y", b"Connection: close") + request(b"GET /never"),
        (GET, Want(b"GET /y", without=(b"connection",))),
        (HI, Want(b"200", b"hi", ((b"connection", b"close"),))),
        after=CLOSED,
    ),
    Case(
        "a service that closes each connection",
        "9112 9.6",
        request(b"GET /x"),
        (GET,),
        (Want(b"200", b"hi", without=(b"keep-alive",)),),
        answer(b"200 OK", b"Connection: close", b"Content-Length: 2", body=b"hi"),
        then_closes=True,
    ),
    Case("a client of HTTP/1.0", "9112 9.3", request(b"GET /x", version=b"HTTP/1.0"), (GET,), (HI,), after=CLOSED),
    Case(
        "a client of HTTP/1.0 that stays",
        "9112 9.3",
        request(b"GET /x", b"Connection: keep-alive", version=b"HTTP/1.0"),
        (GET,),
        (Want(b"200", b"hi", ((b"connection", b"keep-alive"),)),),
    ),
    Case("an empty line ahead", "9112 2.2", b"\r\n" + request(b"GET /x"), (GET,), (HI,)),
    Case(
        "a field named by Connection",
        "9110 7.6.1",
        request(b"GET /x", b"Connection: X-Mine, x-other", b"X-Mine: 1", b"X-Other: 2", b"X-Kept: 3"),
        (Want(b"GET /x", lines=((b"x-kept", b"3"),), without=(b"connection", b"x-mine", b"x-other")),),
        (HI,),
    ),
    Case(
        "a length that Connection names",
        "9110 7.6.1",
        request(b"POST /x", b"Connection: Content-Length", LENGTH, body=b"hello"),
        (POST,),
        (HI,),
    ),
    Case(
        "a coding that Connection names",
        "9110 7.6.1",
        request(b"POST /x", b"Connection: Transfer-Encoding", CHUNKED, body=b"5\r\nhello\r\n0\r\n\r\n"),
        (POST,),
        (HI,),
    ),
    Case(
        "a Host and a token that Connection names",
        "9110 7.6.1",
        request(b"GET /x", b"Connection: Host, X-Auth-Token, X-Scope", b"X-Auth-Token: t"),
        (Want(b"GET /x", lines=((b"host", b"h"),)),),
        (HI,),
    ),
    Case(
        "fields of the client's connection",
        "9110 7.6.1",
        request(
            b"GET /x",
            b"Keep-Alive: timeout=5",
            b"Proxy-Connection: keep-alive",
            b"TE: trailers",
            b"Connection: TE, Keep-Alive",
        ),
        (Want(b"GET /x", without=(b"keep-alive", b"proxy-connection", b"te", b"connection")),),
        (HI,),
    ),
    Case(
        "fields of the service's connection",
        "9110 7.6.1",
        request(b"GET /x"),
        (GET,),
        (Want(b"200", b"hi", ((b"x-kept", b"3"),), (b"x-mine", b"keep-alive")),),
        answer(
            b"200 OK",
            b"Connection: X-Mine",
            b"X-Mine: 1",
            b"Keep-Alive: timeout=5",
            b"X-Kept: 3",
            b"Content-Length: 2",
            body=b"hi",
        ),
    ),
    # ---- heads
    Case("Host as it came", "9110 7.2", request(b"GET /x"), (Want(b"GET /x", lines=((b"host", b"h"),)),), (HI,)),
    Case(
        "Host with a port",
        "9110 7.2",
        b"GET /x HTTP/1.1\r\nX-Odd: 1\r\nHost: h:8774\r\n\r\n",
        (Want(b"GET /x", lines=((b"host", b"h:8774"), (b"x-odd", b"1"))),),
        (HI,),
    ),
    Case(
        "a method of its own",
        "9110 9.1",
        request(b"X-MY.method /x"),
        (Want(b"X-MY.method /x"),),
        (HI,),
    ),
    Case(
        "fields of one name",
        "9110 5.3",
        request(b"GET /x", b"Cookie: a", b"X-A: 1", b"Cookie: b"),
        (Want(b"GET /x", lines=((b"cookie", b"a"), (b"cookie", b"b"))),),
        (HI,),
    ),
    Case(
        "space around a value",
        "9112 5",
        request(b"GET /x", b"X-A: \t 1 2 \t ", b"X-B:3", b"X-Empty:"),
        (Want(b"GET /x", lines=((b"x-a", b"1 2"), (b"x-b", b"3"), (b"x-empty", b""))),),
        (HI,),
    ),
    Case(
        "text beyond ASCII",
        "9110 5.5",
        request(b"GET /x", b"X-A: caf\xc3\xa9"),
        (Want(b"GET /x", lines=((b"x-a", b"caf\xc3\xa9"),)),),
        (HI,),
    ),
    Case(
        "names with an underscore",
        "9110 5.1",
        request(b"GET /x", b"Content_Length: 7"),
        (Want(b"GET /x", lines=((b"content_length", b"7"),)),),
        (HI,),
    ),
    # ---- bodies of requests
    Case("a body by length", "9112 6.2", request(b"POST /x", LENGTH, body=b"hello"), (POST,), (HI,)),
    Case("an empty body", "9112 6.3", request(b"POST /x", b"Content-Length: 0"), (Want(b"POST /x"),), (HI,)),
    Case(
        "no body at all", "9112 6.3", request(b"POST /x"), (Want(b"POST /x", without=(b"transfer-encoding",)),), (HI,)
    ),
    Case(
        "a read with a body",
        "9110 9.3.1",
        request(b"GET /x", LENGTH, body=b"hello"),
        (Want(b"GET /x", b"hello"),),
        (HI,),
    ),
    Case(
        "a body that looks like a request",
        "9112 6.2",
        request(b"POST /x", b"Content-Length: %d" % len(INNER), body=INNER),
        (Want(b"POST /x", INNER),),
        (HI,),
    ),
    Case(
        "chunks",
        "9112 7.1",
        request(b"POST /x", CHUNKED, body=b"00a\r\nhellohello\r\nA\r\nworldworld\r\n000\r\n\r\n"),
        (Want(b"POST /x", b"hellohelloworldworld", without=(b"content-length",)),),
        (HI,),
    ),
    Case(
        "chunks with extensions",
        "9112 7.1.1",
        request(b"POST /x", CHUNKED, body=b'5;a;b=c;d="e;\\"f"\r\nhello\r\n0;last\r\n\r\n'),
        (POST,),
        (HI,),
    ),
    Case(
        "chunks with trailers",
        "9112 7.1.2",
        request(b"POST /x", CHUNKED, b"Trailer: X-Sum", body=b"5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n"),
        (Want(b"POST /x", b"hello", trailers=((b"x-sum", b"7"),), without=(b"x-sum",)),),
        (HI,),
    ),
    Case(
        "chunks with trailers ahead of another request",
        "9112 7.1.2",
        request(b"POST /x", CHUNKED, body=b"5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n") + request(b"GET /x"),
        (Want(b"POST /x", b"hello", trailers=((b"x-sum", b"7"),)), Want(b"GET /x", without=(b"x-sum",))),
        (HI, HI),
    ),
    Case(
        "the coding in other letters",
        "9112 7",
        request(b"POST /x", b"transfer-encoding: CHUNKED", body=b"5\r\nhello\r\n0\r\n\r\n"),
        (POST,),
        (HI,),
    ),
    Case(
        "a body that was not waited for",
        "9110 10.1.1",
        request(b"POST /x", b"Expect: 100-continue", LENGTH, body=b"hello"),
        (POST,),
        (Want(b"200", b"hi", before=None),),
        after=EITHER,
    ),
    # ---- answers
    Case(
        "HEAD",
        "9110 9.3.2",
        request(b"HEAD /x"),
        (Want(b"HEAD /x"),),
        (Want(b"200", lines=((b"content-length", b"1234"),)),),
        answer(b"200 OK", b"Content-Length: 1234"),
        after=EITHER,
    ),
    Case(
        "HEAD and a read",
        "9110 9.3.2",
        request(b"HEAD /x") + request(b"GET /y"),
        (Want(b"HEAD /x"), Want(b"GET /y")),
        (Want(b"304"), Want(b"304")),
        answer(b"304 Not Modified", b"Content-Length: 1234"),
    ),
    Case(
        "HEAD of what comes in chunks",
        "9112 6.3",
        request(b"HEAD /x"),
        (Want(b"HEAD /x"),),
        (Want(b"200"),),
        answer(b"200 OK", CHUNKED),
        after=EITHER,
    ),
    Case(
        "204",
        "9112 6.3",
        request(b"DELETE /x"),
        (Want(b"DELETE /x"),),
        (Want(b"204", without=(b"content-length",)),),
        answer(b"204 No Content", b"ETag: x"),
        after=EITHER,
    ),
    Case(
        "304",
        "9112 6.3",
        request(b"GET /x"),
        (GET,),
        (Want(b"304", lines=((b"content-length", b"77"),)),),
        answer(b"304 Not Modified", b"Content-Length: 77"),
        after=EITHER,
    ),
    Case(
        "provisional answers",
        "9110 15.2",
        request(b"GET /x"),
        (GET,),
        (Want(b"200", b"hi", before=(103, 103)),),
        answer(b"103 Early Hints", b"Link: a") * 2 + OK,
    ),
    Case(
        "an answer in chunks",
        "9112 7.1",
        request(b"GET /x"),
        (GET,),
        (Want(b"200", b"hellohi", without=(b"content-length",)),),
        answer(b"200 OK", CHUNKED, body=b"5;a=b\r\nhello\r\n02\r\nhi\r\n0\r\n\r\n"),
    ),
    Case(
        "an answer with trailers",
        "9112 7.1.2",
        request(b"GET /x"),
        (GET,),
        (Want(b"200", b"hello", trailers=((b"x-sum", b"7"),), without=(b"x-sum",)),),
        answer(b"200 OK", CHUNKED, b"Trailer: X-Sum", body=b"5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n"),
    ),
    Case(
        "an answer to the end of its connection",
        "9112 6.3",
        request(b"GET /x"),
        (GET,),
        (Want(b"200", b"all of it"),),
        answer(b"200 OK", body=b"all of it"),
        then_closes=True,
        after=EITHER,
    ),
    Case(
        "an answer of HTTP/1.0",
        "9112 2.3",
        request(b"GET /x"),
        (GET,),
        (HI,),
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        then_closes=True,
        after=EITHER,
    ),
    Case(
        "an answer without a reason",
        "9112 4",
        request(b"GET /x"),
        (GET,),
        (HI,),
        answer(b"200 ", b"Content-Length: 2", body=b"hi"),
    ),
    Case(
        "an upgrade that is not taken",
        "9110 7.8",
        request(b"GET /x", b"Connection: Upgrade", b"Upgrade: websocket"),
        (Want(b"GET /x"),),
        (HI,),
        after=EITHER,
    ),
)
