"""The client's side: `openstack --scope`, its commands, and helpers for users of openstacksdk and keystoneauth1.

Every `openstack` call imports this package, so it stays light: no server, and the language only once a scope is given.
"""

from scopeproxy.lang.wire import Options

from .results import site_of
from .session import scope_of, scoped, set_scope

__all__ = ["Options", "scope_of", "scoped", "set_scope", "site_of"]
