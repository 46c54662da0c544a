"""Every service's list, show, create, set and delete, at each site from each entry, by openstacksdk in one process.

One kind of each service is used from each entry at each site, any other at each site and from each entry, once; by
--matrix, all are used from all entries at all sites.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from openstack import exceptions
from scopeproxy.osc.session import scoped

from tests.openstack.cloud import SITES, Cloud
from tests.openstack.resources import ROWS, Cell, Deed, Row

# One login is good for the rows of all these services, each under a scope of its own.
WIDE = "{nova: SITE, glance: SITE, neutron: SITE, placement: SITE}"

Connect = Callable[[str, str, str | None], Any]


@pytest.fixture(scope="module")
def connect(cloud: Cloud) -> Iterator[Connect]:
    """A connection by entry, user and scope; made once."""
    made: dict[tuple[str, str, str | None], Any] = {}
    lock = threading.Lock()

    def connection(at: str, user: str, scope: str | None) -> Any:
        with lock:
            if (at, user, scope) not in made:
                made[at, user, scope] = cloud.connection(at, user, scope)
            return made[at, user, scope]

    yield connection
    for one in made.values():
        one.close()


@contextmanager
def _with_needs(row: Row, cell: Cell) -> Iterator[Cell]:
    """The cell with what the row needs; that is gone afterwards."""
    with ExitStack() as stack:
        for needed in (one for one in ROWS if one.service == row.service and one.what in row.needs):
            item = needed.create(cell)
            stack.callback(needed.delete, cell, item)
            cell = replace(cell, made={**cell.made, needed.what: item})
        yield cell


def _use(row: Row, cell: Cell, at_the_site: Any, at_the_entry: Any | None, deeds: Sequence[Deed]) -> None:
    """`at_the_site`, `at_the_entry`: unscoped connections; None for an entry that is the site."""
    there = replace(cell, conn=at_the_site)
    with _with_needs(row, cell) as cell:
        item = row.create(cell)
        assert row.id(item) in {row.id(one) for one in row.listed(cell)}
        if row.change:
            row.update(cell, item)
        found = row.get(there, item)
        assert row.id(found) == row.id(row.get(cell, item)) == row.id(item)
        assert {key: getattr(found, key) for key in row.change} == row.change
        if at_the_entry is not None and row.key != "id":
            # An id is unique of itself; a name is not.
            with pytest.raises(exceptions.NotFoundException):
                row.get(replace(cell, conn=at_the_entry), item)
        for deed in deeds:
            deed(cell, item)
        row.delete(cell, item)
        with pytest.raises(exceptions.NotFoundException):
            row.get(there, item)


BOTH, REAL_ONLY = ([row for row in ROWS if row.real_only is only] for only in (False, True))


@pytest.fixture
def rounds(request: pytest.FixtureRequest, row: Row) -> Sequence[int]:
    """How many sites further round each entry uses the row's kind: three rounds are all entries with all sites.

    A service's first kind goes all of them, or every kind by --matrix; the others go one round, to another site, and in
    turn to the one or the other.
    """
    number = [one for one in ROWS if one.service == row.service].index(row)
    whole = number == 0 or request.config.getoption("matrix", None)
    return range(len(SITES)) if whole else [1 + number % (len(SITES) - 1)]


@pytest.mark.parametrize("row", BOTH, ids=str)
def test_each_kind_is_used_at_each_site_from_each_entry(
    cloud: Cloud, connect: Connect, row: Row, rounds: Sequence[int]
) -> None:
    _use_everywhere(cloud, connect, row, rounds)


@pytest.mark.real_only(
    "no metadata definitions, server groups, host aggregates, providers of one's own, traits, classes"
)
@pytest.mark.parametrize("row", REAL_ONLY, ids=str)
def test_so_is_what_real_services_have_beside(cloud: Cloud, connect: Connect, row: Row, rounds: Sequence[int]) -> None:
    _use_everywhere(cloud, connect, row, rounds)


def _use_everywhere(cloud: Cloud, connect: Connect, row: Row, rounds: Sequence[int]) -> None:
    if row.extension and not connect("Paris", "alice", None).network.find_extension(row.extension):
        pytest.skip(f"this neutron has no {row.extension}")
    wide = "{keystone: SITE}" if row.service == "identity" else WIDE

    def use(entry: str, site: str, deeds: Sequence[Deed]) -> None:
        conn = connect(entry, row.user, wide.replace("SITE", site))
        name = f"{'CUSTOM_' if row.service == 'placement' else ''}{uuid.uuid4().hex.upper()}"
        local = None if entry == site else connect(entry, row.user, None)
        try:
            with scoped(conn, row.scope_at(site)):
                _use(row, Cell(conn, site, name), connect(site, row.user, None), local, deeds)
        except BaseException as error:
            error.add_note(f"{row} at {site}, from {entry}")
            raise

    for steps in rounds:
        # What else can be done is tried once for each entry, at another site.
        deeds = row.deeds if steps == max(rounds) else ()
        # All entries at once, each at a site of its own: on sqlite, services do not bear two writers.
        with ThreadPoolExecutor(len(SITES)) as pool:
            for _ in pool.map(use, SITES, [beyond(entry, steps) for entry in SITES], [deeds] * len(SITES)):
                pass


def beyond(entry: str, steps: int) -> str:
    """The site so many steps further round."""
    return SITES[(SITES.index(entry) + steps) % len(SITES)]
