"""The column Site, on every list command whose answer was merged from several sites.

cliff has two seams for this, and neither will do: a formatter gets the rows when `-c` and `--sort-column` are done with
them, and a command hook is an entry point for each command, of which every plugin brings more.  So we step in where
cliff hands a list over to be shown, and only once a scope is in force.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from .listed import Item, lists
from .results import Results, results_of, watch
from .rows import sites_of

COLUMN = "Site"


def show_sites(session: Any) -> None:
    """Have the `openstack` command show the site of each item, in the lists of this session that are merged."""
    from cliff.lister import Lister

    watch(session).keep_answers()
    if not hasattr(Lister.produce_output, "__wrapped__"):
        Lister.produce_output = _sited(Lister.produce_output)


def _sited(produce_output: Callable[..., int]) -> Callable[..., int]:
    @functools.wraps(produce_output)
    def produce(command: Any, parsed_args: Any, column_names: Sequence[str], data: Iterable[Sequence[Any]]) -> int:
        results = _results(command)
        if results is not None and COLUMN not in column_names:
            column_names, data = with_sites(column_names, data, results)
        return produce_output(command, parsed_args, column_names, data)

    return produce


def with_sites(
    column_names: Sequence[str], data: Iterable[Sequence[Any]], results: Results
) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
    """The columns and rows of a list, with the sites when the answers to it were merged."""
    rows = list(data)  # commands may be asking while they yield rows
    if not (results.has_merged if rows else results.is_last_merged):
        return column_names, rows
    joined: dict[str, list[Item]] = defaultdict(list)
    for url, document in results.documents():
        for listed in lists(document):
            joined[f"{urlsplit(url)._replace(query='').geturl()} {listed.name}"] += listed.items
    sites = sites_of(rows, list(joined.values())) if rows else []
    if sites is None:
        return column_names, rows
    return (*column_names, COLUMN), [(*row, site) for row, site in zip(rows, sites, strict=True)]


def _results(command: Any) -> Results | None:
    manager = getattr(command.app, "client_manager", None)
    return results_of(manager.session) if getattr(manager, "_auth_setup_completed", False) else None
