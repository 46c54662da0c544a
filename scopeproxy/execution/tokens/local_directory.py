"""What this site's own keystone says of projects, users and the catalog, asked with the token of a service that
validates somebody's: the proxy has no account of its own.  Remembered, within bounds."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import quote

from scopeproxy.model.identity import Identity, Token
from scopeproxy.model.messages import Outcome, Reply, Request, Unreached
from scopeproxy.model.topology import HomeRules
from scopeproxy.planning.catalog import Catalog, catalog_in
from scopeproxy.planning.homes import Counterparts, Local, Wanted, has_form_of_id, project_of, user_of
from scopeproxy.planning.logins import identity_of

# One unscoped call to the own keystone, its answer held.
AskKeystone = Callable[[Request], Awaitable[Outcome]]

# Seconds for which a name or a catalog is believed, and how many of each are kept.
FRESH = 300.0
KEPT = 1000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LocalCatalog:
    """The catalog as keystone gives it to a service, and the project whose ids are in its URLs."""

    catalog: Catalog
    project: str | None


class LocalDirectory:
    """The names and catalogs of one site's keystone."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._names: _Kept[Local] = _Kept(now)
        self._catalogs: _Kept[LocalCatalog] = _Kept(now)
        self._nobodys: _Kept[bool] = _Kept(now)

    def known(self, who: Identity, rules: HomeRules) -> tuple[Counterparts, frozenset[str]]:
        """The caller's counterparts, as far as they need no look-up or had one, however long ago; and the caller's own
        ids whose counterparts are not known yet."""
        project, user = project_of(who, rules), user_of(who, rules)
        found = Counterparts(self._known(project), self._known(user))
        pairs = ((who.project_id, project, found.project), (who.user_id, user, found.user))
        return found, frozenset(id_ for id_, wanted, local in pairs if id_ and wanted and local is None)

    def _known(self, wanted: Wanted | None) -> Local | None:
        if wanted is None:
            return None
        return Local(wanted.text) if wanted.by_id else self._names.last(_key(wanted))

    async def find(self, wanted: Wanted, token: Token, ask: AskKeystone) -> Local | Reply | str:
        """Whom a rule names.  A Reply is keystone's refusal of the service's own token; text tells why nobody is."""
        if wanted.by_id:
            return Local(wanted.text)
        known = self._names.fresh(_key(wanted))
        if known is not None:
            return known
        target = f"/v3/{wanted.kind}?name={quote(wanted.text, safe='')}&domain_id=default"
        outcome = await ask(_get(target, token))
        if isinstance(outcome, Unreached):
            return f"its keystone cannot be asked: {outcome.why}"
        if outcome.status == 401:
            return outcome
        if outcome.status != 200:
            return f"its keystone answers HTTP {outcome.status} when a service asks for it: give the id in the rule"
        listed = outcome.json.get(wanted.kind) if isinstance(outcome.json, dict) else None
        named = [one for one in listed or () if isinstance(one, dict) and one.get("name") == wanted.text]
        if len(named) != 1:
            return f"its keystone knows {len(named)} of that name in the domain default"
        self._names.put(_key(wanted), Local(str(named[0].get("id")), wanted.text))
        return self._names.last(_key(wanted)) or "it was forgotten"

    async def stranger(self, kind: str, id_: str, token: Token, ask: AskKeystone) -> Reply | str | None:
        """None where this site has no project, or user, of an id.  A Reply is keystone's refusal of the service's own
        token; text tells who has the id, or why that cannot be told."""
        one = kind.removesuffix("s")
        if not has_form_of_id(id_):
            return f"the id of its {one} is none as keystones make them"
        if self._nobodys.fresh(f"{kind}/{id_}"):
            return None
        outcome = await ask(_get(f"/v3/{kind}/{quote(id_, safe='')}", token))
        if isinstance(outcome, Unreached):
            return f"whether the {one} {id_} is one of this site cannot be asked of its keystone: {outcome.why}"
        if outcome.status == 401:
            return outcome
        row = f"a row for it in {kind} of proxy.homes tells whom it stands for"
        if outcome.status == 200:
            return f"this site has a {one} of the id {id_} itself: {row}"
        if outcome.status != 404:
            return (
                f"its keystone answers HTTP {outcome.status} when a service asks whether the {one} {id_} is one of "
                f"this site: let services show {kind}; or {row}"
            )
        self._nobodys.put(f"{kind}/{id_}", True)
        return None

    async def catalog(self, token: Token, ask: AskKeystone) -> LocalCatalog | Reply | None:
        """The catalog of this site.  A Reply is keystone's refusal of the service's own token; None: not to be had."""
        known = self._catalogs.fresh(token.fingerprint)
        if known is not None:
            return known
        # A token validates itself, and the answer tells its project along with its catalog.
        outcome = await ask(_get("/v3/auth/tokens", token).with_header("X-Subject-Token", token.value))
        if isinstance(outcome, Reply) and outcome.status == 401:
            return outcome
        said = outcome.json if isinstance(outcome, Reply) and outcome.status == 200 else None
        catalog, identity = catalog_in(said), identity_of(said) if isinstance(said, dict) else None
        if catalog is None or identity is None:
            return None
        found = LocalCatalog(catalog, identity.project_id)
        self._catalogs.put(token.fingerprint, found)
        return found


def _key(wanted: Wanted) -> str:
    return f"{wanted.kind}/{wanted.text}"


def _get(target: str, token: Token) -> Request:
    return Request("identity", "GET", target, (("X-Auth-Token", token.value), ("Accept", "application/json")))


class _Kept(Generic[T]):
    """The last `KEPT` values that were put, each with its time."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now, self._values = now, OrderedDict[str, tuple[float, T]]()

    def put(self, key: str, value: T) -> None:
        self._values[key] = (self._now(), value)
        self._values.move_to_end(key)
        if len(self._values) > KEPT:
            self._values.popitem(last=False)

    def fresh(self, key: str) -> T | None:
        at, value = self._values.get(key, (0.0, None))
        return value if self._now() - at < FRESH else None

    def last(self, key: str) -> T | None:
        return self._values.get(key, (0.0, None))[1]
