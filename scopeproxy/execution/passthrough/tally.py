"""The figures of the fast path: counted in plain numbers, and handed to Prometheus when somebody asks for them."""

from __future__ import annotations

from bisect import bisect_left

from scopeproxy.execution.metrics import BOUNDS, Lasted, Metrics, outcome_class
from scopeproxy.model.messages import Outcome, Reply, Unreached
from scopeproxy.planning.carriers import HEADER

# What became of a call, as outcome_class tells of the same on the other path.
_CLASSES = tuple(outcome_class(Reply("", status)) for status in (100, 200, 300, 400, 500))


class Row:
    """The calls of one intent to one service of a site.  `tally`: the site's."""

    __slots__ = (
        "_answered", "_calls", "_carried", "_lasted", "_metrics", "_seconds", "_site_calls", "_site_seconds", "_told",
        "tally",
    )  # fmt: skip

    def __init__(self, metrics: Metrics, tally: Tally, service: str, intent: str) -> None:
        self._metrics, self.tally = metrics, tally
        self._answered, self._told = [0] * len(_CLASSES), [0] * len(_CLASSES)
        self._lasted = Lasted()
        scoped = "yes" if tally.scoped else "no"
        self._seconds = metrics.call_seconds.labels(service, intent, scoped)
        self._site_seconds = metrics.site_call_seconds.labels(tally.site, service)
        self._calls = (service, intent, scoped)
        self._site_calls = (tally.site, service, intent)
        # Of what is scoped, the header alone brings it here.
        self._carried = metrics.carriers.labels(service, HEADER) if tally.scoped else None

    def answered(self, status: int, seconds: float) -> None:
        """Count a call that its service has answered."""
        self._answered[status // 100 - 1] += 1
        lasted = self._lasted
        lasted.counts[bisect_left(BOUNDS, seconds)] += 1
        lasted.total += seconds

    def failed(self, unreached: Unreached, status: int, seconds: float) -> None:
        """Count a call that its service has not answered, and what the client was told instead."""
        self._carry(1)
        self._metrics.calls.labels(*self._calls, f"{status // 100}xx").inc()
        self._seconds.observe(seconds)
        self._metrics.site_calls.labels(*self._site_calls, outcome_class(unreached)).inc()
        self._site_seconds.observe(seconds)

    def refused(self, seconds: float) -> None:
        """Count a call whose client was at fault."""
        self._metrics.calls.labels(*self._calls, "refused").inc()
        self._seconds.observe(seconds)
        self.abandoned(seconds)

    def abandoned(self, seconds: float, outcome: Outcome | None = None) -> None:
        """Count a call that nobody waits for any more, or whose `outcome` no client is told."""
        self._metrics.site_calls.labels(*self._site_calls, outcome_class(outcome)).inc()
        self._site_seconds.observe(seconds)

    def tell(self) -> None:
        """Hand on what was counted since the last time."""
        lasted, self._lasted = self._lasted, Lasted()
        self._seconds.add(lasted)
        self._site_seconds.add(lasted)
        for at, name in enumerate(_CLASSES):
            more = self._answered[at] - self._told[at]
            if more:
                self._told[at] += more
                self._carry(more)
                self._metrics.calls.labels(*self._calls, name).inc(more)
                self._metrics.site_calls.labels(*self._site_calls, name).inc(more)

    def _carry(self, more: int) -> None:
        if self._carried is not None:
            self._carried.inc(more)


class Tally:
    """The figures of the fast path to one site.  `scoped`: whether its calls are those under a scope, to another site;
    `in_flight`: calls received and not yet answered."""

    def __init__(self, metrics: Metrics, site: str, scoped: bool = False) -> None:
        self._metrics, self.site, self.scoped = metrics, site, scoped
        self._rows: dict[tuple[str, str], Row] = {}
        self._others: dict[str, Tally] = {}
        self._in_flight_told = 0
        self.in_flight = 0
        metrics.before_it_is_told(self.tell)

    def row(self, service: str, intent: str) -> Row:
        """Where the calls of an intent to a service are counted."""
        key = (service, intent)
        if key not in self._rows:
            self._rows[key] = Row(self._metrics, self, service, intent)
        return self._rows[key]

    def of(self, site: str) -> Tally:
        """The figures of the calls under a scope to another site."""
        if site not in self._others:
            self._others[site] = Tally(self._metrics, site, True)
        return self._others[site]

    def tell(self) -> None:
        """Hand all that was counted to Prometheus."""
        for row in self._rows.values():
            row.tell()
        more, self._in_flight_told = self.in_flight - self._in_flight_told, self.in_flight
        self._metrics.calls_in_flight.inc(more)
        self._metrics.site_calls_in_flight.labels(self.site).inc(more)
