"""Single values: what they become, and what is said where they cannot be read."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeproxy.edges import values
from scopeproxy.edges.schema import Place, Reader, Reading, Wrong
from scopeproxy.model.topology import Address, Url

PLACE = Place(Reading(Path("/etc/scopeproxy"), frozenset({"Paris", "Corte"})))
READERS = [
    values.text,
    values.name,
    values.boolean,
    values.count,
    values.duration,
    values.delay,
    values.size,
    values.rate,
    values.percentage,
    values.site,
    values.site_or_all,
    values.file,
    values.network,
    values.address,
    values.url,
    values.front,
    values.one_of(("rewrite", "keep")),
]


@pytest.mark.parametrize(
    ("reader", "written", "value"),
    [
        (values.text, "Île-de-France", "Île-de-France"),
        (values.name, "New York", "New York"),
        (values.boolean, "True", True),
        (values.boolean, "false", False),
        (values.count, "1024", 1024),
        (values.duration, "15ms", 0.015),
        (values.duration, "2s", 2.0),
        (values.delay, "0s", 0.0),
        (values.delay, "0", 0.0),
        (values.size, "65536", 65536),
        (values.size, "64KiB", 65536),
        (values.size, "1MiB", 1 << 20),
        (values.size, "1.5 GiB", 3 << 29),
        (values.size, "2MB", 2_000_000),
        (values.size, "10B", 10),
        (values.rate, "1Gbit", 125_000_000.0),
        (values.rate, "1e+06kbit", 125_000_000.0),
        (values.rate, "100mbit/s", 12_500_000.0),
        (values.rate, "8 kbit", 1000.0),
        (values.percentage, "0%", 0.0),
        (values.percentage, "0.5%", 0.005),
        (values.percentage, "100 %", 1.0),
        (values.site, "Paris", "Paris"),
        (values.site_or_all, "*", "*"),
        (values.file, "peer.key", "/etc/scopeproxy/peer.key"),
        (values.file, "/run/key", "/run/key"),
        (values.network, "10.1.2.3/8", "10.0.0.0/8"),
        (values.network, "::1", "::1/128"),
        (values.address, "127.0.0.1:5000", Address("127.0.0.1", 5000)),
        (values.address, "[0:0::1]:5000", Address("::1", 5000)),
        (values.address, "localhost:1", Address("localhost", 1)),
        (values.url, "http://127.0.0.1/compute/", Url("http", Address("127.0.0.1", 80), "/compute")),
        (values.url, "HTTPS://Cloud.Example", Url("https", Address("cloud.example", 443))),
        (values.url, "http://[2001:DB8::1]:5000/a/b", Url("http", Address("2001:db8::1", 5000), "/a/b")),
        (values.url, "http://0.0.0.0:5000", Url("http", Address("0.0.0.0", 5000))),
    ],
)
def test_a_value_is_read(reader: Reader, written: str, value: object) -> None:
    assert reader(PLACE, written) == value


URL = "a URL such as http://192.0.2.1:5000 or https://cloud.example/identity is expected"
ADDRESS = "an address such as 127.0.0.1:5000 or [::1]:5000 is expected"
NAME = "cannot be a name: no ',', no '=', no space at its ends, and not '*', '.' or '..'"
HOST = "is not a host: an IP address or an ASCII name is expected (xn--… for others)"
DURATION = "write a number and a unit (us, ms, s, m or h) without a blank, such as 30s or 15ms"


@pytest.mark.parametrize(
    ("reader", "written", "message"),
    [
        (values.text, [], "text is expected, not a list"),
        (values.text, " ", "printable text is expected, not ' '"),
        (values.text, "a\x07", r"printable text is expected, not 'a\x07'"),
        (values.name, "a,b", f"'a,b' {NAME}"),
        (values.name, "a=b", f"'a=b' {NAME}"),
        (values.name, " a", f"' a' {NAME}"),
        (values.name, "..", f"'..' {NAME}"),
        (values.name, "*", f"'*' {NAME}"),
        (values.name, "x" * 300, "a name has at most 200 characters; this one has 300"),
        (values.boolean, "yes", "true or false is expected, not 'yes'"),
        (values.count, "0", "a whole number from 1 on is expected, not '0'"),
        (values.count, "٣", "a whole number from 1 on is expected, not '٣'"),
        (values.count, "9" * 5000, f"a whole number from 1 on is expected, not '{'9' * 64}…'"),
        (values.duration, "2", f"'2' is not a duration: {DURATION}"),
        (values.duration, "0s", "a duration longer than nothing is expected, not '0s'"),
        (values.delay, "-1s", f"'-1s' is not a duration: {DURATION}"),
        (values.size, "1 lot", "a size such as 64KiB, 1MiB or a number of bytes is expected, not '1 lot'"),
        (values.size, "0", "a size of a byte at least is expected, not '0'"),
        (values.rate, "1GB", "a rate such as 100Mbit or 1Gbit is expected, not '1GB'"),
        (values.rate, "0bit", "a rate above nothing is expected, not '0bit'"),
        (values.percentage, "1", "a percentage such as 0.5% is expected, not '1'"),
        (values.percentage, "101%", "at most 100% is expected, not '101%'"),
        (values.site, "Cort", "unknown site 'Cort'; did you mean 'Corte'?"),
        (values.site, "*", "unknown site '*'; choose from Corte, Paris"),
        (values.network, "10.0.0.0/33", "an address or a network such as 10.0.0.0/8 is expected, not '10.0.0.0/33'"),
        (values.address, "127.0.0.1", f"{ADDRESS}, not '127.0.0.1'"),
        (values.address, ":5000", f"nothing {HOST}"),
        (values.address, "h:5000/x", f"{ADDRESS}, not 'h:5000/x'"),
        (values.address, "h:0", "a port from 1 to 65535 is expected, not 0"),
        (values.address, "h:99999", f"{ADDRESS}, not 'h:99999'"),
        (values.address, "u:p@h:1", ADDRESS),
        (values.url, "ftp://h", f"{URL}, not 'ftp://h'"),
        (values.url, "u:secret@h", URL),
        (values.url, "h:80", f"{URL}, not 'h:80'"),
        (values.url, "http://[::1", f"{URL}, not 'http://[::1'"),
        (values.url, "http://u:secret@h:x", URL),
        (
            values.url,
            "http://u:secret@h",
            "a URL without user and password is expected; the topology holds no credentials",
        ),
        (values.url, "http://h/?q=1", "a URL without a query or a fragment is expected, not 'http://h/?q=1'"),
        (values.url, "http://h#x", "a URL without a query or a fragment is expected, not 'http://h#x'"),
        (values.url, "http://h/a b", "a path such as /identity is expected, not '/a b'"),
        (values.url, "http://h/a//b", "a path such as /identity is expected, not '/a//b'"),
        (values.url, "http://h/a/../b", "a path such as /identity is expected, not '/a/../b'"),
        (values.url, "http://127.1", f"'127.1' {HOST}"),
        (values.url, "http://zürich.example", f"'zürich.example' {HOST}"),
        (values.url, "http://[fe80::1%25eth0]", f"'fe80::1%25eth0' {HOST}"),
        (
            values.front,
            "http://[::]:5000",
            ":: is not an address to connect to; name one, and listen there with 'listen'",
        ),
        (values.one_of(("rewrite", "keep")), "rewrit", "unknown value 'rewrit'; did you mean 'rewrite'?"),
    ],
)
def test_a_value_that_cannot_be_read_is_told(reader: Reader, written: object, message: str) -> None:
    with pytest.raises(Wrong) as error:
        reader(PLACE, written)
    assert str(error.value) == message


@given(st.sampled_from(READERS), st.none() | st.text() | st.integers() | st.lists(st.text()) | st.binary())
def test_anything_is_a_value_or_wrong(reader: Reader, written: Any) -> None:
    with suppress(Wrong):
        reader(PLACE, written)


@given(st.from_regex(r"https?://[a-z0-9.:@\[\]/%?#_-]{0,30}", fullmatch=True))
def test_a_url_that_was_read_is_read_again_from_what_it_prints(written: str) -> None:
    try:
        found = values.url(PLACE, written)
    except Wrong:
        return
    assert values.url(PLACE, str(found)) == found
