"""The settings of one site's proxy: what the file says for all, overridden key by key by what it says for the one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from scopeproxy.edges.values import EVERY_SITE
from scopeproxy.model.topology import Credentials, HomeRules, Limits, ProxySettings, Timeouts, Tls

_PARTS: dict[str, type[Timeouts | Limits | Credentials | Tls]] = {
    "timeouts": Timeouts,
    "limits": Limits,
    "credentials": Credentials,
    "tls": Tls,
}


def settings(site: str, own: Mapping[str, Any], defaults: Mapping[str, Any]) -> ProxySettings:
    """The settings of a site, from the values that were read for it and for all."""
    made = _made(_merged(defaults, own))
    # Quoted, so that a site's name is always one part of a file's name and of a URL.
    name = quote(site, safe="")
    key, spool = (None if path is None else path.replace("{site}", name) for path in (made.key, made.spool))
    return replace(made, state=made.state.replace("{site}", name), spool=spool, key=key)


def _merged(defaults: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    return {**defaults, **{key: _over(defaults.get(key), value) for key, value in own.items()}}


def _over(default: Any, value: Any) -> Any:
    return _merged(default, value) if isinstance(default, dict) and isinstance(value, dict) else value


def _made(fields: Mapping[str, Any]) -> ProxySettings:
    made: dict[str, Any] = {key: _PARTS[key](**value) if key in _PARTS else value for key, value in fields.items()}
    peer_keys = dict(made.pop("peer_keys", {}))
    made["homes"] = {site: HomeRules(**rules) for site, rules in made.get("homes", {}).items()}
    for_all = peer_keys.pop(EVERY_SITE, None)
    if for_all is not None:
        made.setdefault("peer_key", for_all)
    return ProxySettings(peer_keys=peer_keys, **made)
