"""The response headers that tell what was done: each bounded, printable ASCII, failed sites first when cut short."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

from scopeproxy.model.messages import Outcome, Reply
from scopeproxy.planning.divergence import NO_DIVERGENCE, Divergence, Diverging

BOUND = 4096
_CUT = ", ..."

# Of a divergence: fields that are named, and characters of each.
_FIELDS, _LONGEST = 8, 64


def sites_header(outcomes: Sequence[Outcome], diverging: Diverging = NO_DIVERGENCE) -> str:
    """X-Scope-Sites: what was asked and what came, `Paris=201, Corte=unreached`; beyond 4 KiB counts come first.

    A site whose replicas are not as those shown has what differs behind it: `Corte=200 (differs: name min_ram)`, in a
    list of several `Corte=200 (3 differ: name)`.  The names of fields hold neither comma nor `=`.
    """
    came = {outcome.site: _what_came(outcome) for outcome in outcomes}
    failed_first = sorted(came, key=lambda site: (came[site] < "4", site not in diverging))
    counts = (f"{count} x {what}" for what, count in sorted(Counter(came.values()).items()))
    told = {site: what + _what_differs(diverging.get(site)) for site, what in came.items()}
    return _bounded(_pairs(told.items()), (*counts, *_pairs((site, told[site]) for site in failed_first)))


def _what_differs(found: Divergence | None) -> str:
    if found is None:
        return ""
    names = [safe(name, ":")[:_LONGEST] for name in found.fields[:_FIELDS]]
    more = [f"+{len(found.fields) - _FIELDS}"] if len(found.fields) > _FIELDS else []
    verb = "differs" if found.members == 1 else f"{found.members} differ"
    return f" ({verb}: {' '.join((*names, *more))})"


def replicas_header(replicas: Mapping[str, str]) -> str:
    """X-Scope-Replicas: `Paris=<id>, Corte=<id>`."""
    pairs = _pairs((site, quote(id_, safe=":@", errors="replace")) for site, id_ in replicas.items())
    return _bounded(pairs, (f"{len(pairs)} replicas", *pairs))


def partial_header(sites: Sequence[str]) -> str:
    """X-Scope-Partial: the sites whose part is missing."""
    names = [safe(site) for site in sites]
    return _bounded(names, (f"{len(names)} sites", *names))


def safe(site: str, also: str = "") -> str:
    """A name as it stands in a header: percent-encoded UTF-8 but for letters, digits, `_`, `.`, `-` and `also`."""
    return quote(site, safe=also, errors="replace")


def _what_came(outcome: Outcome) -> str:
    if isinstance(outcome, Reply):
        return str(outcome.status)
    if outcome.queued:
        return "queued"
    return "unreached" if outcome.asked else "not-asked"


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
