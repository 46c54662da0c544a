"""A sequence diagram for the terminal: one column for each participant, one row for each call or run of like calls.

A pure function of the arrows.  What services do for every call (version look-ups, validations, logins of their own) is
counted and not drawn, so that what the scope did can be seen.
"""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scopeproxy.edges.arrows import NO_ANSWER, OPENSTACK, Arrow, Participant

# Of the drawing; whoever shows it has two columns more for a margin.
WIDTH, ROWS = 98, 20

_LABEL = 26
_GAP = 2
_ORDER = (OPENSTACK, "keystone", "nova", "glance", "neutron", "placement", "cinder")
# What is left out first where there is no room: nova's neighbours, then the logins.
_BACKGROUND = ("placement", "neutron", "keystone")
_VERSION = re.compile(r"/v[0-9.]+(?=/|$)")
_PROJECT = re.compile(r"^/[0-9a-f]{32}(?=/)")
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}")
_PLAIN = str.maketrans("─═│┊├┤►◄", "-=|:||><")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the drawing; `kind` is "", "head", "note", "crossing" or "lost", for whoever has colours."""

    text: str
    kind: str = ""


def plain(text: str) -> str:
    """The drawing's signs in ASCII."""
    return text.translate(_PLAIN)


def diagram(arrows: Iterable[Arrow], home: str) -> list[Line]:
    """The drawing, and under it what was left out."""
    kept, left_out = _sorted(arrows)
    columns = _fitting(_participants(kept, home))
    shown = [arrow for arrow in kept if arrow.caller in columns and arrow.called in columns]
    left_out.update(f"calls to {arrow.called.name}" for arrow in kept if arrow not in shown)
    rows = _rows(shown)
    left_out["later calls"] += sum(len(row) for row in rows[ROWS:])
    lines = [*_head(columns), *(_drawn(row, columns) for row in rows[:ROWS])] if rows else []
    return lines + _note(left_out)


# ---- what is drawn


def _sorted(arrows: Iterable[Arrow]) -> tuple[list[Arrow], Counter[str]]:
    kept, left_out = [], Counter[str]()
    for arrow in arrows:
        reason = _routine(arrow)
        if reason:
            left_out[reason] += 1
        else:
            kept.append(arrow)
    return kept, left_out


def _routine(arrow: Arrow) -> str | None:
    """The name of what every call brings with it."""
    if arrow.called.name == "keystone" and arrow.path == "/v3/auth/tokens":
        if arrow.method == "GET":
            return "token validations"
        return None if arrow.caller.name == OPENSTACK else "services' logins"
    if arrow.method == "GET" and not _VERSION.sub("", arrow.path, count=1).strip("/"):
        return "version look-ups"
    return None


def _rows(arrows: Iterable[Arrow]) -> list[list[Arrow]]:
    """Runs of calls by the same caller to the same service; a lost one stays alone."""
    rows: list[list[Arrow]] = []
    for arrow in arrows:
        last = rows[-1][0] if rows else None
        if last and (last.caller, last.called, not last.status) == (arrow.caller, arrow.called, not arrow.status):
            rows[-1].append(arrow)
        else:
            rows.append([arrow])
    return rows


def label(row: Sequence[Arrow], room: int = WIDTH) -> str:
    """The call that matters most of a run, a write before a read, and how many more there were.

    Where there is no `room` for all of it, the path is cut: how it ended is told whole.
    """
    arrow = next((one for one in row if one.method != "GET"), row[0])
    path = _PROJECT.sub("", _VERSION.sub("", arrow.path, count=1))
    path = _ID.sub("<id>", path)
    query = arrow.target.partition("?")[2]
    name = next((part for part in query.split("&") if part.startswith("name=")), "")
    more = f" (+{len(row) - 1})" if len(row) > 1 else ""
    status = "no reply" if arrow.status == NO_ANSWER else str(arrow.status)
    what, end = f"{arrow.method} {path}{'?' if name else ''}{name}", f" {status}{more}"
    return what + end if len(what + end) <= room else f"{what[: max(room - len(end) - 1, 0)]}…{end}"


# ---- how it is drawn


def _participants(arrows: Sequence[Arrow], home: str) -> list[Participant]:
    """The command first, then its site, then the others as they come."""
    found = list(dict.fromkeys(one for arrow in arrows for one in (arrow.caller, arrow.called)))
    sites = list(dict.fromkeys([home, *(one.site for one in found)]))
    order = {name: place for place, name in enumerate(_ORDER)}
    return sorted(found, key=lambda one: (sites.index(one.site), order.get(one.name, len(order))))


def _fitting(columns: list[Participant]) -> list[Participant]:
    """Those for which there is room beside the labels: the background goes first, then the last sites."""
    for name in _BACKGROUND:
        if _width(columns) > WIDTH - _LABEL:
            columns = [one for one in columns if one.name != name]
    while _width(columns) > WIDTH - _LABEL:
        columns = columns[:-1]
    return columns


def _groups(columns: Sequence[Participant]) -> list[list[Participant]]:
    sites = dict.fromkeys(one.site for one in columns)
    return [[one for one in columns if one.site == site] for site in sites]


def _spans(columns: Sequence[Participant]) -> tuple[dict[Participant, tuple[int, int]], list[int]]:
    """Where each name begins and how wide its column is, and where the borders between the sites are."""
    spans, borders, place = {}, [], 0
    for group in _groups(columns):
        begin = place
        for one in group:
            spans[one] = (place, len(one.name))
            place += len(one.name) + _GAP
        place = max(place, begin + len(group[0].site) + _GAP)
        borders.append(place)
        place += 1 + _GAP
    return spans, borders


def _width(columns: Sequence[Participant]) -> int:
    return _spans(columns)[1][-1] + _GAP if columns else 0


def _head(columns: Sequence[Participant]) -> list[Line]:
    spans, borders = _spans(columns)
    sites, names = [" "] * borders[-1], [" "] * borders[-1]
    for group in _groups(columns):
        _write(sites, spans[group[0]][0], group[0].site)
    for one, (begin, _) in spans.items():
        _write(names, begin, one.name)
    for border in borders[:-1]:
        sites[border] = names[border] = "┊"
    return [Line("".join(row).rstrip(), "head") for row in (sites, names)]


def _drawn(row: Sequence[Arrow], columns: Sequence[Participant]) -> Line:
    arrow = row[0]
    spans, borders = _spans(columns)
    cells = [" "] * borders[-1]
    centres = {one: begin + width // 2 for one, (begin, width) in spans.items()}
    for border in borders[:-1]:
        cells[border] = "┊"
    for centre in centres.values():
        cells[centre] = "│"
    start, end = centres[arrow.caller], centres[arrow.called]
    if start != end:
        step = 1 if end > start else -1
        for place in range(start + step, end, step):
            cells[place] = "═" if arrow.crosses else "─"
        cells[start] = "├" if step > 0 else "┤"
        cells[end - step] = "x" if not arrow.status else "►" if step > 0 else "◄"
    kind = "lost" if not arrow.status else "crossing" if arrow.crosses else ""
    drawing = f"{''.join(cells)}{' ' * _GAP}"
    return Line(drawing + label(row, WIDTH - len(drawing)), kind)


def _write(cells: list[str], place: int, text: str) -> None:
    cells[place : place + len(text)] = text


def _note(left_out: Counter[str]) -> list[Line]:
    told = ", ".join(f"{what} {count}" for what, count in left_out.items() if count)
    return [Line(text, "note") for text in textwrap.wrap(f"not drawn: {told}", WIDTH)] if told else []
