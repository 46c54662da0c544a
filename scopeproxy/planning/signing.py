"""How a call from one site's proxy proves to another's where it comes from: `X-Scope-Signature`.

HMAC-SHA256 by a key which the two sites share, over the call, what travels with it, a date and a nonce.  The body is
not covered (it is streamed): against those who can alter it on its way there is TLS.
"""

from __future__ import annotations

import hmac
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, unquote

from scopeproxy.errors import Forbidden, SiteFailure

SIGNATURE = "X-Scope-Signature"

# Seconds between the two clocks, either way.  Sites are run by different people: two minutes apart must still work.
WINDOW = 180

_VERSION = "v1"
_HEADER = re.compile(
    rf"{_VERSION} site=([A-Za-z0-9_.~%-]+) date=([0-9]{{1,12}}) nonce=([0-9a-f]{{32}}) mac=([0-9a-f]{{64}})"
)
_SLICE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """What is signed besides method and target: each as its header has it, empty where there is no such header.

    `to` and `service` are what is called: where many sites share one key, a call must not be good at another of them.
    `site` is the sender; the receiver leaves it out, the signature names it.
    """

    to: str
    service: str
    scope: str
    options: str
    home: str
    entry: str
    hops: int
    host: str
    fingerprint: str
    site: str = ""


class NonceMemory:
    """The signatures seen of late, so that none is honoured twice.  For one process; it starts empty.

    Kept in slices of a minute by the date in the signature, which drop whole once that date is past the window.
    Only calls that proved their origin get in.  When it is full, new calls are refused (503: the next site may do)
    rather than old ones forgotten: forgetting would let a partner who sends much re-open a window for replays.
    The default takes about 2,000 calls/s and, when full, 50 MB.
    """

    __slots__ = ("_capacity", "_count", "_slices")

    def __init__(self, capacity: int = 500_000) -> None:
        self._capacity = capacity
        self._count = 0
        self._slices: dict[int, set[bytes]] = {}

    def __len__(self) -> int:
        return self._count

    def first_time(self, mac: bytes, date: int, now: float) -> bool:
        """Whether this signature is seen for the first time; it is remembered from now on."""
        self._drop(now)
        seen = self._slices.setdefault(date // _SLICE, set())
        if mac in seen:
            return False
        if self._count >= self._capacity:
            raise SiteFailure("more signed calls came within three minutes than can be told from replays", 503)
        seen.add(mac)
        self._count += 1
        return True

    def _drop(self, now: float) -> None:
        # A slice's last date is _SLICE - 1 seconds after its first.
        past = [minute for minute in self._slices if (minute + 1) * _SLICE + WINDOW <= now]
        for minute in past:
            self._count -= len(self._slices.pop(minute))


class Signer:
    """Signs the same call as often as it is made: what does not change in it is put together once."""

    __slots__ = ("_begins", "_ends", "_key", "_site")

    def __init__(self, key: bytes, method: str, target: str, hop: Hop) -> None:
        self._key, self._site = key, quote(hop.site, safe="")
        self._begins, self._ends = _beginning(hop.site), _ending(method, target, hop)

    def sign(self, now: float, nonce: str) -> str:
        """The value of X-Scope-Signature.  `nonce`: 32 random hex digits, new for each call."""
        date = str(int(now))
        mac = hmac.digest(self._key, self._begins + _told(date, nonce) + self._ends, "sha256").hex()
        return f"{_VERSION} site={self._site} date={date} nonce={nonce} mac={mac}"


def sign(key: bytes, method: str, target: str, hop: Hop, now: float, nonce: str) -> str:
    """The value of X-Scope-Signature for a call that is made once."""
    return Signer(key, method, target, hop).sign(now, nonce)


def verify(
    key_of: Callable[[str], bytes | None],
    method: str,
    target: str,
    hop: Hop,
    signature: str,
    now: float,
    seen: NonceMemory,
) -> str:
    """The site that signed the call.  `key_of` gives the key shared with a site, None for one that we do not trust."""
    site, date, nonce, mac = _parts(signature)
    key = key_of(site)
    if key is None:
        raise Forbidden(f"{hop.to} has no key for calls from a site named {site!r}")
    # The proof comes before the clock and the nonce: who cannot sign learns nothing of either, and fills no memory.
    if not hmac.compare_digest(mac, _mac(key, method, target, hop, site, date, nonce)):
        raise Forbidden(
            f"the signature of a call that says it is from {site} is wrong; do both sites hold the same key?"
        )
    apart = abs(now - date)
    if apart > WINDOW:
        raise Forbidden(
            f"the clocks of {site} and {hop.to} are {math.ceil(apart)} s apart; at most {WINDOW} s is accepted: "
            "set both by NTP"
        )
    if not seen.first_time(bytes.fromhex(mac)[:16], date, now):
        raise Forbidden(f"this call from {site} was received before: it was replayed")
    return site


def _parts(signature: str) -> tuple[str, int, str, str]:
    found = _HEADER.fullmatch(signature)
    if found is None:
        raise Forbidden(f"{SIGNATURE} is malformed; '{_VERSION} site=… date=… nonce=… mac=…' was expected")
    site, date, nonce, mac = found.groups()
    try:
        return unquote(site, errors="strict"), int(date), nonce, mac
    except UnicodeDecodeError as error:
        raise Forbidden(f"the site's name in {SIGNATURE} is not percent-encoded UTF-8") from error


def _mac(key: bytes, method: str, target: str, hop: Hop, site: str, date: int, nonce: str) -> str:
    signed = _beginning(site) + _told(str(date), nonce) + _ending(method, target, hop)
    return hmac.digest(key, signed, "sha256").hex()


def _beginning(site: str) -> bytes:
    return _told(f"scopeproxy hop {_VERSION}", site)


def _ending(method: str, target: str, hop: Hop) -> bytes:
    of_hop = (hop.to, hop.service, hop.scope, hop.options, hop.home, hop.entry, str(hop.hops), hop.host)
    return _told(method, target, *of_hop, hop.fingerprint)


def _told(*fields: str) -> bytes:
    """Each behind its length, so that no two calls are the same string of bytes."""
    told = [field.encode(errors="surrogatepass") for field in fields]
    return b"".join([len(data).to_bytes(8, "big") + data for data in told])
