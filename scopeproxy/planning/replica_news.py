"""What sites' proxies tell each other of replica sets: a method and a target, since signatures cover no bodies.

PUT    …/peer/replicas?service=image&collection=images&Paris=<id>&Corte=<id>     these are replicas of one another
DELETE …/peer/replicas?service=image&collection=images&Corte=<id>                that one is no more
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from scopeproxy.errors import CallerError
from scopeproxy.model.messages import Request

PEER_REPLICAS = "/.well-known/scopeproxy/peer/replicas"


@dataclass(frozen=True, slots=True)
class ReplicaSet:
    """What was made by one call at several sites: site to its id there."""

    service: str
    collection: str
    members: Mapping[str, str]


def told_set(news: ReplicaSet) -> str:
    """How a site is told of a set."""
    return f"PUT {_target(news, news.members)}"


def told_gone(site: str, news: ReplicaSet) -> str:
    """How a site is told that the member at `site` is no more."""
    return f"DELETE {_target(news, {site: news.members[site]})}"


def _target(news: ReplicaSet, members: Mapping[str, str]) -> str:
    # The first two are service and collection: a site may have any name.
    pairs = [("service", news.service), ("collection", news.collection), *members.items()]
    return f"{PEER_REPLICAS}?{urlencode(pairs)}"


def told_by(request: Request) -> ReplicaSet:
    """What a call of another site's proxy tells.  Raises CallerError for one that makes no sense."""
    pairs = request.query
    if [key for key, _ in pairs[:2]] != ["service", "collection"] or len(dict(pairs[2:])) != len(pairs) - 2:
        raise CallerError("scopeproxy: this page takes ?service=…&collection=… and one <site>=<id> for each member")
    return ReplicaSet(pairs[0][1], pairs[1][1], dict(pairs[2:]))
