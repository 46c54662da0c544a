"""The figures that an operator watches, by Prometheus.  Labels come from closed sets: never from URLs or tokens.

docs/metrics.md is made from DOCUMENTED: name, type, labels, and what a rise means.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, Metric
from prometheus_client.registry import Collector

from scopeproxy.model.messages import Outcome, Reply, Unreached

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


@dataclass(frozen=True, slots=True)
class Documented:
    """One metric, as docs/metrics.md shows it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str
    rise: str


DOCUMENTED = (
    Documented(
        "scopeproxy_calls_total", "counter", ("service", "intent", "scoped", "outcome"),
        "Calls received on the fronts, by what became of them.", "Outcome refused: scopes that are wrong.",
    ),
    Documented(
        "scopeproxy_call_seconds", "histogram", ("service", "intent", "scoped"),
        "From the head of a call to the head of its answer.", "Slow services or links; compare with site calls.",
    ),
    Documented(
        "scopeproxy_calls_in_flight", "gauge", (),
        "Calls received and not yet answered.", "Services slower than their clients.",
    ),
    Documented(
        "scopeproxy_carriers_total", "counter", ("service", "carrier"),
        "What brought a scope along, of the calls received: header or path, request id, tag, subject tag (validation).",
        "More scoped work. Request id without tag where services use their own tokens.",
    ),
    Documented(
        "scopeproxy_replicas_told_total", "counter", ("site", "outcome"),
        "Replica sets that other sites' proxies were told: told, put off, refused, given up.",
        "Put off: the site cannot be reached. Refused: the two sites know different things of an id.",
    ),
    Documented(
        "scopeproxy_divergences_total", "counter", ("site", "service"),
        "Answers to reads over several sites in which replicas of this site were not like those that were shown.",
        "Somebody changes replicas at one site alone: `scopeproxy audit` tells which, and can mend them.",
    ),
    Documented(
        "scopeproxy_site_calls_total", "counter", ("site", "service", "intent", "outcome"),
        "Calls made to the own services and to other sites.", "Outcome never_sent or maybe_sent: a site or link fails.",
    ),
    Documented(
        "scopeproxy_site_call_seconds", "histogram", ("site", "service"),
        "From sending a call to the head of its answer.", "A slow site or link.",
    ),
    Documented(
        "scopeproxy_site_calls_in_flight", "gauge", ("site",),
        "Connections in use, by site.", "A site that answers slower than it is asked.",
    ),
    Documented(
        "scopeproxy_pooled_connections", "gauge", ("state",),
        "Connections to services and peers: in_use, or idle and kept for the next call; waiting: calls that have none.",
        "In use: as site calls in flight. Idle: kept for 4 s after a burst. Waiting: beyond limits.site_connections.",
    ),
    Documented(
        "scopeproxy_uploads_left_behind_total", "counter", ("site", "service"),
        "Bodies sent to several sites at once that went on without this one, which took nothing of them for too long.",
        "A site or a link that is stuck, or much slower than the others.",
    ),
    Documented(
        "scopeproxy_logins_total", "counter", ("site", "outcome"),
        "Logins made on behalf of clients under a scope.", "Outcome refused: accounts differ between the sites.",
    ),
    Documented(
        "scopeproxy_token_grants_total", "counter", ("site", "strategy", "outcome"),
        "Tokens wanted for calls to a site that did not issue the client's, by the strategy that decided.",
        "Strategy none: the topology lets no strategy apply, or clients log in without their scope.",
    ),
    Documented(
        "scopeproxy_sites_down", "gauge", ("site",),
        "1 while a site is believed down.", "A partition, or a proxy that stopped.",
    ),
    Documented(
        "scopeproxy_ledger_entries", "gauge", ("table",),
        "Entries in the ledger.", "More scoped work; expired entries go within a minute.",
    ),
    Documented(
        "scopeproxy_journal_entries", "gauge", ("site", "state"),
        "Writes that a site has yet to do, by where they stand: sending, queued, waiting for login, conflict.",
        "Queued: a site is away. Waiting for login: its owner's token has expired. Conflict: somebody has to look.",
    ),
    Documented(
        "scopeproxy_journal_data_bytes", "gauge", (),
        "Bytes on disk of data (image data, objects) that sites have yet to get.",
        "Uploads with on-partial=queue while a site is away; limits.journal_data bounds them.",
    ),
    Documented(
        "scopeproxy_journal_replays_total", "counter", ("site", "outcome"),
        "Tries to do what waited: done, again, maybe (no answer to it), login, conflict.",
        "Outcome conflict: `scopeproxy journal list` tells which, and why.",
    ),
    Documented(
        "scopeproxy_build_info", "gauge", ("version", "site"),
        "Always 1.", "-",
    ),
)  # fmt: skip


class Observed:
    """A call being timed; its outcome is set before the end."""

    outcome: Outcome | None = None


class Seconds(Histogram):
    """A histogram which takes what somebody else has counted, too."""

    def add(self, lasted: Lasted) -> None:
        """Take all that was counted, at once."""
        self._sum.inc(lasted.total)
        for bucket, more in zip(self._buckets, lasted.counts, strict=True):
            if more:
                bucket.inc(more)


class Lasted:
    """How long things lasted, as plain numbers: cheap to count, and handed on.  `counts`: how many fell between two of
    the BOUNDS of our histograms; `total`: seconds."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts, self.total = [0] * (len(BOUNDS) + 1), 0.0


class _First(Collector):
    """Is asked before all metrics, tells none, and lets those know who count for themselves."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def collect(self) -> Iterable[Metric]:
        for tell in self.waiting:
            tell()
        return ()


class Metrics:
    """All metrics of one proxy, in a registry of its own."""

    def __init__(self, site: str) -> None:
        self.registry = CollectorRegistry()
        self._first = _First()
        self.registry.register(self._first)
        of = {metric.name: metric for metric in DOCUMENTED}

        def counter(name: str) -> Counter:
            metric = of[name]
            return Counter(name, metric.meaning, metric.labels, registry=self.registry)

        def gauge(name: str) -> Gauge:
            metric = of[name]
            return Gauge(name, metric.meaning, metric.labels, registry=self.registry)

        def histogram(name: str) -> Seconds:
            metric = of[name]
            return Seconds(name, metric.meaning, metric.labels, registry=self.registry, buckets=BOUNDS)

        self.calls = counter("scopeproxy_calls_total")
        self.call_seconds = histogram("scopeproxy_call_seconds")
        self.calls_in_flight = gauge("scopeproxy_calls_in_flight")
        self.carriers = counter("scopeproxy_carriers_total")
        self.site_calls = counter("scopeproxy_site_calls_total")
        self.site_call_seconds = histogram("scopeproxy_site_call_seconds")
        self.site_calls_in_flight = gauge("scopeproxy_site_calls_in_flight")
        self.pooled_connections = gauge("scopeproxy_pooled_connections")
        self.replicas_told = counter("scopeproxy_replicas_told_total")
        self.divergences = counter("scopeproxy_divergences_total")
        self.uploads_left_behind = counter("scopeproxy_uploads_left_behind_total")
        self.logins = counter("scopeproxy_logins_total")
        self.token_grants = counter("scopeproxy_token_grants_total")
        self.sites_down = gauge("scopeproxy_sites_down")
        self.ledger_entries = gauge("scopeproxy_ledger_entries")
        self.journal_entries = gauge("scopeproxy_journal_entries")
        self.journal_data = gauge("scopeproxy_journal_data_bytes")
        self.journal_replays = counter("scopeproxy_journal_replays_total")
        self._of_site_calls = cache(self._find_site_calls)
        self._counter_of_site_calls = cache(self.site_calls.labels)
        Info("scopeproxy_build", "Always 1.", registry=self.registry).info(
            {"version": version("scopeproxy"), "site": site}
        )

    def before_it_is_told(self, tell: Callable[[], None]) -> None:
        """Have `tell` called each time that somebody asks for the figures, before they are read."""
        self._first.waiting.append(tell)

    @contextmanager
    def call_to(self, site: str, service: str, intent: str) -> Iterator[Observed]:
        """Time and count one call to a site."""
        in_flight, seconds = self._of_site_calls(site, service)
        observed, began = Observed(), time.perf_counter()
        in_flight.inc()
        try:
            yield observed
        finally:
            in_flight.dec()
            self._counter_of_site_calls(site, service, intent, outcome_class(observed.outcome)).inc()
            seconds.observe(time.perf_counter() - began)

    # To find a figure by its labels costs as much as all else here; of labels there are as many as there are figures.

    def _find_site_calls(self, site: str, service: str) -> tuple[Gauge, Histogram]:
        return self.site_calls_in_flight.labels(site), self.site_call_seconds.labels(site, service)


def outcome_class(outcome: Outcome | None) -> str:
    """An outcome as a label: one of eight words."""
    match outcome:
        case Reply(status=status):
            return f"{status // 100}xx"
        case Unreached(sent=sent):
            return "maybe_sent" if sent else "never_sent"
        case None:
            return "abandoned"
