"""The catalog that a client sees: endpoints of one site become those of another, backs become fronts."""

from __future__ import annotations

from typing import Any

from scopeproxy.model.topology import Site

Catalog = list[dict[str, Any]]


def rewrite_catalog(catalog: Catalog, from_site: Site, to_site: Site) -> Catalog:
    """The catalog of one site as that of another: fronts and regions."""
    raise NotImplementedError


def backs_to_fronts(catalog: Catalog, site: Site) -> Catalog:
    """The catalog with the site's real services' addresses replaced by the fronts."""
    raise NotImplementedError


def rewrite_token_answer(body: bytes, from_site: Site, to_site: Site) -> bytes:
    """The body of a token or catalog answer of keystone with its catalog rewritten; other bodies as they are."""
    raise NotImplementedError
