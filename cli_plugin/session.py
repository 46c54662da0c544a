"""A scope on a session: `set_scope`, `with scoped(…)`, `scope_of`.

Every client that shares the session sends the scope with every request, so nothing here knows services.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from scopeproxy.lang.wire import Options, from_header, to_header

from .results import SCOPE_HEADER, watch

if TYPE_CHECKING:
    from scopeproxy.lang.scope import Scope

    ScopeLike = Scope | str | Mapping[str, object] | Sequence[str]

OPTIONS_HEADER = "X-Scope-Options"


def set_scope(target: Any, scope: ScopeLike | None, options: Options | None = None) -> None:
    """Send this scope with every request of an openstack Connection or keystoneauth1 Session; None sends none.

    The scope is text as on the command line (or several, merged), a mapping of service to location, or a Scope.
    ScopeError tells what is wrong with it, and the session is then left as it was.  Options left out stay in force.
    """
    session = _session(target)
    wanted = None if scope is None else read_scope(scope)
    log_in_again = _identity(wanted) != _identity(_scope_in(session.additional_headers))
    _write(session.additional_headers, wanted, options)
    if wanted:
        watch(session)
    # A token that another site's keystone gave is none here, and a cached one knows nothing of the scope.
    if log_in_again and session.auth is not None:
        session.invalidate()


@contextmanager
def scoped(target: Any, scope: ScopeLike | None, options: Options | None = None) -> Iterator[Any]:
    """`with scoped(conn, "nova: Paris"):` sets the scope inside the block, and what was in force before afterwards.

    A session is shared state: threads that need different scopes need a session each.
    """
    before = dict(_session(target).additional_headers)
    set_scope(target, scope, options)
    try:
        yield target
    finally:
        set_scope(target, _scope_in(before))
        _restore(_session(target).additional_headers, before)


def scope_of(target: Any) -> Scope | None:
    """The scope in force on a Connection or Session, if any."""
    return _scope_in(_session(target).additional_headers)


def read_scope(scope: ScopeLike) -> Scope:
    """The Scope that a text, several texts, or a mapping means."""
    from scopeproxy.lang.parser import parse_command_line, parse_mapping
    from scopeproxy.lang.scope import Scope
    from scopeproxy.lang.vocabulary import OPENSTACK

    if isinstance(scope, Scope):
        return scope
    if isinstance(scope, Mapping):
        return parse_mapping(scope, OPENSTACK)
    return parse_command_line([scope] if isinstance(scope, str) else list(scope), OPENSTACK)


def _session(target: Any) -> Any:
    # A Connection has a session; a Session has a `session` as well (that of requests), so we ask for what we need.
    return target if hasattr(target, "additional_headers") else target.session


def _scope_in(headers: Mapping[str, str]) -> Scope | None:
    if SCOPE_HEADER not in headers:
        return None
    return read_scope(from_header(headers[SCOPE_HEADER]))


def _identity(scope: Scope | None) -> object:
    return scope.location("identity") if scope else None


def _write(headers: MutableMapping[str, str], scope: Scope | None, options: Options | None) -> None:
    if not scope:  # none, or {}: a pass-through, which an unscoped call is already
        headers.pop(SCOPE_HEADER, None)
        headers.pop(OPTIONS_HEADER, None)
        return
    headers[SCOPE_HEADER] = to_header(scope)
    if options is not None:
        headers.pop(OPTIONS_HEADER, None)
        headers.update({OPTIONS_HEADER: str(options)} if str(options) else {})


def _restore(headers: MutableMapping[str, str], before: Mapping[str, str]) -> None:
    headers.pop(OPTIONS_HEADER, None)
    headers.update({name: before[name] for name in (SCOPE_HEADER, OPTIONS_HEADER) if name in before})
