"""The seam into openstacksdk: it calls `vendor_hook` with each new Connection, before any request.

openstacksdk only warns about a hook that raises ValueError, TypeError, ImportError or AttributeError, and goes on
*without* the scope.  So whatever goes wrong in here becomes an exception of its own family, and the command stops.
"""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Callable, Iterator
from typing import Any

LOG = logging.getLogger(__name__)

VENDOR_HOOK = "scopeproxy.osc.hook:vendor_hook"
COMMAND_HOOK = "scopeproxy.osc.hook:command_hook"


def vendor_hook(connection: Any) -> None:
    """Send the configured scope with every request of the connection; name this function in clouds.yaml:

    vendor_hook: "scopeproxy.osc.hook:vendor_hook"
    """
    _fail_closed(_scope_connection, connection)
    _call_hidden_hook(connection)
    _fail_closed(_scope_connection, connection)  # again, in case the other hook replaced the headers


def command_hook(connection: Any) -> None:
    """The same for the `openstack` command, whose lists tell the site of each item."""
    vendor_hook(connection)
    _fail_closed(_show_sites, connection)


def _fail_closed(step: Callable[[Any], None], connection: Any) -> None:
    from openstack import exceptions

    try:
        step(connection)
    except exceptions.SDKException:
        raise
    except Exception as error:
        text = str(error)
        message = text if text.startswith("scope:") else f"scope: not applied, so nothing is sent: {text or error!r}"
        raise exceptions.ConfigException(message) from error


def _scope_connection(connection: Any) -> None:
    from .choice import chosen
    from .session import set_scope

    choice = chosen(connection.config.config, os.environ)
    if choice.scope is None:
        return
    if choice.scope.location("identity") is not None:
        # The keyring's key ignores the scope: a token of another site's keystone must not end up there.
        connection.config._cache_auth = False
    set_scope(connection, choice.scope, choice.options)


def _show_sites(connection: Any) -> None:
    from .column import show_sites
    from .session import scope_of

    if scope_of(connection):
        show_sites(connection.session)


def _call_hidden_hook(connection: Any) -> None:
    """The cloud's own hook, hidden by ours: as a default of the command line, or in clouds.yaml over a profile's.

    Where it fails it is treated as the SDK treats a hook.
    """
    hook = next((name for name in _configured_hooks(connection.config) if name not in (VENDOR_HOOK, COMMAND_HOOK)), "")
    try:
        if hook:
            module, _, function = hook.partition(":")
            getattr(importlib.import_module(module), function)(connection)
    except (ImportError, TypeError, AttributeError, ValueError) as error:
        LOG.warning("Configured hook %s cannot be executed: %s", hook, error)


def _configured_hooks(region: Any) -> Iterator[str]:
    """The hooks of the raw configuration, the one that counts first: region, cloud, profile."""
    loader = region._openstack_config
    if loader is None:
        return
    cloud = loader.cloud_config.get("clouds", {}).get(region.name, {})
    profile: dict[str, Any] = {}
    loader._expand_vendor_profile(region.name, profile, cloud)
    place = loader._get_region(cloud=region.name, region_name=region.region_name)["values"] if cloud else {}
    for source in (place, cloud, profile):
        for key in ("vendor_hook", "vendor-hook"):
            if source.get(key):
                yield source[key]
