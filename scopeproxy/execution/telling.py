"""What is told of a call: the fault that a mistake becomes, the headers of the answer, the log line and the figures."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from scopeproxy.errors import CallerError, ScopeProxyError, SiteFailure
from scopeproxy.execution.carrying import Found
from scopeproxy.execution.metrics import Metrics
from scopeproxy.execution.passthrough.lane import Passed
from scopeproxy.execution.records import Record, Records, Told
from scopeproxy.execution.runner import Result
from scopeproxy.model.messages import Headers, Outcome, Reply, Request, Unreached
from scopeproxy.model.topology import Topology
from scopeproxy.planning import merging
from scopeproxy.planning.carriers import mint
from scopeproxy.planning.faults import fault
from scopeproxy.planning.intent import Intent, classify
from scopeproxy.planning.rewriting import to_client

logger = logging.getLogger("scopeproxy")


# By what a client asks for the report of its call.
REPORT = "X-Scope-Request-Id"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A call as it came in.  `peer`: the site whose proxy signed it; None: a client's, or a service's; `provisional`:
    takes each 1xx that comes before its answer, whole."""

    request: Request
    client: str
    scheme: str = "http"
    peer: str | None = None
    provisional: Callable[[bytes], None] | None = None


@dataclass(slots=True)
class Story:
    """What is told of a call at its end; filled in on the way."""

    id: str = field(default_factory=mint)
    found: Found | None = None
    intent: Intent | None = None
    plan: str = ""
    result: Result | None = None
    project: str | None = None


class Telling:
    """How the proxy of one site tells of its calls."""

    def __init__(
        self, topology: Topology, here: str, metrics: Metrics, records: Records, now: Callable[[], float]
    ) -> None:
        self._topology, self._here, self._metrics, self._records, self._now = topology, here, metrics, records, now

    def shape(self, service: str) -> str | None:
        """The shape of the faults of a service of the deployment's own."""
        own = self._topology.own_services.get(service)
        return own.fault if own else None

    def fault(self, service: str, error: ScopeProxyError) -> Reply:
        """The answer that a mistake or a failure becomes.  A failure says whose words it is: not the service's."""
        ours = not isinstance(error, SiteFailure) or str(error).startswith(("scope:", "scopeproxy:"))
        message = str(error) if ours else f"scope: {error}"
        headers, body = fault(service, error.status, message, shape=self.shape(service))
        if error.status == 401:
            keystone = self._topology.sites[self._here].services.get("identity")
            uri = f'Keystone uri="{keystone.front}"' if keystone else "Keystone"
            headers = (*headers, ("WWW-Authenticate", uri))
        return Reply(self._here, error.status, headers, body)

    def finished(self, reply: Reply, story: Story) -> Reply:
        """The reply as the client gets it: without what is between proxies, with what was done to the call."""
        return replace(reply, headers=(*to_client(reply.headers, self._here), *self.beside(story)))

    def beside(self, story: Story) -> Headers:
        """What a client is told beside the answer."""
        headers: Headers = ()
        result = story.result
        if story.project is not None or (story.intent is not None and not self._topology.has_identity):
            # Only whose project is known may ask for the report.
            headers = (*headers, (REPORT, story.id))
        if result is not None and result.asked:
            headers = (*headers, ("X-Scope-Sites", merging.sites_header(result.asked, result.diverging)))
            if result.partial:
                headers = (*headers, ("X-Scope-Partial", merging.partial_header(result.partial)))
            if len(result.replicas) > 1:
                headers = (*headers, ("X-Scope-Replicas", merging.replicas_header(result.replicas)))
        return headers

    def passed(self, passed: Passed) -> None:
        """Log a call that passed untouched."""
        way, outcome = passed.way, passed.outcome
        self._records.log(
            Record(
                id=mint(),
                at=self._now(),
                site=self._here,
                service=way.service,
                method=passed.method,
                path=way.path,
                status=passed.status,
                seconds=round(passed.seconds, 6),
                client_id=passed.client_id,
                intent=way.intent,
                sites={} if outcome is None else {outcome.site: _came(outcome)},
                error=str(passed.error) if passed.error else None,
            )
        )

    def note(self, arrival: Arrival, story: Story, reply: Reply, error: ScopeProxyError | None, took: float) -> None:
        """Count the call, and log it."""
        found, result, request = story.found, story.result, arrival.request
        scope = found.scope if found else request.header("X-Scope")
        intent = (story.intent or classify(request)).kind.value
        scoped = "no" if scope is None else "yes"
        outcome = "refused" if isinstance(error, CallerError) else f"{reply.status // 100}xx"
        self._metrics.calls.labels(request.service, intent, scoped, outcome).inc()
        self._metrics.call_seconds.labels(request.service, intent, scoped).observe(took)
        carriers = found.carriers if found else ()
        for carrier in carriers:
            self._metrics.carriers.labels(request.service, carrier).inc()
        for site in result.diverging if result else ():
            self._metrics.divergences.labels(site, request.service).inc()
        self.keep(self.record(arrival, story, reply.status, error, took))

    def keep(self, record: Record) -> None:
        """Log a call, and keep it for its report where that is due."""
        self._records.note(record)

    def again(self, told: Told, took: float) -> str:
        """Tell of another call as of one before it; its id."""
        id_ = mint()
        self._records.keep(told.again(id_, self._now(), round(took, 6)))
        return id_

    def record(self, arrival: Arrival, story: Story, status: int, error: ScopeProxyError | None, took: float) -> Record:
        """What is noted of a call."""
        found, result, request = story.found, story.result, arrival.request
        return Record(
            id=story.id,
            at=self._now(),
            site=self._here,
            service=request.service,
            method=request.method,
            path=request.path,
            status=status,
            seconds=round(took, 6),
            scope=found.scope if found else request.header("X-Scope"),
            source=found.source if found else "",
            client_id=found.client_id if found else None,
            peer=arrival.peer,
            intent=(story.intent or classify(request)).kind.value,
            plan=story.plan,
            sites={one.site: _came(one) for one in result.asked} if result else {},
            partial=result.partial if result else (),
            differs={site: one.fields for site, one in result.diverging.items()} if result else {},
            error=str(error) if error else None,
            project=story.project,
            carriers=found.carriers if found else (),
        )


def lost(here: str, service: str, outcome: Unreached) -> SiteFailure:
    """What a call without a scope is told when its service gives no answer."""
    who = "keystone at" if service == "identity" else "scopeproxy:"
    return SiteFailure(f"{who} {here}: {outcome.why}", 504 if outcome.sent else 502)


def mistake_of(failure: Exception, id_: str) -> ScopeProxyError:
    """What went wrong, as one of the family.  A bug of ours becomes a plain 500; where it is goes to the log."""
    failures = list(_each(failure))
    for known in failures:
        if isinstance(known, ScopeProxyError):
            return known
    if all(isinstance(one, ConnectionError) for one in failures):
        return CallerError(f"the body of the call broke off: {failures[0]}")
    # The frames, and not the text of the exception: that may hold anything.
    frames = "".join(traceback.format_tb(failure.__traceback__))
    logger.error("%s failed with %s, which is a bug of ours:\n%s", id_, type(failure).__name__, frames)
    return ScopeProxyError(f"an error of this proxy's own; its log tells more of {id_}")


def _each(failure: Exception) -> Iterator[Exception]:
    """The failure, or every one in the group that a TaskGroup made of several."""
    if not isinstance(failure, ExceptionGroup):
        yield failure
        return
    for part in failure.exceptions:
        yield from _each(part)


def _came(outcome: Outcome) -> str:
    return str(outcome.status) if isinstance(outcome, Reply) else outcome.why
