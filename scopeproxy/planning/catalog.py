"""The catalog that a client sees: endpoints of one site become those of another, backs become fronts; and, for
clients that cannot add a header, fronts become paths that hold a scope."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from scopeproxy.lang.vocabulary import openstack_services
from scopeproxy.model.topology import Site, Url
from scopeproxy.planning.scoped_paths import ROOT, Prefix

Entry = dict[str, Any]
Catalog = list[Entry]
_PORTS = {"http": 80, "https": 443}


def rewrite_catalog(catalog: Catalog, from_site: Site, to_site: Site) -> Catalog:
    """The catalog of one site as that of another: fronts and regions.

    What is under no front of the first is dropped, as is what the other does not offer.
    """
    if from_site.name == to_site.name:
        return catalog
    fronts = {service: endpoint.front for service, endpoint in from_site.services.items()}

    def moved(entry: Entry, endpoint: Entry) -> Entry | None:
        found = _under(str(endpoint.get("url", "")), fronts, str(entry.get("type", "")))
        target = to_site.services.get(found[0]) if found else None
        if found is None or target is None:
            return None
        regions: Entry = {key: to_site.region for key in ("region", "region_id") if key in endpoint}
        return {**endpoint, **regions, "url": f"{target.front}{found[1]}"}

    return _each(catalog, moved)


def backs_to_fronts(catalog: Catalog, site: Site) -> Catalog:
    """The catalog with the site's real services' addresses replaced by the fronts; all others stay."""
    backs = {service: endpoint.back for service, endpoint in site.services.items() if endpoint.back is not None}

    def fronted(entry: Entry, endpoint: Entry) -> Entry:
        found = _under(str(endpoint.get("url", "")), backs, str(entry.get("type", "")))
        return {**endpoint, "url": f"{site.services[found[0]].front}{found[1]}"} if found else endpoint

    return _each(catalog, fronted)


def rewrite_token_answer(body: bytes, from_site: Site, to_site: Site) -> bytes:
    """The body of a token or catalog answer of keystone with its catalog rewritten; other bodies as they are."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return body
    if not change_catalog(
        document, lambda found: rewrite_catalog(backs_to_fronts(found, from_site), from_site, to_site)
    ):
        return body
    return json.dumps(document).encode()


def change_catalog(document: Any, change: Callable[[Catalog], Catalog]) -> bool:
    """Change the catalog of a token or catalog answer, in place; False where there is none, or nothing to change."""
    holder = document.get("token", document) if isinstance(document, dict) else None
    catalog = holder.get("catalog") if isinstance(holder, dict) else None
    if not isinstance(holder, dict) or not isinstance(catalog, list) or not all(map(_is_entry, catalog)):
        return False
    changed = change(catalog)
    if changed == catalog:
        return False
    holder["catalog"] = changed
    return True


def under_prefix(catalog: Catalog, site: Site, prefix: Prefix) -> Catalog:
    """The catalog of a site with what is under its fronts, or backs, put under a prefix; all else stays."""
    fronts = {service: endpoint.front for service, endpoint in site.services.items()}

    def moved(entry: Entry, endpoint: Entry) -> Entry:
        found = _below_front(entry, endpoint, fronts)
        return {**endpoint, "url": prefix.root(found[0]) + found[1]} if found else endpoint

    return _each(backs_to_fronts(catalog, site), moved)


def with_regions(catalog: Catalog, site: Site, regions: Mapping[str, str]) -> Catalog:
    """The catalog of a site with its services once more in other regions, under scopes.  `regions`: the region of
    each path of a scope.

    They stand behind the site's own: who asks for no region takes the first.  A region that is there already stays.
    """
    there = {endpoint.get("region") for entry in catalog for endpoint in entry["endpoints"]}
    new = {path: region for path, region in regions.items() if region not in there}
    fronts = {service: endpoint.front for service, endpoint in site.services.items()}

    def published(entry: Entry, endpoint: Entry) -> Iterator[Entry]:
        found = _below_front(entry, endpoint, fronts)
        if found is None or endpoint.get("region", site.region) != site.region:
            return
        service, rest = found
        for path, region in new.items():
            root = Prefix(fronts[service].origin, path).root(service)
            named: Entry = {key: region for key in ("region", "region_id") if key in endpoint}
            if "id" in endpoint:
                named["id"] = hashlib.sha256(f"{endpoint['id']} {region}".encode()).hexdigest()[:32]
            yield {**endpoint, **named, "url": root + rest}

    return [
        {
            **entry,
            "endpoints": [*entry["endpoints"], *(new for old in entry["endpoints"] for new in published(entry, old))],
        }
        for entry in catalog
    ]


def _below_front(entry: Entry, endpoint: Entry, fronts: Mapping[str, Url]) -> tuple[str, str] | None:
    """The service under whose front an endpoint is, and the rest; None also for one that is under a scope already."""
    found = _under(str(endpoint.get("url", "")), fronts, str(entry.get("type", "")))
    return None if found is None or found[1].startswith(f"{ROOT}/") else found


def catalog_in(answer: Any) -> Catalog | None:
    """The catalog in keystone's answer about a token; None where there is none that makes sense."""
    token = answer.get("token") if isinstance(answer, dict) else None
    catalog = token.get("catalog") if isinstance(token, dict) else None
    return catalog if isinstance(catalog, list) and all(map(_is_entry, catalog)) else None


def _is_entry(entry: Any) -> bool:
    endpoints = entry.get("endpoints") if isinstance(entry, dict) else None
    return isinstance(endpoints, list) and all(isinstance(endpoint, dict) for endpoint in endpoints)


def _each(catalog: Catalog, change: Callable[[Entry, Entry], Entry | None]) -> Catalog:
    """Every endpoint changed, or dropped for None; an entry that lost all of its endpoints goes with them."""
    changed = []
    for entry in catalog:
        endpoints = [new for old in entry["endpoints"] if (new := change(entry, old)) is not None]
        if endpoints or not entry["endpoints"]:
            changed.append({**entry, "endpoints": endpoints})
    return changed


def _under(url: str, roots: Mapping[str, Url], type_: str) -> tuple[str, str] | None:
    """The service under whose root the URL is, and the rest of it.  The longest root counts, then the entry's type."""
    own = openstack_services().get(type_.lower(), type_)
    found = [
        (len(root.path), service == own, service, rest)
        for service, root in roots.items()
        if (rest := _rest(url, root)) is not None
    ]
    return max(found)[2:] if found else None


def _rest(url: str, root: Url) -> str | None:
    # Compared by parts: as text, 87741 would begin with 8774, and :80 would not be what is left out.
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    if (parts.scheme, parts.hostname, port) != (root.scheme, root.address.host.lower(), root.address.port):
        return None
    rest = parts.path.removeprefix(root.path)
    if not parts.path.startswith(root.path) or (rest and not rest.startswith("/")):
        return None
    return f"{rest}?{parts.query}" if parts.query else rest
