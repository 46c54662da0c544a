"""Error bodies in the shape of the service that was called, so that every client shows the message.

A row for each shape; which service has which is told in model/services.py, and for a service of the deployment's own
in the topology.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from scopeproxy.model.messages import Headers
from scopeproxy.model.services import row


@dataclass(frozen=True, slots=True)
class Fault:
    """What an error body is made of."""

    status: int
    message: str
    request_id: str | None = None

    @property
    def title(self) -> str:
        try:
            return HTTPStatus(self.status).phrase
        except ValueError:
            return "Error"


_NOVA = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    415: "badMediaType",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}


def _nova(fault: Fault) -> Mapping[str, Any]:
    return {_NOVA.get(fault.status, "computeFault"): {"code": fault.status, "message": fault.message}}


def _keystone(fault: Fault) -> Mapping[str, Any]:
    return {"error": {"code": fault.status, "message": fault.message, "title": fault.title}}


def _neutron(fault: Fault) -> Mapping[str, Any]:
    return {"NeutronError": {"type": fault.title.replace(" ", ""), "message": fault.message, "detail": ""}}


def _glance(fault: Fault) -> Mapping[str, Any]:
    # Glance itself answers HTML, or these three at the top level.  glanceclient dies on the latter (it calls `.get` on
    # every value) and HTML loses line breaks; one level deeper, every client shows the message.
    return {"error": {"message": fault.message, "code": f"{fault.status} {fault.title}", "title": fault.title}}


def _placement(fault: Fault) -> Mapping[str, Any]:
    error = {"status": fault.status, "title": fault.title, "detail": fault.message, "code": "placement.undefined_code"}
    return {"errors": [error if fault.request_id is None else {**error, "request_id": fault.request_id}]}


def _heat(fault: Fault) -> Mapping[str, Any]:
    error = {"message": fault.message, "traceback": None, "type": fault.title.replace(" ", "")}
    return {"code": fault.status, "title": fault.title, "explanation": fault.message, "error": error}


def _octavia(fault: Fault) -> Mapping[str, Any]:
    return {"faultcode": "Client" if fault.status < 500 else "Server", "faultstring": fault.message, "debuginfo": None}


def _plain(fault: Fault) -> Mapping[str, Any]:
    return {"error": {"status": fault.status, "message": fault.message}}


def _swift(fault: Fault) -> str:
    # Without < and > nothing in it is markup; `&` stays, because clients show the text as it is.
    message = fault.message.replace("<", "&lt;").replace(">", "&gt;")
    return f"<html><h1>{fault.title}</h1><p>{message}</p></html>"


FAULTS: Mapping[str, Callable[[Fault], Mapping[str, Any] | str]] = {
    "nova": _nova,
    "keystone": _keystone,
    "neutron": _neutron,
    "glance": _glance,
    "placement": _placement,
    "swift": _swift,
    "heat": _heat,
    "octavia": _octavia,
    "plain": _plain,
}


def fault(
    service: str, status: int, message: str, request_id: str | None = None, shape: str | None = None
) -> tuple[Headers, bytes]:
    """The headers and the body of an error of ours.  `shape`: a key of FAULTS, instead of the service's own."""
    made = FAULTS.get(shape or row(service).fault, _plain)(Fault(status, message, request_id))
    if isinstance(made, str):
        content_type, body = "text/html; charset=UTF-8", made.encode()
    else:
        content_type, body = "application/json", json.dumps(made).encode()
    headers: Headers = (("Content-Type", content_type), ("Content-Length", str(len(body))))
    return (headers if request_id is None else (*headers, ("X-OpenStack-Request-ID", request_id))), body
