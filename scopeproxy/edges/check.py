"""`scopeproxy check`: is the topology file right, and (`--live`) do the sites do as it says.

Everything here gives a text and an exit code: 0 good, 1 something at the sites is wrong, 2 the file is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scopeproxy.edges.clashes import warnings
from scopeproxy.edges.config import parse_topology, read
from scopeproxy.edges.findings import Finding
from scopeproxy.edges.live import ask_sites
from scopeproxy.errors import ConfigurationError
from scopeproxy.model.topology import Site, Topology

GOOD, BAD, WRONG = 0, 1, 2
_WORDS = {True: "good", False: "bad", None: "not checked"}
_FRONTS_SHOWN = 3


def check(path: Path, form: str = "table") -> tuple[str, int]:
    """What the file describes, or every mistake in it; `form` is table or json."""
    try:
        topology = parse_topology(read(path), path.name, path.parent)
    except ConfigurationError as error:
        return _refusal(error, form), WRONG
    return (_json(_summary(topology)) if form == "json" else _text(topology)), GOOD


async def check_live(path: Path, environ: Mapping[str, str], form: str = "table") -> tuple[str, int]:
    """The same, and then what the sites themselves answer.  `environ` may hold the OS_* variables of a user."""
    told, code = check(path, form)
    if code:
        return told, code
    topology = parse_topology(read(path), path.name, path.parent)
    findings = await ask_sites(topology, environ)
    code = BAD if any(finding.good is False for finding in findings) else GOOD
    if form == "json":
        return _json({**_summary(topology), "findings": [asdict(finding) for finding in findings]}), code
    return f"{told}\n\n{_told(findings)}", code


def _refusal(error: ConfigurationError, form: str) -> str:
    return _json({"mistakes": error.mistakes}) if form == "json" else str(error)


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _summary(topology: Topology) -> dict[str, Any]:
    return {
        "sites": [
            {
                "site": site.name,
                "region": site.region,
                "services": {service: str(end.front) for service, end in site.services.items()},
                "groups": list(dict.fromkeys(site.labels.values())),
            }
            for site in topology
        ],
        "scopes": dict(topology.scopes),
        "regions": dict(topology.regions),
        "warnings": warnings(topology),
    }


def _text(topology: Topology) -> str:
    rows = [_row(site) for site in topology]
    lines = _columns([("SITE", "REGION", "SERVICES", "FRONTS", "GROUPS"), *rows])
    fronts = sum(len(site.services) for site in topology)
    counts = ((len(topology.sites), "site"), (fronts, "front"), (len(topology.scopes), "named scope"))
    lines += ["", ", ".join(f"{count} {noun}{'s' * (count != 1)}" for count, noun in counts) + ": no mistakes"]
    return "\n".join([*lines, *(f"warning: {warning}" for warning in warnings(topology))])


def _row(site: Site) -> tuple[str, ...]:
    origins = list(dict.fromkeys(end.front.origin for end in site.services.values()))
    more = f" and {len(origins) - _FRONTS_SHOWN} more" if len(origins) > _FRONTS_SHOWN else ""
    return (
        site.name,
        site.region,
        ", ".join(site.services),
        ", ".join(origins[:_FRONTS_SHOWN]) + more,
        ", ".join(dict.fromkeys(site.labels.values())),
    )


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _told(findings: Iterable[Finding]) -> str:
    rows = [(_WORDS[finding.good], finding.site, finding.service, finding.told) for finding in findings]
    return "\n".join(_columns(rows))
