"""Every client shows our message, whichever service it thought it was talking to."""

from __future__ import annotations

import json

import pytest
import requests
from keystoneauth1 import exceptions as keystoneauth
from openstack import exceptions as sdk

from scopeproxy.model.services import SERVICES
from scopeproxy.planning.faults import FAULTS, fault

MESSAGE = "scope: Corte & Marseille were not asked: 'connection refused'"


def answer(service: str, status: int, message: str = MESSAGE, shape: str | None = None) -> requests.Response:
    headers, body = fault(service, status, message, "req-1", shape)
    response = requests.Response()
    response.status_code, response.reason, response._content = status, "Some Reason", body
    response.headers.update(headers)
    response.url = "http://127.0.0.1/"
    response.request = requests.Request("GET", response.url).prepare()
    return response


# python-openstackclient shows placement's errors by keystoneauth: the SDK does not look into "errors".
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 501, 502, 503, 504, 508])
@pytest.mark.parametrize("service", [*sorted(SERVICES.keys() - {"placement"}), "docs"])
def test_openstacksdk_shows_the_message(service: str, status: int) -> None:
    with pytest.raises(sdk.HttpException) as raised:
        sdk.raise_from_response(answer(service, status))
    assert MESSAGE in str(raised.value)
    assert raised.value.request_id == "req-1"


@pytest.mark.parametrize("service", ["identity", "image", "docs"])
def test_keystoneauth_shows_the_message(service: str) -> None:
    error = keystoneauth.from_response(answer(service, 503), "GET", "/")
    assert MESSAGE in str(error)


def test_placements_detail_is_the_message() -> None:
    error = keystoneauth.from_response(answer("placement", 404), "GET", "/")
    assert (error.details, error.message) == (MESSAGE, "Not Found (HTTP 404) (Request-ID: req-1)")


def test_glanceclient_finds_a_message_in_every_value() -> None:
    # glanceclient.exc.from_response: '\n'.join(obj.get('message') for obj in response.json().values())
    assert [value.get("message") for value in answer("image", 400).json().values()] == [MESSAGE]


@pytest.mark.parametrize(
    ("status", "key"), [(400, "badRequest"), (404, "itemNotFound"), (502, "computeFault"), (503, "serviceUnavailable")]
)
def test_nova_names_a_fault_by_its_status(status: int, key: str) -> None:
    assert answer("compute", status).json() == {key: {"code": status, "message": MESSAGE}}


def test_an_application_of_ones_own_gets_plain_json_or_the_shape_it_asked_for() -> None:
    assert answer("docs", 400).json() == {"error": {"status": 400, "message": MESSAGE}}
    assert set(answer("docs", 400, shape="neutron").json()) == {"NeutronError"}
    assert set(answer("docs", 400, shape="no such shape").json()) == {"error"}


def test_every_row_of_the_services_names_a_shape_that_exists() -> None:
    assert {row.fault for row in SERVICES.values()} <= set(FAULTS)


@pytest.mark.parametrize("shape", sorted(FAULTS))
def test_headers_fit_the_body_and_nothing_in_a_message_is_markup(shape: str) -> None:
    headers, body = fault("any", 299, '<script>\n"é"', None, shape)
    assert dict(headers)["Content-Length"] == str(len(body))
    assert "X-OpenStack-Request-ID" not in dict(headers)
    if dict(headers)["Content-Type"] == "application/json":
        json.loads(body)
    else:
        assert b"<script>" not in body
