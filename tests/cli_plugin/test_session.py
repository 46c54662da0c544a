"""set_scope and scoped, on real keystoneauth1 sessions and the real requests they send."""

import os
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
import scopeproxy.osc
from keystoneauth1.identity import v3
from keystoneauth1.session import Session
from scopeproxy.osc import Options, scope_of, scoped, set_scope

from scopeproxy.errors import ScopeError
from scopeproxy.lang.parser import parse


@pytest.fixture
def session(cloud: Any) -> Iterator[Session]:
    domain = {"user_domain_id": "default", "project_domain_id": "default"}
    login = v3.Password(f"{cloud.url}/identity/v3", username="demo", password="secret", project_name="demo", **domain)
    session = Session(auth=login)
    yield session
    session.session.close()


def list_servers(session: Session) -> None:
    session.get("/servers/detail", endpoint_filter={"service_type": "compute"})


def test_every_request_of_the_session_carries_the_scope(cloud: Any, session: Session) -> None:
    set_scope(session, "nova: Paris, glance: Corte")
    list_servers(session)
    assert len(cloud.asked) > 1
    assert cloud.scopes == {"{compute: Paris, image: Corte}"}
    cloud.forget()
    set_scope(session, None)
    list_servers(session)
    assert cloud.scopes == {None}


class Connection:
    def __init__(self, session: Session) -> None:
        self.session = session


@pytest.mark.parametrize("scope", ["{nova: Paris}", {"nova": "Paris"}, ["nova:Paris"], parse("{nova: Paris}")])
def test_any_form_of_scope_on_connection_or_session(session: Session, scope: Any) -> None:
    set_scope(Connection(session), scope)
    assert str(scope_of(session)) == str(scope_of(Connection(session))) == "{compute: Paris}"


def test_scoped_puts_back_what_was_in_force(session: Session) -> None:
    set_scope(session, "nova: Paris", Options(strict=True))
    before = dict(session.additional_headers)
    with scoped(session, "nova: Corte", Options(on_partial="keep", timeout=5)) as same:
        assert same is session
        assert session.additional_headers["X-Scope"] == "{compute: Corte}"
        assert session.additional_headers["X-Scope-Options"] == "on-partial=keep, timeout=5s"
    assert session.additional_headers == before
    with scoped(session, None):
        assert session.additional_headers == {}
    assert session.additional_headers == before


def test_the_empty_scope_is_no_scope(session: Session) -> None:
    set_scope(session, "nova: Paris", Options(strict=True))
    set_scope(session, "{}")
    assert session.additional_headers == {}


def test_a_wrong_scope_leaves_the_session_as_it_was(session: Session) -> None:
    set_scope(session, "nova: Paris")
    with pytest.raises(ScopeError):
        set_scope(session, "nova: Paris&")
    assert str(scope_of(session)) == "{compute: Paris}"


def test_a_scope_that_moves_keystone_logs_in_again(cloud: Any, session: Session) -> None:
    """A token that another site's keystone gave is none here."""

    def logins() -> int:
        cloud.forget()
        list_servers(session)
        return sum(asked.method == "POST" for asked in cloud.asked)

    assert logins() == 1
    set_scope(session, "nova: Paris")
    assert logins() == 0
    with scoped(session, "*: Corte"):
        assert logins() == 1
        set_scope(session, "keystone: Corte, nova: Paris")
        assert logins() == 0
    assert logins() == 1


def test_names_beyond_ascii_travel_percent_encoded(cloud: Any, session: Session) -> None:
    set_scope(session, {"nova": '"Saint-Étienne"'})
    list_servers(session)
    (header,) = cloud.scopes
    assert header.isascii()
    assert "%C3%89" in header


def test_without_an_auth_plugin_there_is_nothing_to_log_in_again() -> None:
    session = Session()
    set_scope(session, "*: Corte")
    assert str(scope_of(session)) == "{*: Corte}"


def test_the_package_exports_what_programs_need() -> None:
    assert set(scopeproxy.osc.__all__) == {"Options", "scope_of", "scoped", "set_scope", "site_of"}
    assert pathlib.Path(os.fspath(scopeproxy.osc.__file__)).parent.name == "cli_plugin"
