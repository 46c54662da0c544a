"""The `scopeproxy` command.  Exit codes: 0 good, 1 the work failed, 2 wrong usage or configuration."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import sys
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scopeproxy.errors import ConfigurationError, ScopeProxyError, SiteFailure, Unauthorized


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        # What nobody reads must be noticed here, not when the interpreter ends.
        sys.stdout.flush()
    except ConfigurationError as error:
        print("\n".join(error.mistakes), file=sys.stderr)
        return 2
    except ScopeProxyError as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scopeproxy", description="A scope-aware transparent HTTP proxy for OpenStack."
    )
    parser.add_argument("--version", action="version", version=f"scopeproxy {version('scopeproxy')}")
    commands = parser.add_subparsers(required=True, metavar="command")
    for add in (_add_serve, _add_check, _add_explain, _add_journal, _add_audit, _add_demo):
        add(commands)
    return parser


def _add_topology(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-c", "--config", type=Path, required=True, metavar="FILE", help="the topology file")
    parser.add_argument("--site", required=True, help="the site at which this proxy stands")


def _add_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-f", "--format", choices=("table", "json"), default="table", help="how results are printed")


def _add_serve(commands: Any) -> None:
    parser = commands.add_parser("serve", help="run the proxy of one site")
    _add_topology(parser)
    parser.add_argument(
        "--workers",
        type=_count,
        default=1,
        metavar="N",
        help="processes that share the work (default: 1); the admin address of each is the port after the one before",
    )
    parser.set_defaults(run=_serve)


# When Python looks for objects that hold one another: seldom.  Modules, sites and calls under way are many objects that
# it would only find alive, again and again, for a third of the time of a start and a quarter of that of a long list.
_COLLECT = (20_000, 20, 20)


def _serve(options: argparse.Namespace) -> int:
    gc.set_threshold(*_COLLECT)
    from scopeproxy.edges.serve import serve

    # What was imported stays: to look at all of it again would hold up every call for 50 ms.
    gc.freeze()
    return serve(options.config, options.site, options.workers)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 1024):
        raise argparse.ArgumentTypeError(f"a number from 1 to 1024 is expected, not {text!r}")
    return int(text)


def _add_check(commands: Any) -> None:
    parser = commands.add_parser("check", help="check a topology file")
    parser.add_argument("file", type=Path, help="the topology file")
    parser.add_argument("--live", action="store_true", help="ask the sites whether they are as the file says")
    _add_format(parser)
    parser.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> int:
    from scopeproxy.edges.check import check, check_live

    if options.live:
        text, code = asyncio.run(check_live(options.file, os.environ, options.format))
    else:
        text, code = check(options.file, options.format)
    print(text, file=sys.stderr if code == 2 else sys.stdout)
    return code


def _add_explain(commands: Any) -> None:
    parser = commands.add_parser("explain", help="tell what a scope means, and what a call under it would do")
    _add_topology(parser)
    parser.add_argument("scope", help="for example '{nova: Paris&Corte}'")
    parser.add_argument("method", nargs="?", help="GET, POST, …")
    parser.add_argument("url", nargs="?", help="a URL on one of the site's fronts, or nova:/v2.1/servers")
    _add_format(parser)
    parser.set_defaults(run=_explain, wrong=parser.error)


def _explain(options: argparse.Namespace) -> int:
    from scopeproxy.edges.config import load, own_site
    from scopeproxy.edges.explain import explain, shown
    from scopeproxy.lang.parser import parse_command_line
    from scopeproxy.model.topology import vocabulary

    if options.method is not None and options.url is None:
        options.wrong("a METHOD needs a URL: on one of the site's fronts, or such as nova:/v2.1/servers")
    topology = load(options.config)
    own_site(topology, options.site)
    words = vocabulary(topology)
    call = None if options.url is None else (options.method, options.url)
    text = str(parse_command_line([options.scope], words))
    told = explain(text, topology, options.site, words, topology.round_trip, call)
    print(json.dumps(told, indent=2, ensure_ascii=False) if options.format == "json" else shown(told))
    return 1 if told["refusal"] else 0


def _add_journal(commands: Any) -> None:
    parser = commands.add_parser("journal", help="look after the writes that sites have yet to do")
    whats = parser.add_subparsers(required=True, metavar="what", dest="what")
    for what, many, told in (
        ("list", None, "list them"),
        ("show", 1, "show one"),
        ("retry", "+", "try again now what stopped or waits"),
        ("drop", "+", "give some up: the site will not do them"),
    ):
        one = whats.add_parser(what, help=told)
        _add_topology(one)
        _add_format(one)
        one.set_defaults(run=_journal, ids=[])
        if many:
            one.add_argument("ids", nargs=many, type=_id, metavar="ID", help="as `scopeproxy journal list` tells it")


def _id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise argparse.ArgumentTypeError(f"the number of an entry is expected, not {text!r}")
    return int(text)


def _journal(options: argparse.Namespace) -> int:
    from scopeproxy.edges.waiting import journal

    told, code = journal(options.config, options.site, options.what, options.ids, options.format)
    print(told)
    return code


def _add_audit(commands: Any) -> None:
    parser = commands.add_parser("audit", help="compare the members of replica sets at their sites, and mend them")
    _add_topology(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--scope", action="append", default=[], metavar="SCOPE", help="of these services at these sites")
    what.add_argument("--service", action="append", default=[], metavar="SERVICE", help="of this service (repeatable)")
    then = parser.add_mutually_exclusive_group()
    then.add_argument(
        "--repair-from",
        metavar="SITE",
        help="make what is missing, and set what differs, as this site has it; without it nothing is changed",
    )
    then.add_argument("--forget", action="store_true", help="have sets forget the members that are missing")
    _add_format(parser)
    parser.set_defaults(run=_audit)


def _audit(options: argparse.Namespace) -> int:
    from scopeproxy.edges.audit import Wish, audit

    wish = Wish(options.scope, options.service, options.repair_from, options.forget)
    report = partial(print, file=sys.stderr, flush=True)
    try:
        text, code = audit(options.config, options.site, wish, os.environ, options.format, report)
    except (SiteFailure, Unauthorized) as failure:
        print(failure, file=sys.stderr)
        return 1
    print(text)
    return code


def _add_demo(commands: Any) -> None:
    parser = commands.add_parser("demo", help="an embedded cloud of several sites, and a tour of it")
    parser.add_argument(
        "--sites", default="Paris,Corte,Marseille", help="names, joined by commas (default: %(default)s)"
    )
    parser.add_argument("--keep", action="store_true", help="leave the cloud running, and print what to export")
    parser.add_argument(
        "--rtt", default="15ms", help="round trip between two sites, such as 15ms (default: %(default)s)"
    )
    parser.set_defaults(run=_demo)


def _demo(options: argparse.Namespace) -> int:
    from scopeproxy.edges.demo import demo

    return demo(options.sites.split(","), options.keep, options.rtt)


if __name__ == "__main__":
    sys.exit(main())
