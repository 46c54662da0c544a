"""What a list looks like in JSON: where its items are, what makes two of them one, and where it goes on.

Nova, keystone, neutron and glance each have an envelope of their own; an application of one's own may answer an array,
or an object with exactly one.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from scopeproxy.model.messages import Reply, Request
from scopeproxy.model.services import SERVICES
from scopeproxy.planning.intent import Intent

Document = Any
_LINK = re.compile(r"<([^>]*)>((?:\s*;\s*[^,;]+)*)")
_UUID = re.compile(r"[0-9a-f]{32}\Z|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
# Bytes that a compressed answer may unfold to: a bomb of some KiB would hold up all calls, and fill the memory.
DECODED = 8 * 1024 * 1024
_COUNTS = ("count", "total", "total_count")
_LINKS = re.compile(r"(.+_)?links\Z")


@dataclass(frozen=True, slots=True)
class Listing:
    """A list that a site gave: `key` is where the items stand in the document, None when it is an array itself."""

    site: str
    document: Document
    key: str | None
    items: list[Any]


@dataclass(frozen=True, slots=True)
class _Flaw:
    """Why a body holds no document."""

    why: str


def contents(reply: Reply) -> Document | None:
    """A body's JSON; None when it has none.  We ask for identity bodies; what is compressed all the same is undone."""
    if not reply.found:
        reply.found.append(_read(reply))
    (found,) = reply.found
    return None if isinstance(found, _Flaw) else found


def flaw(reply: Reply) -> str | None:
    """Why an answer is no part, or no whole one, of a merged list; None when it may be."""
    if contents(reply) is None:
        (found,) = reply.found
        return found.why if isinstance(found, _Flaw) else "answered what is not JSON"
    link = _next_link(reply)
    return None if link is None or _is_url(link) else "its link to the next page is no URL"


def _read(reply: Reply) -> Document | _Flaw | None:
    if reply.status == 204:
        return []
    if (reply.header("Content-Encoding") or "identity").lower() == "identity":
        return reply.json
    if reply.rest is not None:
        return None
    try:
        decoded = zlib.decompressobj(wbits=47).decompress(reply.body, DECODED + 1)
        return (
            _Flaw(f"its compressed answer is over {DECODED} bytes") if len(decoded) > DECODED else json.loads(decoded)
        )
    except (zlib.error, ValueError, RecursionError):
        return None


def listing(site: str, document: Document, collection: str) -> Listing | None:
    """The list in a document; None when there is none, or more than one array and none by the collection's name."""
    if isinstance(document, list):
        return Listing(site, document, None, document)
    if not isinstance(document, dict):
        return None
    arrays = [key for key, value in document.items() if isinstance(value, list)]
    named = [key for key in arrays if key == collection.removeprefix("os-")]
    found = named or [key for key in arrays if not _LINKS.match(key)]
    return Listing(site, document, found[0], document[found[0]]) if len(found) == 1 else None


def envelope(listings: Sequence[Listing], items: list[Any]) -> Document:
    """The first site's document around all items, without its links to further pages."""
    first = listings[0]
    if first.key is None:
        return items
    kept = {key: value for key, value in first.document.items() if key != "next" and not key.endswith("_links")}
    kept[first.key] = items
    if isinstance(kept.get("links"), dict):
        kept["links"] = {**kept["links"], "next": None, "previous": None}
    kept.update({key: len(items) for key in _COUNTS if isinstance(kept.get(key), int)})
    # Placement's provider_summaries stand beside its list: all sites' are wanted there.
    beside = [key for key, value in kept.items() if isinstance(value, dict) and key != "links"]
    kept.update({key: _united([one.document.get(key) for one in listings]) for key in beside})
    return kept


def _united(mappings: Sequence[Any]) -> dict[str, Any]:
    """One mapping out of several; where they disagree, the first counts."""
    return {key: value for one in reversed(mappings) if isinstance(one, dict) for key, value in one.items()}


# ---- when two items of different sites are one


def _name(item: dict[str, Any]) -> Any:
    return item.get("name")


def _shared_name(item: dict[str, Any]) -> Any:
    return item.get("name") if item.get("shared") or item.get("router:external") else None


def _of_default_domain(item: dict[str, Any]) -> Any:
    """The default domain is the same everywhere; of others only the names are alike."""
    return item.get("name") if item.get("domain_id") in (None, "default") else None


Natural = Callable[[dict[str, Any]], Any]

# Catalogue-like collections: what stands for the same thing at every site has the same name there.
NATURAL: dict[tuple[str, str], Natural] = {
    ("compute", "flavors"): _name,
    ("compute", "os-keypairs"): _name,
    ("compute", "os-availability-zone"): lambda item: item.get("zoneName"),
    ("compute", "extensions"): lambda item: item.get("alias"),
    ("block-storage", "types"): _name,
    ("block-storage", "os-availability-zone"): lambda item: item.get("zoneName"),
    ("shared-file-system", "types"): _name,
    ("identity", "roles"): _of_default_domain,
    ("identity", "domains"): _name,
    ("identity", "projects"): _of_default_domain,
    ("identity", "services"): lambda item: (item.get("type"), item.get("name")),
    ("network", "networks"): _shared_name,
    ("network", "extensions"): lambda item: item.get("alias"),
    ("network", "availability_zones"): lambda item: (item.get("resource"), item.get("name")),
    ("load-balancer", "flavors"): _name,
    ("load-balancer", "providers"): _name,
    ("placement", "resource_classes"): _name,
    ("placement", "traits"): _name,
}


def same(request: Request, intent: Intent) -> Callable[[Any], Iterator[object]]:
    """The keys of an item, for this request: items of two sites that have one in common are the same."""
    natural = None if intent.beneath else NATURAL.get((request.service, intent.collection))
    if natural is None and any(key == "name" for key, _ in request.query):
        natural = _of_default_domain if request.service == "identity" else _name
    wrapped = _is_wrapped(request, intent)
    ours = request.service in SERVICES

    def keys(item: Any) -> Iterator[object]:
        bare = _unwrapped(item) if wrapped else item
        if not isinstance(bare, dict):
            # An application of one's own may well list the same number twice.
            if ours:
                yield ("value", repr(bare))
            return
        id_ = bare.get("id") or bare.get("uuid")
        # Flavors, and whatever an application of one's own counts at each site: 1 here is not 1 there.
        if id_ is not None and (_UUID.match(str(id_)) or (ours and natural is None)):
            yield ("id", str(id_))
        if natural is not None and (name := natural(bare)) not in (None, ""):
            yield ("name", repr(name))

    return keys


def _is_wrapped(request: Request, intent: Intent) -> bool:
    """Whether each item stands in a mapping of one key, as nova's keypairs do: `{"keypair": {…}}`."""
    return (request.service, intent.collection) == ("compute", "os-keypairs")


def _unwrapped(item: Any) -> Any:
    inner = next(iter(item.values())) if isinstance(item, dict) and len(item) == 1 else None
    return inner if isinstance(inner, dict) else item


def marked(item: Any, site: str, request: Request, intent: Intent) -> Any:
    """The item with its site told; what is no object stays as it is."""
    if not isinstance(item, dict):
        return item
    bare = _unwrapped(item) if _is_wrapped(request, intent) else item
    if bare is not item:
        return {key: {**bare, "scope_site": site} for key in item}
    return {**item, "scope_site": site}


# ---- where it goes on


def next_page(reply: Reply, request: Request, prefixes: Sequence[str] = ()) -> str | None:
    """The target below the service's root of a list's following page, when this one has a link to it.

    `prefixes`: the path prefixes that the site's links may carry (those of its front and back).
    """
    link = _next_link(reply)
    if link is None or not _is_url(link):
        return None
    parts = urlsplit(urljoin(request.target, link))
    path = _below(parts.path, prefixes)
    own = urlsplit(request.target).path
    if len(own) > 1 and path.endswith(own):
        path = own  # keystone below /identity says /identity/v3/identity/v3/users: it doubles what it is mounted at
    # A page that names itself, or one before it, is told too: whoever follows it sees that the list has no end.
    return f"{path}?{parts.query}" if parts.query else path


def _next_link(reply: Reply) -> str | None:
    return next((link for link in _next_links(reply) if link), None)


def _is_url(link: str) -> bool:
    try:
        urlsplit(link)
    except ValueError:
        return False
    return link.isprintable() and " " not in link


def _next_links(reply: Reply) -> Iterator[str | None]:
    document = contents(reply)
    if isinstance(document, dict):
        yield _text(document.get("next"))
        for key, value in document.items():
            if _LINKS.match(key) and isinstance(value, list):
                yield from (_text(one.get("href")) for one in value if _is_next(one))
            elif key == "links" and isinstance(value, dict):
                yield _text(value.get("next"))
    for name, value in reply.headers:
        if name.lower() == "link":
            yield from (target for target, rest in _LINK.findall(value) if re.search(r'\brel="?next"?', rest))


def _is_next(link: Any) -> bool:
    return isinstance(link, dict) and link.get("rel") == "next"


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _below(path: str, prefixes: Sequence[str]) -> str:
    for prefix in sorted(prefixes, key=len, reverse=True):
        if prefix and (path == prefix or path.startswith(prefix + "/")):
            return path[len(prefix) :] or "/"
    return path
