"""What two readers could take for different messages, a row each: all of it is refused, and none of it passed on.

Behind each stands another request, in the bytes that one of the two readers would not count as the first one's.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.conformance.table import request

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked"
END = b"0\r\n\r\n"


@dataclass(frozen=True)
class Trick:
    """`rule`: the RFC and its section; `sent`: up to where the smuggled request begins."""

    name: str
    rule: str
    sent: bytes


def fields(name: str, rule: str, *lines: bytes, body: bytes = END) -> Trick:
    """A POST with these lines of the head."""
    return Trick(name, rule, request(b"POST /x", *lines, body=body))


def start(name: str, rule: str, line: bytes, host: bytes = b"Host: h\r\n") -> Trick:
    """A request that begins with this line."""
    return Trick(name, rule, line + b"\r\n" + host + b"\r\n")


def chunks(name: str, rule: str, body: bytes) -> Trick:
    """A POST in these chunks."""
    return Trick(name, rule, request(b"POST /x", CHUNKED, body=body))


# In the head: not a byte may reach the service.
HEADS = (
    # ---- Content-Length and Transfer-Encoding
    fields("CL.TE", "9112 6.1", b"Content-Length: 5", CHUNKED),
    fields("TE.CL", "9112 6.1", CHUNKED, b"Content-Length: 5"),
    fields("CL.TE, no length", "9112 6.1", b"Content-Length: 0", CHUNKED),
    fields("TE.TE", "9112 7", CHUNKED, CHUNKED),
    fields("TE.TE, one unknown", "9112 7", CHUNKED, b"Transfer-Encoding: x"),
    fields("TE.TE, one unknown first", "9112 7", b"Transfer-Encoding: x", CHUNKED),
    fields("TE.TE, one empty", "9112 7", b"Transfer-Encoding:", CHUNKED),
    *(
        fields(f"TE: {coding.decode(errors='replace')!r}", "9112 7", b"Transfer-Encoding: " + coding)
        for coding in (
            b"xchunked",
            b"chunkedx",
            b"chunked, chunked",
            b"chunked, identity",
            b"identity, chunked",
            b"gzip, chunked",
            b"gzip",
            b"identity",
            b"chunked;q=1",
            b'"chunked"',
            b"'chunked'",
            b"chunked,",
            b",chunked",
            b"\x0bchunked",
            b"chunked\x0b",
            b"\x0cchunked",
            b"chunk\xc3\xa9d",
            b"chun ked",
            b"\xc2\xa0chunked",
            b"",
        )
    ),
    fields("TE with a space before the colon", "9112 5.1", b"Transfer-Encoding : chunked"),
    fields("TE with a tab before the colon", "9112 5.1", b"Transfer-Encoding\t: chunked"),
    fields("TE in a folded line", "9112 5.2", b"X-A: 1", b" Transfer-Encoding: chunked"),
    fields("TE folded itself", "9112 5.2", b"Transfer-Encoding:", b" chunked"),
    fields("TE behind a bare LF", "9112 2.2", b"X-A: 1\nTransfer-Encoding: chunked"),
    fields("TE behind a bare CR", "9112 2.2", b"X-A: 1\rTransfer-Encoding: chunked"),
    Trick("TE of HTTP/1.0", "9112 6.1", request(b"POST /x", CHUNKED, body=END, version=b"HTTP/1.0")),
    # ---- Content-Length
    fields("two lengths", "9112 6.3", b"Content-Length: 5", b"Content-Length: 6"),
    fields("one length twice", "9112 6.3", b"Content-Length: 5", b"Content-Length: 5"),
    fields("two lengths, other letters", "9112 6.3", b"Content-Length: 5", b"content-length: 0"),
    *(
        fields(f"CL: {length.decode(errors='replace')!r}", "9112 6.2", b"Content-Length: " + length)
        for length in (
            b"5, 5",
            b"5, 6",
            b"5,",
            b",5",
            b"+5",
            b"-5",
            b"-0",
            b"0x5",
            b"5 5",
            b"5.0",
            b"5e0",
            b"5_0",
            b"1_0",
            b"a",
            b"",
            b"\xef\xbc\x95",
            b"\xd9\xa5",
            b"9" * 30,
            b"18446744073709551621",
            b"5;a",
            b'"5"',
            b"\x0b5",
            b"5\x0c",
        )
    ),
    fields("CL with a space before the colon", "9112 5.1", b"Content-Length : 5"),
    fields("CL folded", "9112 5.2", b"Content-Length:", b"\t5"),
    # ---- lines
    Trick("bare LF all over", "9112 2.2", b"GET /x HTTP/1.1\nHost: h\r\n\r\n"),
    Trick("bare LF at the end", "9112 2.2", b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\n"),
    Trick("bare CR for an end", "9112 2.2", b"POST /x HTTP/1.1\r\nHost: h\r\nX-A: 1\r\r\n\r\n"),
    fields("a folded line", "9112 5.2", b"X-A: 1", b"  2"),
    fields("a folded line of a tab", "9112 5.2", b"X-A: 1", b"\t2"),
    Trick("a folded first line", "9112 2.2", b"GET /x HTTP/1.1\r\n X-A: 1\r\nHost: h\r\n\r\n"),
    fields("NUL in a value", "9110 5.5", b"X-A: a\0b"),
    fields("NUL in a name", "9110 5.1", b"X\0A: b"),
    *(
        fields(f"{bytes([code])!r} in a value", "9110 5.5", b"X-A: a" + bytes([code]) + b"b")
        for code in (1, 8, 11, 31, 127)
    ),
    *(
        fields(f"{bytes([code])!r} in a name", "9110 5.1", b"X" + bytes([code]) + b"A: b")
        for code in b'\t (),/;<=>?@[\\]{}"\x7f\x80'
    ),
    fields("no name", "9112 5", b": 1"),
    fields("no colon", "9112 5", b"X-A"),
    # ---- start lines
    start("no version", "9112 2.3", b"GET /x"),
    *(
        start(f"{version.decode()!r}", "9112 2.3", b"GET /x " + version)
        for version in (
            b"HTTP/2.0",
            b"HTTP/1.2",
            b"HTTP/1.10",
            b"HTTP/01.1",
            b"HTTP/1",
            b"HTTP/1.",
            b"HTTP/.1",
            b"http/1.1",
            b"HTTP/1,1",
            b"HTTP/1.1 ",
            b"HTTP/ 1.1",
            b"HTTPS/1.1",
            b"HTTP/0.9",
            b"HTTP/1.1x",
            b"HTTP/1.+1",
        )
    ),
    start("two spaces", "9112 3", b"GET  /x HTTP/1.1"),
    start("a tab", "9112 3", b"GET\t/x HTTP/1.1"),
    start("a space ahead", "9112 3", b" GET /x HTTP/1.1"),
    start("a space in the target", "9112 3.2", b"GET /x y HTTP/1.1"),
    start("NUL in the target", "9112 3.2", b"GET /x\0y HTTP/1.1"),
    start("a control character in the target", "9112 3.2", b"GET /x\x01y HTTP/1.1"),
    start("bytes in the target", "9112 3.2", b"GET /x\xff HTTP/1.1"),
    start("a method that is no token", "9110 9.1", b"GE(T /x HTTP/1.1"),
    start("no method", "9112 3", b"/x HTTP/1.1"),
    start("no target", "9112 3", b"GET HTTP/1.1"),
    start("a target that is no path", "9112 3.2", b"GET x HTTP/1.1"),
    start("a host for a target", "9112 3.2.3", b"GET h:80 HTTP/1.1"),
    start("a star for a target", "9112 3.2.4", b"GET * HTTP/1.1"),
    start("CONNECT", "9112 3.2.3", b"CONNECT h:80 HTTP/1.1"),
    # ---- Host
    start("no Host", "9112 3.2", b"GET /x HTTP/1.1", b""),
    start("Host twice", "9112 3.2", b"GET /x HTTP/1.1", b"Host: h\r\nHost: h\r\n"),
    start("two Hosts", "9112 3.2", b"GET /x HTTP/1.1", b"Host: h\r\nHost: other\r\n"),
    start("two Hosts, other letters", "9112 3.2", b"GET /x HTTP/1.1", b"Host: h\r\nhOST: other\r\n"),
    *(
        start(f"Host: {host.decode()!r}", "9112 3.2", b"GET /x HTTP/1.1", b"X-A: 1\r\nHost: " + host + b"\r\n")
        for host in (
            b"h, other",
            b"h/x",
            b"a b",
            b"u@h",
            b"h:80:90",
            b"h:x",
            b"http://h",
            b"h#",
            b"h?",
            b"[::1",
            b"h\\x",
        )
    ),
    # A whole URL is not taken at all, although 9112 3.2.2 wants it: two hosts in one request are one too many.
    start("a URL", "9112 3.2.2", b"GET http://h/x HTTP/1.1"),
    start("a URL of another host", "9112 3.2.2", b"GET http://other/x HTTP/1.1"),
    start("a URL of another port", "9112 3.2.2", b"GET http://h:81/x HTTP/1.1"),
    start("a URL with a user", "9110 4.2.4", b"GET http://u@h/x HTTP/1.1"),
    start("a URL without a Host", "9112 3.2", b"GET http://h/x HTTP/1.1", b""),
    start("a URL without a host", "9110 4.2.1", b"GET http:///x HTTP/1.1"),
    start("a URL of another scheme", "9112 3.2.2", b"GET ftp://h/x HTTP/1.1"),
)

# In the body, once the head has gone its way: the service must never have a whole request.
BODIES = (
    *(
        chunks(f"a chunk of {size.decode(errors='replace')!r}", "9112 7.1", size + b"\r\nhello\r\n" + END)
        for size in (
            b"+5",
            b"-5",
            b"0x5",
            b"5x",
            b"x5",
            b" 5",
            b"\t5",
            b"",
            b"5 5",
            b"5_0",
            b"0_5",
            b"\xef\xbc\x95",
            b"5,",
            b"5\0",
            b"5\x0b",
            b"f" * 16,
            b"8000000000000000",
            b"f" * 17,
            b"1" + b"0" * 16,
            b"1" + b"0" * 16 + b"5",
            b"0" * 40 + b"5",
            b"5.0",
        )
    ),
    chunks("LF after a chunk's size", "9112 7.1", b"5\nhello\r\n" + END),
    chunks("CR after a chunk's size", "9112 7.1", b"5\rhello\r\n" + END),
    chunks("LF after a chunk", "9112 7.1", b"5\r\nhello\n" + END),
    chunks("nothing after a chunk", "9112 7.1", b"5\r\nhello" + END),
    chunks("a chunk that is longer than its size", "9112 7.1", b"5\r\nhello!\r\n" + END),
    chunks("a chunk that is shorter than its size", "9112 7.1", b"7\r\nhello\r\n" + END),
    chunks("LF in an extension", "9112 7.1.1", b"5;a\nb\r\nhello\r\n" + END),
    chunks("CR in an extension", "9112 7.1.1", b"5;a\rb\r\nhello\r\n" + END),
    chunks("NUL in an extension", "9112 7.1.1", b"5;a\0b\r\nhello\r\n" + END),
    chunks("an extension without end", "9112 7.1.1", b"5;" + b"a" * 70_000 + b"\r\nhello\r\n" + END),
    chunks("LF at the end", "9112 7.1", b"5\r\nhello\r\n0\n\r\n"),
    chunks("LF in the trailers", "9112 7.1.2", b"5\r\nhello\r\n0\r\nX-A: 1\nX-B: 2\r\n\r\n"),
    chunks("NUL in the trailers", "9112 7.1.2", b"5\r\nhello\r\n0\r\nX-A: 1\0\r\n\r\n"),
    chunks("a folded trailer", "9112 7.1.2", b"5\r\nhello\r\n0\r\nX-A: 1\r\n 2\r\n\r\n"),
    chunks("a trailer that is none", "9112 7.1.2", b"5\r\nhello\r\n0\r\nX-A\r\n\r\n"),
    chunks("trailers without end", "9112 7.1.2", b"5\r\nhello\r\n0\r\n" + b"X-A: 1\r\n" * 10_000 + b"\r\n"),
)
