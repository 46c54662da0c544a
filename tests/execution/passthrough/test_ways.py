"""Where calls go is found once, and kept within bounds."""

from __future__ import annotations

from scopeproxy.execution.metrics import Metrics
from scopeproxy.execution.passthrough import ways
from scopeproxy.execution.passthrough.tally import Tally
from scopeproxy.execution.passthrough.ways import Ways
from scopeproxy.model.topology import Address, Url

KEYSTONE = Url("http", Address("127.0.0.1", 5000), "/identity")


def made(asked=None):
    def enter(target):
        if asked is not None:
            asked.append(target)
        return None if target.startswith("/none") else ("identity", target)

    return Ways(enter, {"identity": KEYSTONE}, Tally(Metrics("Paris"), "Paris"))


def test_a_way_tells_service_target_and_intent():
    way = made().find(b"GET", b"/v3/users?name=a")
    assert (way.service, way.origin, way.target) == ("identity", "http://127.0.0.1:5000", b"/identity/v3/users?name=a")
    assert (way.path, way.intent) == ("/v3/users", "list")
    assert (way.method, way.first) == (b"GET", b"GET /identity/v3/users?name=a HTTP/1.1\r\n")


def test_what_nobody_serves_and_what_is_about_tokens_has_no_way():
    found = made()
    assert found.find(b"GET", b"/none") is None
    assert found.find(b"POST", b"/v3/auth/tokens") is None
    assert found.find(b"GET", b"/v3/users") is not None
    other = Ways(lambda target: ("compute", target), {}, Tally(Metrics("Paris"), "Paris"))
    assert other.find(b"GET", b"/servers") is None


def test_a_target_is_looked_up_once_unless_it_is_long():
    asked = []
    found = made(asked)
    assert found.find(b"GET", b"/a") is found.find(b"GET", b"/a")
    assert found.find(b"GET", b"/none") is found.find(b"GET", b"/none")
    assert asked == ["/a", "/none"]
    assert found.known == {b"GET /a HTTP/1.1": found.find(b"GET", b"/a"), b"GET /none HTTP/1.1": None}
    assert found.find(b"GET", b"/a", upgrades=True).intent == "console"
    long = b"/" + b"a" * 600
    assert found.find(b"GET", long) == found.find(b"GET", long)
    assert len(asked) == 5


def test_what_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(ways, "_KEPT", 3)
    asked = []
    found = made(asked)
    for number in range(10):
        found.find(b"GET", b"/%d" % number)
    assert len(found.known) == 3
    found.find(b"GET", b"/9")
    found.find(b"GET", b"/0")
    assert asked[10:] == ["/0"]
