"""The column Site, as `openstack` shows it; tests/whole/test_site_column.py has every list command."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from keystoneauth1.session import Session
from scopeproxy.osc.column import show_sites, with_sites
from scopeproxy.osc.results import Results, watch

SERVERS = [{"id": f"s{n}", "name": "vm", "scope_site": site} for n, site in enumerate(("Paris", "Corte"))]


def answer(
    url: str, document: Any, sites: str = "Paris=200, Corte=200", scope: str = "{*: all(*)}"
) -> requests.Response:
    response = requests.Response()
    response.status_code = 200
    response.url = url
    response._content = json.dumps(document).encode()
    response.headers.update({"Content-Type": "application/json", **({"X-Scope-Sites": sites} if sites else {})})
    response.request = requests.Request("GET", url, headers={"X-Scope": scope} if scope else {}).prepare()
    return response


def results(*answers: requests.Response) -> Results:
    kept = Results()
    kept.keep_answers()
    for one in answers:
        kept(one)
    return kept


def test_pages_are_one_list() -> None:
    pages = results(
        answer("http://n/v2.1/servers?limit=1", {"servers": SERVERS[:1]}),
        answer("http://n/v2.1/servers?limit=1&marker=s0", {"servers": SERVERS[1:]}),
    )
    columns, rows = with_sites(("ID", "Name"), iter([("s0", "vm"), ("s1", "vm")]), pages)
    assert (columns, list(rows)) == (("ID", "Name", "Site"), [("s0", "vm", "Paris"), ("s1", "vm", "Corte")])


def test_rows_that_are_asked_for_while_they_are_shown() -> None:
    kept = results()

    def rows() -> Any:
        kept(answer("http://n/servers", {"servers": SERVERS}))
        yield ("s1", "vm")

    assert with_sites(["ID", "Name"], rows(), kept) == (("ID", "Name", "Site"), [("s1", "vm", "Corte")])


@pytest.mark.parametrize(
    "kept",
    [
        results(),
        results(answer("http://n/servers", {"servers": [{"id": "s1", "name": "vm"}]}, sites="Paris=200")),
        results(answer("http://n/servers", {"servers": [{"id": "s1", "name": "vm"}]}, sites="Paris=404, Corte=200")),
        results(answer("http://n/servers", {"servers": SERVERS}, scope="")),
    ],
)
def test_a_list_that_is_not_merged_stays_as_it_is(kept: Results) -> None:
    assert with_sites(("ID", "Name"), iter([("s1", "vm")]), kept) == (("ID", "Name"), [("s1", "vm")])


def test_an_empty_list_has_the_column_when_it_was_merged() -> None:
    merged = answer("http://n/servers", {"servers": []})
    single = answer("http://n/servers", {"servers": []}, sites="Paris=200")
    assert with_sites(("ID",), [], results(merged)) == (("ID", "Site"), [])
    assert with_sites(("ID",), [], results(merged, single)) == (("ID",), [])


class _Formatter:
    def emit_list(self, columns: Any, data: Any, stdout: list[Any], parsed_args: Any) -> None:
        stdout.append((columns, list(data)))


def shown(columns: tuple[str, ...], session: Session | None) -> tuple[Any, Any]:
    """What a list command of cliff's hands to its formatter."""
    from cliff.lister import Lister

    class Command(Lister):  # type: ignore[misc]
        def take_action(self, parsed_args: Any) -> Any:
            raise NotImplementedError

    manager = SimpleNamespace(session=session, _auth_setup_completed=session is not None)
    stdout: list[Any] = []
    app = SimpleNamespace(client_manager=manager, stdout=stdout, command_manager=SimpleNamespace(namespace="no.hooks"))
    command = Command(app, None)
    command.formatter = _Formatter()
    parsed = SimpleNamespace(sort_columns=["Site"], sort_direction="asc", columns=[])
    command.produce_output(parsed, columns, [("s0", "vm"), ("s1", "vm")])
    ((names, rows),) = stdout
    return tuple(names), rows


def test_every_list_command_goes_by_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from cliff.lister import Lister

    monkeypatch.setattr(Lister, "produce_output", Lister.produce_output)  # put back afterwards
    session = Session()
    show_sites(session)
    show_sites(session)
    watch(session)(answer("http://n/servers", {"servers": SERVERS}))
    assert shown(("ID", "Name"), session) == (("ID", "Name", "Site"), [("s1", "vm", "Corte"), ("s0", "vm", "Paris")])
    assert shown(("ID", "Site"), session)[0] == ("ID", "Site")
    session.session.close()  # as openstack does after each command
    assert shown(("ID", "Name"), session)[0] == ("ID", "Name")
    assert shown(("ID", "Name"), None)[0] == shown(("ID", "Name"), Session())[0] == ("ID", "Name")
