"""`openstack scope show | explain | set | unset` and `openstack site list`."""
# osc_lib has no types that we could check against.
# mypy: disable-error-code="misc"

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from osc_lib import exceptions
from osc_lib.cli import format_columns
from osc_lib.command import command

from scopeproxy.errors import ScopeError
from scopeproxy.lang.wire import ON_PARTIAL

from .choice import Choice, chosen
from .column import show_sites
from .session import set_scope
from .words import whole_texts

if TYPE_CHECKING:
    from scopeproxy.lang.scope import Scope

LOG = logging.getLogger(__name__)


class ShowScope(command.ShowOne):
    """Show the scope in force"""

    auth_required = False

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        choice = _in_force(self.app)
        options = str(choice.options) if choice.scope else ""
        return ("scope", "options"), (str(choice.scope) if choice.scope else None, options or None)


class ExplainScope(command.ShowOne):
    """Show what the proxy would do under a scope"""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("scope", metavar="<scope>", nargs="?", help="Scope to explain (default: the one in force)")
        parser.add_argument("method", metavar="<method>", nargs="?", help="Method of a request to explain, as GET")
        parser.add_argument("url", metavar="<url>", nargs="?", help="Its URL at a front, or as nova:/v2.1/servers")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        text, method, url = parsed_args.scope, parsed_args.method, parsed_args.url
        if method and not url:  # a method and its URL alone: the scope is the one in force
            text, method, url = None, text, method
        scope = _read(text) if text else _in_force(self.app).scope
        answer = self.app.client_manager.scope.explain(str(scope or "{}"), method and method.upper(), url)
        return ("scope", "plan", "endpoints", "tokens", "refusal"), (
            answer.get("scope"),
            answer.get("plan"),
            format_columns.ListColumn(answer.get("endpoints") or []),
            format_columns.DictColumn(answer.get("tokens") or {}),
            answer.get("refusal"),
        )


class SetScope(command.Command):
    """Set the scope of the commands to come, in the interactive shell"""

    auth_required = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("scope", metavar="<scope>", nargs="+", help="Scope, or several that are merged")
        parser.add_argument("--on-partial", metavar="<policy>", help=f"One of {', '.join(ON_PARTIAL)}")
        parser.add_argument("--strict", action="store_true", default=None, help="Fail when a site cannot answer")
        parser.add_argument("--timeout", metavar="<duration>", help="How long a scoped request may take, as 30s")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        settings = {
            "scope_on_partial": parsed_args.on_partial,
            "scope_strict": parsed_args.strict,
            "scope_time_limit": parsed_args.timeout,
        }
        _change(
            self.app,
            whole_texts(parsed_args.scope),
            {name: value for name, value in settings.items() if value is not None},
        )


class UnsetScope(command.Command):
    """Send no scope with the commands to come, in the interactive shell"""

    auth_required = False

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        _change(self.app, ["{}"], {})


class ListSite(command.Lister):
    """List the sites that the proxy knows"""

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Iterator[tuple[Any, ...]]]:
        columns = ("Name", "Region", "State", "RTT (ms)", "Labels", "Services")
        return columns, _site_rows(self.app.client_manager.scope.sites())


def _site_rows(sites: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    for site in sites:
        yield (
            site.get("name"),
            site.get("region"),
            site.get("state"),
            site.get("rtt_ms"),
            format_columns.DictColumn(site.get("labels") or {}),
            format_columns.ListColumn(site.get("services") or []),
        )


def _in_force(app: Any) -> Choice:
    try:
        return chosen(app.client_manager._cli_options.config, os.environ)
    except ScopeError as error:
        raise exceptions.CommandError(str(error)) from error


def _read(text: str) -> Scope:
    from .session import read_scope

    try:
        return read_scope(text)
    except ScopeError as error:
        raise exceptions.CommandError(str(error)) from error


def _change(app: Any, texts: list[str], settings: dict[str, Any]) -> None:
    """Make it what later commands find in their options, and what the session sends, where there is one already."""
    wanted = {"scope": texts, **settings}
    try:
        choice = chosen({**app.client_manager._cli_options.config, **wanted}, {})
    except ScopeError as error:
        raise exceptions.CommandError(str(error)) from error
    if not app.interactive_mode:
        LOG.warning(
            "scope: nothing changes: set and unset are for the commands that follow in the interactive shell, which is "
            "openstack without a command; elsewhere a scope is given with --scope or in OS_SCOPE"
        )
        return
    for name, value in wanted.items():
        setattr(app.options, name, value)
        app.client_manager._cli_options.config[name] = value
    if app.client_manager._auth_setup_completed:
        set_scope(app.client_manager.session, choice.scope, choice.options)
        show_sites(app.client_manager.session)
        # `openstack` puts the token it remembers back before each command; a login under the new scope replaces it.
        app.client_manager._auth_ref = None
