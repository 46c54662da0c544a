"""Whatever goes wrong is told in the service's own shape, and nothing of it that is secret."""

from __future__ import annotations

import asyncio

import pytest

from scopeproxy.errors import CallerError, ScopeProxyError, SiteFailure, TooLarge
from scopeproxy.execution.telling import mistake_of


def test_a_mistake_is_told_as_it_is_also_out_of_a_group():
    mistake = TooLarge("too large")
    assert mistake_of(mistake, "r") is mistake
    assert mistake_of(ExceptionGroup("g", [KeyError("x"), ExceptionGroup("h", [mistake])]), "r") is mistake


def test_a_client_that_breaks_off_is_told_that_it_did():
    told = mistake_of(ConnectionError("the client broke off in its body"), "r")
    assert isinstance(told, CallerError)
    assert "broke off" in str(told)


def test_a_bug_of_ours_is_a_plain_500_and_only_its_frames_are_logged(heard):
    try:
        raise KeyError("gAAAA-a-token")
    except KeyError as bug:
        told = mistake_of(bug, "req-1")
    assert (type(told), told.status) == (ScopeProxyError, 500)
    assert "req-1" in str(told)
    (line,) = heard.errors
    assert "KeyError" in line
    assert "test_telling.py" in line
    assert "gAAAA" not in line.replace('raise KeyError("gAAAA-a-token")', "")


@pytest.mark.parametrize("scope", ["{}", "{nova: Paris&Corte}"])
async def test_a_bug_reaches_the_client_as_a_fault_without_a_traceback(cloud, heard, scope, monkeypatch):
    token = await cloud.token("{nova: Paris&Corte}")

    async def broken(self, *args):
        raise RuntimeError("with a secret")

    monkeypatch.setattr("scopeproxy.execution.delivery.Delivery.deliver", broken)
    answer = await cloud.call("Paris", "compute", "GET", "/v2.1/servers", scope=scope, token=token)
    monkeypatch.undo()
    assert answer.status == 500
    assert "an error of this proxy's own" in answer.json["computeFault"]["message"]
    assert b"secret" not in answer.body
    assert heard.errors
    assert not [line for line in heard.errors if "with a secret" in line.replace('RuntimeError("with a secret")', "")]
    heard.errors.clear()


@pytest.mark.parametrize(
    ("service", "path", "message"),
    [
        ("compute", "/v2.1/servers", ("badRequest", "message")),
        ("identity", "/v3/users", ("error", "message")),
        ("network", "/v2.0/networks", ("NeutronError", "message")),
        ("image", "/v2/images", ("error", "message")),
    ],
)
async def test_a_scope_that_is_wrong_is_told_in_the_services_shape_and_nothing_is_sent(cloud, service, path, message):
    token = await cloud.token()
    mark = cloud.mark()
    answer = await cloud.call("Paris", service, "GET", path, scope="{nova: Pari", token=token)
    told = answer.json
    for key in message:
        told = told[key]
    assert answer.status == 400
    assert told.startswith("scope:")
    assert cloud.seen(mark) == []


async def test_a_head_that_is_refused_has_no_body(cloud):
    for _ in range(2):
        answer = await cloud.call("Paris", "image", "HEAD", "/v2/images", scope="{nova: Pari")
        assert (answer.status, answer.body) == (400, b"")


async def test_an_unscoped_answer_carries_nothing_of_ours(cloud):
    token = await cloud.token()
    for service, path in (("compute", "/v2.1/servers"), ("image", "/v2/images"), ("identity", "/v3/auth/projects")):
        answer = await cloud.call("Paris", service, "GET", path, token=token)
        assert answer.status == 200
        assert not [name for name in answer.headers if name.startswith("x-scope")]


async def test_an_own_service_that_is_down_is_a_clear_502(cloud):
    token = await cloud.token()
    await cloud.emulated.site("Paris").misbehave("image", "refuse")
    answer = await cloud.call("Paris", "image", "GET", "/v2/images", token=token)
    assert answer.status == 502
    assert "no connection to" in answer.json["error"]["message"]
    await cloud.emulated.site("Paris").misbehave("image", "garbage")
    assert (await cloud.call("Paris", "image", "GET", "/v2/images", token=token)).status == 504


async def test_a_client_that_leaves_in_its_body_is_no_error_of_ours(cloud):
    token = await cloud.token("{nova: Paris&Corte}")
    host, _, port = cloud.emulated.site("Paris").fronts["compute"].removeprefix("http://").partition(":")
    head = (
        "POST /v2.1/servers HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
        f"X-Scope: {{nova: Paris&Corte}}\r\nX-Auth-Token: {token}\r\n\r\n{{"
    )
    mark = cloud.mark()
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(head.encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    records = cloud.apps["Paris"].lasting.records
    while not [r for r in records.last() if r.service == "compute"]:
        await asyncio.sleep(0)
    assert "broke off" in next(r.error for r in records.last() if r.service == "compute")
    assert cloud.seen(mark, "nova") == []


def test_failures_have_their_status():
    assert mistake_of(SiteFailure("x", 504), "r").status == 504


async def test_whoever_made_a_call_may_read_its_report_by_the_id_in_its_answer(cloud):
    token = await cloud.token(scope="{nova: Paris}")
    own = await cloud.call("Paris", "compute", "GET", "/v2.1/servers", scope="{nova: Paris}", token=token)
    page = f"/.well-known/scopeproxy/requests/{own.headers['x-scope-request-id']}"
    report = await cloud.call("Paris", "compute", "GET", page, token=token)
    assert (report.status, report.json["plan"], report.json["sites"]) == (200, "Paris", {"Paris": "200"})


async def test_a_failure_says_that_it_is_told_by_the_scope(cloud):
    token = await cloud.token(scope="{glance: Corte}")
    cloud.emulated.links.cut("Paris", "Corte")
    gone = await cloud.call("Paris", "image", "GET", "/v2/images", scope="{glance: Corte}", token=token)
    assert gone.status == 502
    assert gone.json["error"]["message"].startswith("scope: Corte: no connection")
