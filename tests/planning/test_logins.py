"""The same login told for another site: by names, for every kind of login."""

from __future__ import annotations

from typing import Any

import pytest

from scopeproxy.model.identity import Identity, Token
from scopeproxy.planning.logins import NotReplayable, elsewhere, identity_of, methods_of, names_ids, refusal, seconds

USER = {"id": "u1", "name": "alice", "domain": {"id": "d1", "name": "Users"}}
PROJECT = {"id": "p1", "name": "demo", "domain": {"id": "d2", "name": "Projects"}}
ALICE = {"name": "alice", "domain": {"name": "Users"}}
DEMO = {"name": "demo", "domain": {"name": "Projects"}}


def said(**more: Any) -> dict[str, Any]:
    return {"token": {"user": USER, "expires_at": "2030-01-02T03:04:05.000000Z", **more}}


def password(user: dict[str, Any], scope: Any = None) -> dict[str, Any]:
    auth = {"identity": {"methods": ["password"], "password": {"user": {**user, "password": "s3cret"}}}}
    return {"auth": auth if scope is None else {**auth, "scope": scope}}


def by_token(scope: Any = None) -> dict[str, Any]:
    auth = {"identity": {"methods": ["token"], "token": {"id": "t"}}}
    return {"auth": auth if scope is None else {**auth, "scope": scope}}


def by_credential(**credential: Any) -> dict[str, Any]:
    identity = {"methods": ["application_credential"], "application_credential": {"secret": "s3cret", **credential}}
    return {"auth": {"identity": identity}}


REPLAYED = {
    "auth": {
        "identity": {"methods": ["password"], "password": {"user": {**ALICE, "password": "s3cret"}}},
        "scope": {"project": DEMO},
    }
}


@pytest.mark.parametrize(
    "body",
    [
        password({"id": "u1"}, {"project": {"id": "p1"}}),
        password({"name": "alice", "domain": {"id": "d1"}}, {"project": {"name": "demo", "domain": {"id": "d2"}}}),
        password({"name": "alice", "domain": {"name": "Users"}}),
    ],
)
def test_a_password_goes_with_the_names_of_the_first_answer(body: dict[str, Any]) -> None:
    assert elsewhere(body, said(project=PROJECT), None) == REPLAYED


@pytest.mark.parametrize(
    ("answer", "scope"),
    [
        (said(), "unscoped"),
        (said(domain={"id": "d1", "name": "Users"}), {"domain": {"name": "Users"}}),
        (said(system={"all": True}), {"system": {"all": True}}),
    ],
)
def test_the_scope_is_that_of_the_first_answer(answer: dict[str, Any], scope: Any) -> None:
    assert elsewhere(password({"id": "u1"}), answer, None)["auth"]["scope"] == scope


def test_a_login_by_token_starts_from_the_sites_own_token() -> None:
    replayed = elsewhere(by_token({"project": {"id": "p1"}}), said(project=PROJECT), Token("theirs"))["auth"]
    assert replayed == {"identity": {"methods": ["token"], "token": {"id": "theirs"}}, "scope": {"project": DEMO}}


def test_a_login_by_a_token_that_is_not_known_there_is_not_replayed() -> None:
    with pytest.raises(NotReplayable, match="was not logged in there"):
        elsewhere(by_token(), said(), None)


@pytest.mark.parametrize(
    ("body", "more"),
    [
        (by_credential(name="ci", user={"name": "alice", "domain": {"id": "d1"}}), {}),
        (by_credential(id="a1"), {"application_credential": {"id": "a1", "name": "ci"}}),
    ],
)
def test_an_application_credential_goes_by_its_name_and_user_and_without_a_scope(
    body: dict[str, Any], more: dict[str, Any]
) -> None:
    credential = {"name": "ci", "user": ALICE, "secret": "s3cret"}
    identity = {"methods": ["application_credential"], "application_credential": credential}
    assert elsewhere(body, said(project=PROJECT, **more), None) == {"auth": {"identity": identity}}


def test_an_application_credential_without_a_name_is_not_replayed() -> None:
    with pytest.raises(NotReplayable, match="no name"):
        elsewhere(by_credential(id="a1"), said(), None)


@pytest.mark.parametrize("methods", [["password", "totp"], [], ["totp"], ["oauth1"], ["saml2"], ["mapped"]])
def test_logins_in_several_steps_and_federated_ones_are_not_replayed(methods: list[str]) -> None:
    with pytest.raises(NotReplayable):
        elsewhere({"auth": {"identity": {"methods": methods}}}, said(), None)


def test_a_trust_is_not_replayed_as_something_else() -> None:
    # The trustee was logged in at the other sites with whatever rights it had there.
    with pytest.raises(NotReplayable, match="trust"):
        elsewhere(password({"id": "u1"}, {"OS-TRUST:trust": {"id": "x"}}), said(project=PROJECT), None)


@pytest.mark.parametrize(
    "answer",
    [{"token": {"user": {"id": "u1"}}}, {"token": {"user": {"id": "u1", "name": "a"}}}, said(project={"id": "p1"})],
)
def test_an_answer_without_names_is_not_replayed(answer: dict[str, Any]) -> None:
    with pytest.raises(NotReplayable, match="names"):
        elsewhere(password({"id": "u1"}), answer, None)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (password({"id": "u1"}), True),
        (password({"name": "alice", "domain": {"id": "d1"}}), True),
        (password({"name": "alice", "domain": {"id": "default"}}), False),
        (password(ALICE, {"project": {"id": "p1"}}), True),
        (password(ALICE, {"project": {"name": "demo", "domain": {"id": "d2"}}}), True),
        (password(ALICE, {"domain": {"id": "d1"}}), True),
        (password(ALICE, {"project": DEMO}), False),
        (by_credential(id="a1"), True),
        (by_credential(name="ci", user={"id": "u1"}), True),
        (by_credential(name="ci", user=ALICE), False),
        (by_token("unscoped"), False),
        ({}, False),
    ],
)
def test_ids_mean_nothing_at_another_site(body: dict[str, Any], expected: bool) -> None:
    assert names_ids(body) is expected


def test_methods_are_told_in_order() -> None:
    assert methods_of({"auth": {"identity": {"methods": ["password", "totp"]}}}) == ("password", "totp")
    assert (methods_of({}), methods_of({"auth": {"identity": {"methods": "password"}}})) == ((), ())


def test_who_a_token_speaks_for() -> None:
    answer = said(project=PROJECT, roles=[{"id": "r", "name": "member"}])
    expires = seconds("2030-01-02T03:04:05Z")
    assert identity_of(answer) == Identity("u1", "p1", expires, frozenset({"member"}))
    unscoped = identity_of(said())
    assert unscoped is not None
    assert (unscoped.project_id, unscoped.roles) == (None, frozenset())


@pytest.mark.parametrize("roles", [None, 7, {"name": "member"}, [None, 7, "member"]])
def test_roles_that_are_no_list_of_roles_are_none(roles: object) -> None:
    who = identity_of(said(roles=roles))
    assert who is not None
    assert who.roles == frozenset()


@pytest.mark.parametrize("answer", [{}, {"token": "t"}, {"token": {"user": "alice"}}, {"error": {"code": 401}}])
def test_what_is_no_token_speaks_for_nobody(answer: dict[str, Any]) -> None:
    assert identity_of(answer) is None


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [("1970-01-01T00:01:00.000000Z", 60.0), ("1970-01-01T00:01:00Z", 60.0), ("soon", 0.0), ("", 0.0)],
)
def test_times_are_utc_and_what_is_none_has_passed(timestamp: str, expected: float) -> None:
    assert seconds(timestamp) == expected


@pytest.mark.parametrize(
    ("body", "answer", "told"),
    [
        (
            password(USER),
            said(project=PROJECT),
            "its keystone refused user 'alice' of domain 'Users' in project 'demo' of domain 'Projects' (HTTP 401: no)"
            ": user, password and project must be the same there, by name",
        ),
        (
            password(USER),
            said(user={**USER, "domain": {"id": "default", "name": "Default"}}),
            "its keystone refused user 'alice' (HTTP 401: no): user and password must be the same there, by name",
        ),
        (
            by_token(),
            said(project=PROJECT),
            "its keystone refused the token of an earlier login in project 'demo' of domain 'Projects' (HTTP 401: no): "
            "user and project must be the same there, by name",
        ),
        (
            {"auth": {"identity": {"methods": ["application_credential"],
                                   "application_credential": {"id": "c1", "secret": "s3cret"}}}},
            said(application_credential={"name": "ci"}),
            "its keystone refused application credential 'ci' of user 'alice' of domain 'Users' (HTTP 401: no): "
            "the user, and the credential's name and secret, must be the same there, by name",
        ),
    ],
)  # fmt: skip
def test_a_refused_login_is_told_with_whose_it_was_and_what_must_be_the_same(
    body: dict[str, Any], answer: dict[str, Any], told: str
) -> None:
    """Keystone says one and the same to a wrong password, an unknown user and an unknown project."""
    assert refusal(elsewhere(body, answer, Token("gAAAA")), "HTTP 401: no.") == told
