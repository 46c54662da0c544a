"""What the ids in a call are called at its sites: by replica set, else by natural key, looked up where that is needed.

Replica sets are known here; a name costs a question to the site where the id is known and one to the call's own site.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from scopeproxy.errors import CallerError, SiteFailure
from scopeproxy.execution.asking import Forward
from scopeproxy.execution.reading import collect
from scopeproxy.execution.replicas import Replicas
from scopeproxy.execution.together import together
from scopeproxy.lang.scope import At, sites_of
from scopeproxy.model.messages import Outcome, Reply, Request, Unreached
from scopeproxy.model.topology import Topology
from scopeproxy.planning.intent import Kind, is_uuid
from scopeproxy.planning.lists import next_page
from scopeproxy.planning.natural_keys import ids_named, name_of, searched, shown
from scopeproxy.planning.plan import Call, Work
from scopeproxy.planning.planner import where
from scopeproxy.planning.references import Reference, advice, home
from scopeproxy.planning.translations import Key, Place, Translation, places, translated, with_ids_of_client

_ANSWER_LIMIT = 4 * 1024 * 1024
_REFUSAL_LIMIT = 64 * 1024

# Whose own ids are in paths that are no replicas' to translate: a token's.
_UNTOUCHED = frozenset({Kind.LOGIN, Kind.TOKEN, Kind.DISCOVERY})


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks the sites on the caller's behalf.  `project`: the caller's, as paths of some services have it; `renamed`: by
    site, what was found out."""

    ask: Forward
    project: str
    deadline: float | None = None
    renamed: dict[str, dict[Key, str]] = field(default_factory=dict)
    _told: dict[tuple[str, str], asyncio.Future[Outcome]] = field(default_factory=dict)

    async def answer(self, site: str, request: Request | None) -> Outcome | None:
        """The whole answer to a question, which is put once; None where there is none to put."""
        if request is None:
            return None
        key = (site, f"{request.service} {request.target}")
        if key not in self._told:
            self._told[key] = asyncio.ensure_future(self._answer(site, request))
        return await asyncio.shield(self._told[key])

    async def _answer(self, site: str, request: Request) -> Outcome:
        try:
            async with asyncio.timeout_at(self.deadline):
                return await collect(await self.ask(Call(site, request)), _ANSWER_LIMIT, self.deadline)
        except TimeoutError:
            return Unreached(site, True, "no answer within the time that the call was given")


class Translating:
    """For one site's proxy."""

    def __init__(self, topology: Topology, replicas: Replicas) -> None:
        self._topology, self._replicas = topology, replicas

    async def by_sets(self, work: Work) -> Work:
        """The work with what its ids are called at each of its sites, as far as replica sets tell."""
        if work.intent.kind in _UNTOUCHED:
            return work
        sites = sites_of(where(work))
        found = places(work.request, work.intent)
        if not found or (len(sites) == 1 and sites[0] == work.entry and not work.scope):
            return work
        sets = await self._sets_of(work, found)
        if not sets:
            return work
        translations = {site: dict(_known(work, site, found, sets)) for site in sites}
        itself = next((sets[one.key] for one in found if one.itself and one.key in sets), {})
        about = {site: itself[site] for site in sites if site in itself}
        return replace(work, translations=translations, replicas=about if work.intent.id else {})

    async def _sets_of(self, work: Work, found: Iterable[Place]) -> dict[Key, Mapping[str, str]]:
        kinds: dict[tuple[str, str], list[str]] = {}
        for place in found:
            kinds.setdefault((place.service, place.collection), []).append(place.value)
        sets: dict[Key, Mapping[str, str]] = {}
        for (service, collection), ids in kinds.items():
            # Where the caller has the ids from.
            sites = sites_of(work.scope.location(service) or At(work.entry))
            known = await self._replicas.of(service, ids, collection, sites)
            for id_, members in known.items():
                # A number that counts at each site for itself is another thing's where it is no member's.
                if is_uuid(id_) or any(members.get(site) == id_ for site in sites):
                    sets[service, collection, id_] = members
        return sets

    async def resolved(self, call: Call, work: Work, asker: Asker) -> Call | Unreached:
        """The call with the ids that its site has in the place of those which are known elsewhere only.

        Raises CallerError for one that has no counterpart there, SiteFailure where nobody can be asked what it is;
        Unreached: the call's own site cannot be asked.
        """
        translation: dict[Key, str] = {}
        for reference, came in zip(
            call.missing, await together(self._looked_up(one, call.site, asker) for one in call.missing), strict=True
        ):
            if isinstance(came, Unreached):
                return came
            if came is not None:
                translation[reference.key] = came
        asker.renamed[call.site] = translation
        return replace(call, request=translated(call.request, work.intent, translation), missing=())

    async def _looked_up(self, reference: Reference, site: str, asker: Asker) -> str | Unreached | None:
        """What it is called at the site; None: it stays as it is."""
        named = await self._named(reference, asker)
        if named is None or named[0] == site:
            # Nobody knows it where it would have been found: it may be the site's own id, written by hand.
            if not named and not reference.maybe and not await self._is_known(reference, site, asker):
                _give_up(
                    reference, site, f"neither {' nor '.join(dict.fromkeys((*reference.known_at, site)))} shows it"
                )
            return None
        at, name = named
        if name is None:
            _give_up(reference, site, f"it has no name at {at} by which it could be found")
            return None
        question = searched(reference, name, asker.project)
        answer = await asker.answer(site, question)
        if isinstance(answer, Unreached):
            why = f"what {reference.field} ({reference.value}) is called there cannot be asked: {answer.why}"
            return Unreached(site, False, why, asked=False)
        ids = ids_named(reference, name, answer) if isinstance(answer, Reply) and answer.ok else ()
        if reference.value in ids:
            return None
        if question is not None and isinstance(answer, Reply) and next_page(answer, question) is not None:
            _give_up(reference, site, f"it is {name!r} at {at}, and {site} lists too many to tell which that is")
            return None
        if len(ids) == 1:
            return ids[0]
        told = f"HTTP {answer.status}" if isinstance(answer, Reply) and not answer.ok else f"{len(ids) or 'none'}"
        _give_up(reference, site, f"it is {name!r} at {at}, and of that name there are {told} at {site}")
        return None

    async def _named(self, reference: Reference, asker: Asker) -> tuple[str, str | None] | None:
        """The first site that knows the id, and the name that it has there; None when no site does."""
        silent = []
        for site in reference.known_at:
            answer = await asker.answer(site, shown(reference, asker.project))
            if answer is None:
                return (site, None)
            if isinstance(answer, Unreached) or answer.status >= 500:
                silent.append(f"{site}: {answer.why if isinstance(answer, Unreached) else f'HTTP {answer.status}'}")
            elif answer.ok:
                return (site, name_of(reference, answer))
        if silent and reference.required:
            raise SiteFailure(f"scope: what {reference.field} names cannot be asked: {'; '.join(silent)}", 503)
        return None

    async def _is_known(self, reference: Reference, site: str, asker: Asker) -> bool:
        answer = await asker.answer(site, shown(reference, asker.project))
        return isinstance(answer, Reply) and answer.ok


async def said_by_the_client(outcome: Outcome, names: Translation, deadline: float | None) -> Outcome:
    """A site's refusal with the ids that the client sent in the place of those which the site was asked for."""
    if not names or not isinstance(outcome, Reply) or outcome.ok or outcome.header("Content-Encoding"):
        return outcome
    whole = await collect(outcome, _REFUSAL_LIMIT, deadline)
    return with_ids_of_client(whole, names) if isinstance(whole, Reply) and whole.rest is None else whole


def _give_up(reference: Reference, site: str, why: str) -> None:
    """What is not required stays as it is."""
    if reference.required:
        raise CallerError(f"scope: {advice(reference, site, why)}")


def _known(
    work: Work, site: str, found: Iterable[Place], sets: Mapping[Key, Mapping[str, str]]
) -> Iterable[tuple[Key, str]]:
    for place in found:
        whose = home(place.service, work.request.service, work.scope, site)
        id_ = sets.get(place.key, {}).get(whose or "")
        if id_ is not None:
            yield place.key, id_
