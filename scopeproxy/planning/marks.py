"""The response headers that tell what was done: each bounded, printable ASCII, failed sites first when cut short."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

from scopeproxy.model.messages import Outcome, Reply

BOUND = 4096
_CUT = ", ..."


def sites_header(outcomes: Sequence[Outcome]) -> str:
    """X-Scope-Sites: what was asked and what came, `Paris=201, Corte=unreached`; beyond 4 KiB counts come first."""
    came = {outcome.site: _what_came(outcome) for outcome in outcomes}
    failed_first = sorted(came.items(), key=lambda pair: pair[1] < "4")
    counts = (f"{count} x {what}" for what, count in sorted(Counter(came.values()).items()))
    return _bounded(_pairs(came.items()), (*counts, *_pairs(failed_first)))


def replicas_header(replicas: Mapping[str, str]) -> str:
    """X-Scope-Replicas: `Paris=<id>, Corte=<id>`."""
    pairs = _pairs((site, quote(id_, safe=":@", errors="replace")) for site, id_ in replicas.items())
    return _bounded(pairs, (f"{len(pairs)} replicas", *pairs))


def partial_header(sites: Sequence[str]) -> str:
    """X-Scope-Partial: the sites whose part is missing."""
    names = [safe(site) for site in sites]
    return _bounded(names, (f"{len(names)} sites", *names))


def safe(site: str) -> str:
    """A site's name as it stands in a header: percent-encoded UTF-8 but for letters, digits, `_`, `.` and `-`."""
    return quote(site, safe="", errors="replace")


def _what_came(outcome: Outcome) -> str:
    if isinstance(outcome, Reply):
        return str(outcome.status)
    return "queued" if outcome.queued else "unreached"


def _pairs(pairs: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{safe(site)}={value}" for site, value in pairs]


def _bounded(whole: Sequence[str], short: Sequence[str]) -> str:
    text = ", ".join(whole)
    if len(text) <= BOUND:
        return text
    kept, size = [], len(_CUT)
    for part in short:
        size += len(part) + 2
        if size > BOUND:
            break
        kept.append(part)
    return ", ".join(kept) + _CUT
