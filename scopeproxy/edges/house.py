"""All that answers calls under one topology, put together.  A new topology gets a new house; what lasts moves in."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from scopeproxy.edges.doors import Door, doors
from scopeproxy.edges.headerless import Headerless
from scopeproxy.edges.keys import password_at, peer_key
from scopeproxy.edges.peers import Peers
from scopeproxy.edges.wellknown import WellKnown
from scopeproxy.errors import ConfigurationError
from scopeproxy.execution.announcing import Announcing
from scopeproxy.execution.calling import Calling
from scopeproxy.execution.carrying import Carriers
from scopeproxy.execution.delivery import Delivery, Travel
from scopeproxy.execution.discovery_cache import DiscoveryCache
from scopeproxy.execution.divergences import Divergences
from scopeproxy.execution.forwarding import Forwarder
from scopeproxy.execution.health import Health
from scopeproxy.execution.identity_calls import IdentityCalls
from scopeproxy.execution.journal import Journal
from scopeproxy.execution.journey import Journey
from scopeproxy.execution.ledger import Ledger
from scopeproxy.execution.metrics import Metrics
from scopeproxy.execution.pages import Pages
from scopeproxy.execution.passthrough.pool import Pool
from scopeproxy.execution.passthrough.tally import Tally
from scopeproxy.execution.preparing import Preparing
from scopeproxy.execution.queueing import Queueing
from scopeproxy.execution.records import Records
from scopeproxy.execution.relaying import Relaying
from scopeproxy.execution.replay import Replay
from scopeproxy.execution.replicas import Replicas
from scopeproxy.execution.served import Served
from scopeproxy.execution.telling import Telling
from scopeproxy.execution.tokens.account import AccountStrategy
from scopeproxy.execution.tokens.accounts import Accounts
from scopeproxy.execution.tokens.broker import Broker, Strategy
from scopeproxy.execution.tokens.foreign import ForeignTokens
from scopeproxy.execution.tokens.home import HomeStrategy
from scopeproxy.execution.tokens.issuers import Issuers
from scopeproxy.execution.tokens.lending import Lending
from scopeproxy.execution.tokens.local_directory import LocalDirectory
from scopeproxy.execution.tokens.login import LoginStrategy
from scopeproxy.execution.tokens.revocation import Revocation
from scopeproxy.execution.tokens.shared import SharedStrategy
from scopeproxy.execution.tokens.signing_in import SignIn
from scopeproxy.execution.tokens.validation import Validator
from scopeproxy.execution.tokens.vouching import Vouching
from scopeproxy.execution.translating import Translating
from scopeproxy.lang.parser import parse
from scopeproxy.lang.vocabulary import Vocabulary
from scopeproxy.model.messages import Outcome, Request
from scopeproxy.model.topology import Address, Site, Topology
from scopeproxy.model.topology import vocabulary as vocabulary_of
from scopeproxy.planning.affinity import Affinity
from scopeproxy.planning.carriers import Tags
from scopeproxy.planning.selectors import expand
from scopeproxy.planning.signing import NonceMemory
from scopeproxy.planning.strategies import covered, sites_to_log_in_at

logger = logging.getLogger("scopeproxy")


@dataclass(frozen=True, slots=True)
class Lasting:
    """What outlives a topology: what was learned and counted.

    `several`: whether other processes serve the same site, by the same ledger.
    """

    ledger: Ledger
    journal: Journal
    tags: Tags
    metrics: Metrics
    tally: Tally
    several: bool = False
    records: Records = field(default_factory=Records)
    affinity: Affinity = field(default_factory=Affinity)
    seen: NonceMemory = field(default_factory=NonceMemory)


@dataclass(frozen=True, slots=True)
class House:
    """The parts that the doors need."""

    topology: Topology
    here: Site
    doors: Mapping[Address, Door]
    journey: Journey
    relaying: Relaying
    peers: Peers
    well_known: WellKnown
    headerless: Headerless
    health: Health
    replay: Replay
    pool: Pool
    probe: Callable[[str], Awaitable[Outcome]]
    announcing: Announcing


def build(topology: Topology, here: str, lasting: Lasting) -> House:
    """The house of one site under a topology; nothing is opened yet but key files."""
    site = topology.sites[here]
    vocabulary = vocabulary_of(topology)
    keys = _peer_keys(topology, here)
    pool = Pool(
        site.proxy.routes, site.proxy.tls.peers, site.proxy.timeouts.connect, time.monotonic,
        site.proxy.limits.site_connections,
    )  # fmt: skip
    forwarder = Forwarder(pool, site.proxy.limits.merged_body)
    health = Health(other.name for other in topology if other.name != here and other.services)
    delivery = Delivery(topology, here, forwarder, health, lasting.metrics, keys.get)
    ask = partial(_ask, delivery, site)
    validator = Validator(ask, site.proxy.validated_within)
    issuers = Issuers(topology, here, lasting.ledger)
    revocation = Revocation(ask, lasting.ledger, validator, site.proxy.timeouts.total)
    vouching = Vouching(topology, here, validator, revocation)
    accounts = Accounts(topology, here, _passwords(site), ask, lasting.ledger, revocation, lasting.metrics)
    lending = Lending(topology, here, ask, lasting.ledger, validator, accounts)
    directory = LocalDirectory()
    foreign = ForeignTokens(topology, here, validator, directory)
    by_login = LoginStrategy(topology, here, lasting.ledger, vouching, lending, health)
    strategies: tuple[Strategy, ...] = (
        by_login,
        SharedStrategy(topology, here, vouching),
        HomeStrategy(topology, here, vouching, directory),
        AccountStrategy(by_login, accounts, vouching),
    )
    if topology.has_identity and not {strategy.name for strategy in strategies} & set(site.proxy.tokens):
        logger.warning("proxy.tokens names no strategy that is built: calls to other sites will get no token")
    broker = Broker(strategies, topology, here, issuers, lasting.metrics)
    carriers = Carriers(here, lasting.ledger, lasting.tags, validator, topology.has_identity)
    documents = DiscoveryCache()
    calling = Calling(topology, here, delivery, carriers, broker, foreign, documents)
    go_on = partial(lasting.journal.logged_in, covered=partial(covered, here, topology))
    sign_in = SignIn(topology, here, lasting.ledger, validator, lasting.metrics, go_on)
    published = _published_sites(topology, here, vocabulary)
    identity = IdentityCalls(
        topology, here, delivery, carriers, issuers, validator, sign_in, broker, revocation, foreign, published
    )
    announcing = Announcing(topology, here, ask, lasting.ledger, health, lasting.metrics)
    replicas = Replicas(lasting.ledger, here, announcing.soon)
    translating = Translating(topology, replicas)
    preparing = Preparing(topology, here, vocabulary, identity, health, lasting.affinity, translating)
    served, telling = Served(calling, documents), Telling(topology, here, lasting.metrics, lasting.records, time.time)
    journey = Journey(
        topology, here, preparing, delivery, carriers, calling, served, identity, health,
        lasting.metrics, lasting.affinity,
        Pages(topology, lasting.ledger, replicas), replicas, Divergences(replicas), translating,
        Queueing(lasting.journal, health, site.proxy.limits), telling,
    )  # fmt: skip
    reaches = partial(forwarder.reaches, patience=site.proxy.timeouts.connect)
    relaying = Relaying(
        topology, here, carriers, preparing, served, identity, calling, delivery, reaches, health, telling,
        lasting.tally,
    )  # fmt: skip
    well_known = WellKnown(
        topology, here, vocabulary, identity, lending, health, lasting.records, replicas, preparing.round_trip
    )
    peers = Peers(topology, here, keys.get, lasting.seen, lasting.ledger.first_time, lasting.several)
    opened = {door.address: door for door in doors(site, vocabulary)}
    headerless = Headerless(topology, here, vocabulary)
    return House(
        topology, site, opened, journey, relaying, peers, well_known, headerless, health,
        Replay(topology, here, vocabulary, lasting.journal, replicas, translating, calling, health, lasting.metrics),
        pool, partial(_probe, delivery, topology), announcing,
    )  # fmt: skip


def _peer_keys(topology: Topology, here: str) -> dict[str, bytes]:
    """The keys shared with the others; where there is none for a site, its calls are refused and ours are too."""
    keys, mistakes = {}, []
    for other in topology.sites:
        if other != here:
            try:
                keys[other] = peer_key(topology, here, other)
            except ConfigurationError as error:
                mistakes.extend(error.mistakes)
    if mistakes:
        raise ConfigurationError(list(dict.fromkeys(mistakes)))
    return keys


def _passwords(site: Site) -> dict[str, str]:
    """Those of this site's accounts at others, by the files that hold them."""
    files = {account.password for accounts in site.proxy.accounts.values() for account in accounts}
    return {file: password_at(Path(file)) for file in sorted(files)}


def _published_sites(topology: Topology, here: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    """The sites of the scopes that catalogs offer as regions, where logins are how their services get tokens."""
    scopes = (parse(topology.scopes[name], vocabulary) for name in topology.regions)
    # Which of them are near will be known when a call is made; a login for one too many does no harm.
    expanded = (expand(scope, topology, here, lambda *_: 0.0, len(topology.sites)) for scope in scopes)
    return tuple(dict.fromkeys(site for scope in expanded for site in sites_to_log_in_at(scope, here, here, topology)))


async def _ask(delivery: Delivery, here: Site, site: str, request: Request) -> Outcome:
    """A call of the proxy's own: under no scope, on nobody's behalf."""
    front = next(iter(here.services.values())).front
    return await delivery.deliver(site, request, Travel(front.authority, front.address.host, front.scheme))


async def _probe(delivery: Delivery, topology: Topology, site: str) -> Outcome:
    there = topology.sites[site]
    front = next(iter(there.services.values())).front
    request = Request(next(iter(there.services)), "GET", "/.well-known/scopeproxy/peer/health")
    return await delivery.deliver(site, request, Travel(front.authority, "127.0.0.1"))
