"""How the demo looks: the command as it is typed, what it printed, the drawing, the verdict.

Colours on a terminal only, and not where NO_COLOR is set (no-color.org); signs in ASCII where the terminal has no
others.
"""

from __future__ import annotations

import os
import shlex
import textwrap
from collections.abc import Mapping, Sequence
from typing import TextIO

from scopeproxy.edges.arrows import Arrow
from scopeproxy.edges.diagram import diagram, plain
from scopeproxy.edges.programs import Finished

WIDTH = 100

_COLOURS = {"title": "1", "command": "36", "head": "1", "crossing": "35", "lost": "31", "note": "2"}
_COLOURS |= {"good": "32", "bad": "1;31"}

_TRY = (
    "openstack site list",
    "openstack image list --scope 'all(*)'",
    "openstack server list --scope '{nova: all(*)}'",
    "openstack scope explain '{nova: all(*)}' GET nova:/v2.1/servers",
)


class Paper:
    """Results on one stream, progress on the other."""

    def __init__(self, results: TextIO, progress: TextIO, environment: Mapping[str, str] = os.environ) -> None:
        self._results, self._progress = results, progress
        self._coloured = results.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
        self._signs = _can_write(results, "═►┊")

    def say(self, text: str) -> None:
        """A line of progress."""
        print(f"... {text}", file=self._progress, flush=True)

    def begin(self, number: int, of: int, title: str, command: Sequence[str]) -> None:
        """Announce a step."""
        self._write()
        self._write(f"[{number}/{of}] {title}", "title")
        self._write()
        self._write(typed(command), "command")

    def end(self, finished: Finished, arrows: Sequence[Arrow], home: str, expected: str, as_expected: bool) -> None:
        """What the command printed, who called whom, and whether it is as it must be."""
        for text in (finished.stderr, finished.stdout):
            for line in text.rstrip().splitlines():
                self._write(line if line.startswith(("+", "|")) else textwrap.fill(line, WIDTH))
        self._write()
        for drawn in diagram(arrows, home):
            self._write(f"  {drawn.text}", drawn.kind)
        if not arrows:
            self._write("  (no call reached any service)", "note")
        self._write()
        if as_expected:
            self._write(f"As expected: {expected}.", "good")
        else:
            self._write(f"NOT AS EXPECTED (exit code {finished.code}). Expected: {expected}.", "bad")

    def summary(self, results: Sequence[tuple[str, bool]], seconds: float) -> None:
        """One line for each step."""
        self._write()
        self._write(f"The tour took {seconds:.0f} s. Double lines in the drawings cross from one site to another.")
        for number, (title, as_expected) in enumerate(results, start=1):
            verdict = "as expected    " if as_expected else "NOT AS EXPECTED"
            self._write(f"  {number}. {verdict}  {title}", "good" if as_expected else "bad")

    def keep(self, exports: Mapping[str, str], admins: Mapping[str, str]) -> None:
        """What to do with the cloud that is left running."""
        self._write()
        self._write("The cloud is left running. In another terminal, where scopeproxy is installed:", "title")
        for name, value in exports.items():
            self._write(f"  export {name}={shlex.quote(value)}", "command")
        self._write("and for example:")
        for line in _TRY:
            self._write(f"  {line}", "command")
        self._write("The proxies tell of themselves at:")
        for site, address in admins.items():
            self._write(f"  {site}: {address}/v1/calls  {address}/v1/sites  {address}/metrics")
        self.say("Ctrl-C takes everything down")

    def _write(self, text: str = "", kind: str = "") -> None:
        text = text if self._signs else plain(text)
        colour = _COLOURS.get(kind) if self._coloured and text else None
        print(f"\x1b[{colour}m{text}\x1b[0m" if colour else text, file=self._results, flush=True)


def typed(command: Sequence[str]) -> str:
    """The command as one would type it, in two lines where it is long."""
    whole = f"$ openstack {shlex.join(command)}"
    if len(whole) <= WIDTH or "--scope" not in command:
        return whole
    place = list(command).index("--scope")
    return f"$ openstack {shlex.join(command[:place])} \\\n    {shlex.join(command[place:])}"


def _can_write(stream: TextIO, signs: str) -> bool:
    try:
        signs.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
