"""The `openstack` plugin: the global options --scope, --scope-on-partial, --scope-strict and --scope-timeout.

Imported by every `openstack` call, so everything heavier than this page is imported once a scope is given.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .front import Front

API_NAME = "scope"
API_VERSION_OPTION = "os_scope_api_version"
DEFAULT_API_VERSION = "1"
API_VERSIONS = {"1": "scopeproxy.osc.plugin"}  # OSC 6 needs a dict, newer ones take one

# Commands of other plugins with a --scope of their own, which a global option would take away: there only --os-scope.
OWNERS = (
    ("tsigkey", "create"),  # designate
    ("tsigkey", "list"),
    ("tsigkey", "set"),
    ("audittemplate", "create"),  # watcher
)


def make_client(instance: Any) -> Front:
    """The proxy in front of the cloud's keystone, for the commands of this plugin."""
    from .front import Front

    return Front(instance.session)


def build_option_parser(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the options; openstacksdk finds their values in the cloud's configuration and calls our hook."""
    prefixes = ("--os-",) if _owns_scope(sys.argv[1:]) else ("--", "--os-")
    # openstacksdk makes a cloud named `envvars` of any OS_ variable, and a scope is no cloud.
    variable = os.environ.pop("OS_SCOPE", "")
    parser.add_argument(
        *(f"{prefix}scope" for prefix in prefixes),
        metavar="<scope>",
        dest="scope",
        action=_ScopeAction,
        # A list, since openstacksdk runs str.format over text; checked by the hook, so that --help always works.
        default=[variable] if variable else None,
        help="Which service is used at which site, as '{nova: Paris, glance: Corte|Marseille}', or one site for all "
        "services; in quotes, or as nova:Paris+Corte; repeat it to bind more services (Env: OS_SCOPE)",
    )
    parser.add_argument(
        *(f"{prefix}scope-on-partial" for prefix in prefixes),
        metavar="<policy>",
        dest="scope_on_partial",
        action=_OptionAction,
        help="What to do about a write that failed at some of the sites: undo, keep or queue",
    )
    parser.add_argument(
        *(f"{prefix}scope-strict" for prefix in prefixes),
        dest="scope_strict",
        action="store_true",
        default=None,
        help="Fail when a site cannot answer, instead of showing what the others have",
    )
    parser.add_argument(
        *(f"{prefix}scope-timeout" for prefix in prefixes),
        metavar="<duration>",
        dest="scope_time_limit",  # openstacksdk would take any *_timeout for api_timeout
        action=_OptionAction,
        help="How long a scoped request may take at all sites together, as 30s or 500ms",
    )
    parser.set_defaults(vendor_hook="scopeproxy.osc.hook:command_hook")
    return parser


def _owns_scope(words: Sequence[str]) -> bool:
    return any(pair in OWNERS for pair in pairwise(words))


class _ScopeAction(argparse.Action):
    """Collects the texts of a scope, and refuses a wrong one in a line or three: argparse would print all its usage."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        before = getattr(namespace, self.dest, None)
        # What the variable said is replaced, not merged.
        texts = [values] if before is None or before is self.default else [*before, values]
        mistake = _shell_mistake(values, self.option_strings) or _mistake(texts)
        if mistake:
            parser.exit(2, f"{mistake}\n")
        setattr(namespace, self.dest, texts)


class _OptionAction(argparse.Action):
    """Checks an option that travels with the scope."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        from scopeproxy.errors import ScopeError

        from .choice import chosen

        try:
            chosen({self.dest: values}, {})
        except ScopeError as error:
            parser.exit(2, f"{error}\n")
        setattr(namespace, self.dest, values)


def _shell_mistake(text: str, options: Sequence[str]) -> str | None:
    from .words import shell_mistake

    return shell_mistake(text, options, sys.argv[1:])


def _mistake(texts: Sequence[str]) -> str | None:
    from scopeproxy.errors import ScopeError

    from .session import read_scope

    try:
        read_scope(texts)
    except ScopeError as error:
        return str(error)
    return None
