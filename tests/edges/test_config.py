"""From a file to a topology: what is read, what is refused, and that every mistake is told at once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from scopeproxy.edges.config import load, own_site, parse_topology
from scopeproxy.edges.settings import KEYS, PROXY_KEYS
from scopeproxy.errors import ConfigurationError
from scopeproxy.model.topology import Account, Address, HomeRules, LinkConstraint, OwnService, Topology, Url

EXAMPLES = Path(__file__).parents[2] / "examples" / "topologies"
SITES = """\
sites:
  Paris:
    labels: {country: France}
    services:
      keystone: {front: "http://127.0.1.1:5000", back: "http://127.0.1.1:15000"}
      nova: {front: "http://127.0.1.1/compute", back: "http://127.0.1.1:18080/compute"}
  Corte:
    region: corsica-1
    services:
      image: {front: "http://127.0.2.1:9292", listen: "127.0.0.1:18080"}
"""


def parsed(text: str) -> Topology:
    return parse_topology(text, "sites.yaml", Path("/etc/scopeproxy"))


def mistakes(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as error:
        parsed(text)
    return error.value.mistakes


def test_sites_are_read() -> None:
    topology = parsed(SITES)
    assert list(topology.sites) == ["Paris", "Corte"]
    paris, corte = topology
    assert (paris.region, corte.region) == ("Paris", "corsica-1")
    assert list(paris.services) == ["identity", "compute"]
    assert str(paris.services["compute"].front) == "http://127.0.1.1/compute"
    assert paris.services["compute"].back == Url("http", Address("127.0.1.1", 18080), "/compute")
    assert corte.services["image"].back is None
    assert corte.services["image"].socket == Address("127.0.0.1", 18080)
    assert topology.group("France") == ("Paris",)


def test_whatever_is_left_out_has_its_default() -> None:
    settings = parsed(SITES).sites["Paris"].proxy
    assert settings.state == "sqlite:////var/lib/scopeproxy/Paris.db"
    assert (settings.key, settings.peer_key) == (None, "/etc/scopeproxy/sites.yaml.peer.key")
    assert settings.admin == Address("127.0.0.1", 9901)
    assert (settings.catalog, settings.partial, settings.insecure) == ("rewrite", "undo", False)
    assert settings.tokens == ("login", "shared", "federated", "home")
    assert (settings.timeouts.connect, settings.timeouts.answer, settings.timeouts.total) == (2, 60, 120)
    assert (settings.limits.header, settings.limits.buffered_body) == (65536, 1 << 20)
    assert (settings.validated_within, settings.trust) == (60, ("*",))
    assert settings.credentials.password_to is None


EVERYTHING = (
    SITES
    + """\
    shares: {network: [], identity: [Paris]}
    proxy: {admin: none, timeouts: {answer: 5m}, routes: {"127.0.1.1:80": "127.0.0.1:40001"}, insecure: true}
rtt: [{between: [Paris, Corte], rtt: 15ms}]
services:
  docs: {fault: glance}
  wiki:
scopes:
  everywhere: "nova: all(*)"
  plain: {nova: Paris&Corte}
  both: {scope: {nova: Paris&Corte}, region: Both}
  one: {scope: "nova: Paris"}
network_constraints: [{src: Paris, dst: Corte, delay: 15ms, rate: 1Gbit, loss: 1%, symmetric: false}]
proxy:
  state: "sqlite:///state/{site}.db?timeout=3"
  spool: "{site}.data"
  key: "{site}.key"
  peer_key: /run/peer.key
  peer_keys: {Corte: corte.key}
  admin: "[::1]:9901"
  catalog: keep
  partial: queue
  timeouts: {connect: 500ms}
  limits: {header: 8KiB, buffered_body: 2MiB, spooled_body: 1GiB, merged_body: 3MiB, fan_out: 3, connections: 10,
           requests: 7, site_connections: 9, journal_data: 2GiB}
  quota_moves_on: true
  tokens: [home, account]
  validated_within: 0
  trust: [Paris]
  homes: {Corte: {roles: {admin: reader}, projects: {demo: dev}}, "*": {users: {alice: bob}}}
  accounts: {Corte: [{role: member, user: paris, password: corte.pw, projects: {demo: guests}, domain: ours}]}
  credentials: {password_to: [Paris], token_to: ["*"]}
  trusted_proxies: [10.0.0.0/8, "::1"]
  tls: {certificate: front.pem, key: front.key, peers: /etc/ssl/peers.pem}
  routes: {"127.0.2.1:9292": "[::1]:40002"}
  passthrough: false
"""
)


def test_every_key_is_read() -> None:
    topology = parsed(EVERYTHING)
    assert topology.rtt == {("Corte", "Paris"): 0.015}
    assert topology.own_services == {"docs": OwnService("docs", "glance"), "wiki": OwnService("wiki")}
    two = '{"nova": "Paris&Corte"}'
    assert topology.scopes == {"everywhere": "nova: all(*)", "plain": two, "both": two, "one": "nova: Paris"}
    assert topology.regions == {"both": "Both"}
    assert topology.links == (LinkConstraint("Paris", "Corte", 0.015, 125_000_000.0, 0.01, False),)
    assert topology.shared("identity", "Paris", "Corte")
    paris = topology.sites["Paris"].proxy
    assert paris.state == "sqlite:////etc/scopeproxy/state/Paris.db?timeout=3"
    assert (paris.key, paris.peer_key) == ("/etc/scopeproxy/Paris.key", "/run/peer.key")
    assert (paris.spool, paris.limits.journal_data) == ("/etc/scopeproxy/Paris.data", 2 << 30)
    assert paris.peer_keys == {"Corte": "/etc/scopeproxy/corte.key"}
    assert (paris.catalog, paris.partial, paris.quota_moves_on) == ("keep", "queue", True)
    assert (paris.limits.header, paris.limits.buffered_body, paris.limits.spooled_body) == (8192, 2 << 20, 1 << 30)
    assert (paris.limits.merged_body, paris.limits.fan_out, paris.limits.connections) == (3 << 20, 3, 10)
    assert paris.limits.site_connections == 9
    assert paris.limits.requests == 7
    assert (paris.tokens, paris.validated_within, paris.trust) == (("home", "account"), 0, ("Paris",))
    assert paris.rules_for("Corte") == HomeRules({"admin": "reader"}, {"demo": "dev"})
    assert paris.rules_for("Nice").roles == {"member": "member", "reader": "reader"}
    assert paris.rules_for("Nice").users == {"alice": "bob"}
    account = Account("member", "paris", "/etc/scopeproxy/corte.pw", {"demo": "guests"}, "ours")
    assert paris.accounts == {"Corte": (account,)}
    assert (paris.credentials.password_to, paris.credentials.token_to) == (("Paris",), ("*",))
    assert paris.trusted_proxies == ("10.0.0.0/8", "::1/128")
    assert (paris.tls.certificate, paris.tls.peers) == ("/etc/scopeproxy/front.pem", "/etc/ssl/peers.pem")


def test_every_key_of_the_tables_is_in_that_test() -> None:
    document = yaml.safe_load(EVERYTHING)
    assert set(document) == set(KEYS)
    assert set(document["proxy"]) | {"insecure"} == set(PROXY_KEYS)


def test_a_site_overrides_the_defaults_key_by_key() -> None:
    topology = parsed(EVERYTHING)
    paris, corte = (topology.sites[name].proxy for name in ("Paris", "Corte"))
    assert (paris.admin, corte.admin) == (Address("::1", 9901), None)
    assert (paris.insecure, corte.insecure) == (False, True)
    assert (paris.timeouts.connect, paris.timeouts.answer) == (0.5, 60)
    assert (corte.timeouts.connect, corte.timeouts.answer) == (0.5, 300)
    assert not paris.passthrough
    assert dict(paris.routes) == {Address("127.0.2.1", 9292): Address("::1", 40002)}
    assert dict(corte.routes) == {**paris.routes, Address("127.0.1.1", 80): Address("127.0.0.1", 40001)}


def test_a_services_own_name_is_a_service() -> None:
    topology = parsed('services: {docs: }\nsites: {A: {services: {docs: {front: "http://127.0.0.1:1"}}}}')
    assert list(topology.sites["A"].services) == ["docs"]


def test_scalars_are_text_so_that_norway_stays_norway() -> None:
    text = 'sites: {NO: {labels: {rack: 1:30}, services: {nova: {front: "http://127.0.0.1:1"}}}, 2026-01-01: &a {%s}}'
    topology = parsed(text % 'services: {nova: {front: "http://127.0.0.1:2"}}')
    assert list(topology.sites) == ["NO", "2026-01-01"]
    assert topology.group("1:30") == ("NO",)


def test_anchors_and_merges_work() -> None:
    topology = parsed(
        "proxy: &p {catalog: keep, partial: keep}\n"
        'sites: {A: {proxy: {<<: *p, partial: undo}, services: {nova: {front: "http://127.0.0.1:1"}}}}'
    )
    assert (topology.sites["A"].proxy.catalog, topology.sites["A"].proxy.partial) == ("keep", "undo")


BROKEN = {
    "": ["sites.yaml:1: the key 'sites' is missing"],
    "[]": ["sites.yaml:1: keys with values are expected, not a list"],
    "sites: }": ["sites.yaml:1: column 8: did not find expected node content"],
    "sites: !!python/name:os.system {}": [
        "sites.yaml:1: column 8: could not determine a constructor for the tag "
        "'tag:yaml.org,2002:python/name:os.system'"
    ],
    "sites: \x00": ["sites.yaml: is not YAML: unacceptable character #x0000: control characters are not allowed"],
    "[" * 100: ["sites.yaml:1: column 64: nested more than 64 levels deep"],
    "sites: {? [a] : b}": ["sites.yaml:1: column 11: found unhashable key"],
    "sites: {~: {}}": ["sites.yaml:1: sites: every key has to be text; put it in quotes"],
    "sites: {}": ["sites.yaml:1: sites: no site is in it"],
    SITES + "site: {}": ["sites.yaml:11: site: unknown key 'site'; did you mean 'sites'?"],
    SITES.replace("nova:", "nvoa:"): [
        "sites.yaml:6: sites.Paris.services.nvoa: unknown service 'nvoa'; did you mean 'nova'?"
    ],
    SITES.replace("nova:", '"*":'): ["sites.yaml:6: sites.Paris.services.*: unknown service '*'"],
    SITES.replace("nova:", "identity:"): [
        "sites.yaml:6: sites.Paris.services.identity: the same service as 'keystone': both are identity"
    ],
    SITES.replace("Corte", "Paris"): ["sites.yaml:7: sites.Paris: this key is here twice, first on line 2"],
    SITES.replace("Corte", '"a,b"'): [
        "sites.yaml:7: sites.a,b: 'a,b' cannot be a name: no ',', no '=', no space at its ends, "
        "and not '*', '.' or '..'"
    ],
    SITES + "  Void:\n    region: x": [
        "sites.yaml:11: sites.Void: the key 'services' is missing: a site has one service at least"
    ],
    SITES.replace('front: "http://127.0.1.1:5000", ', ""): [
        "sites.yaml:5: sites.Paris.services.keystone: the key 'front' is missing"
    ],
    SITES + "services: {glance: {}}": [
        "sites.yaml:11: services.glance: 'glance' is OpenStack's own name for image; name yours otherwise, "
        "or leave it out here"
    ],
    SITES + "services: {docs: {fault: plan}}": [
        "sites.yaml:11: services.docs.fault: unknown value 'plan'; did you mean 'plain'?"
    ],
    SITES + "rtt: [{between: [Paris, Cort], rtt: 1s}]": [
        "sites.yaml:11: rtt[0].between: unknown site 'Cort'; did you mean 'Corte'?"
    ],
    SITES + "rtt: [{between: [Paris, Paris], rtt: 1s}]": [
        "sites.yaml:11: rtt[0].between: two different sites are expected, such as [Paris, Corte]"
    ],
    SITES + "rtt:\n- {between: [Paris, Corte], rtt: 1s}\n- {between: [Corte, Paris], rtt: 2s}": [
        "sites.yaml:13: rtt[1]: the round trip of these two sites is here twice"
    ],
    SITES + "network_constraints: [{src: Paris, dst: Paris}]": [
        "sites.yaml:11: network_constraints[0]: a link leads from one site to another; 'src' and 'dst' are the same"
    ],
    SITES + "    shares: {netwrk: [Paris]}": [
        "sites.yaml:11: sites.Corte.shares.netwrk: unknown key 'netwrk'; did you mean 'network'?"
    ],
    SITES + "    shares: {network: [Corte]}": [
        "sites.yaml:11: sites.Corte.shares.network[0]: a site shares everything with itself: it need not be told"
    ],
    SITES + "scopes: {two: '{nova: Paris & Marseille}'}": [
        "sites.yaml:11: scopes.two: unknown site 'Marseille'; choose from Corte, Paris (line 1, column 16 of the scope)"
    ],
    SITES + "scopes: {two: {nova: []}}": [
        'sites.yaml:11: scopes.two: a scope is expected, in quotes, such as "{nova: Paris, glance: Corte}"'
    ],
    SITES + "scopes: {two: {scope: {nova: Paris}, regoin: Two}}": [
        "sites.yaml:11: scopes.two.regoin: unknown key 'regoin'; did you mean 'region'?"
    ],
    SITES + "scopes: {Paris: 'keystone: Paris', '..': 'keystone: Paris'}": [
        "sites.yaml:11: scopes.\"..\": '..' cannot be a name: no ',', no '=', no space at its ends, and not '*', '.' "
        "or '..'",
        "sites.yaml:11: scopes.Paris: 'Paris' is a site: a path that names it means that site, and not a scope",
    ],
    SITES + "scopes: {two: {scope: 'keystone: Paris', region: corsica-1}}": [
        "sites.yaml:11: scopes.two.region: 'corsica-1' is the region of Corte; "
        "a scope is offered as a region of its own"
    ],
    SITES + "proxy: {trust: [Rome]}": ["sites.yaml:11: proxy.trust[0]: unknown site 'Rome'; choose from Corte, Paris"],
    SITES + "proxy: {homes: {Corte: {role: {}}}}": [
        "sites.yaml:11: proxy.homes.Corte.role: unknown key 'role'; did you mean 'roles'?"
    ],
    SITES + "proxy: {accounts: {Corte: [{role: member, user: paris, projects: {}}]}}": [
        "sites.yaml:11: proxy.accounts.Corte[0]: the key 'password' is missing"
    ],
    SITES + "proxy: {accounts: {Corte: [{role: member, user: paris, password: x, projects: {}}]}}": [
        "sites.yaml:11: proxy.accounts.Corte[0]: no project is in 'projects': whom this account stands for has to be "
        "said, such as {demo: demo}"
    ],
    SITES + "proxy: {trust: Paris}": ["sites.yaml:11: proxy.trust: a list is expected, in brackets, not 'Paris'"],
    SITES + "proxy: {peer_keys: {Rome: x}}": [
        "sites.yaml:11: proxy.peer_keys.Rome: unknown site 'Rome'; choose from Corte, Paris"
    ],
    SITES + "proxy: {tokens: [login, hom]}": [
        "sites.yaml:11: proxy.tokens[1]: unknown value 'hom'; did you mean 'home'?"
    ],
    SITES + "proxy: {tokens: [home, home]}": ["sites.yaml:11: proxy.tokens: the same strategy is here twice"],
    SITES + "proxy: {partial: undoo}": ["sites.yaml:11: proxy.partial: unknown value 'undoo'; did you mean 'undo'?"],
    SITES + "proxy: {timeouts: {total: 0s}}": [
        "sites.yaml:11: proxy.timeouts.total: a duration longer than nothing is expected, not '0s'"
    ],
    SITES + "proxy: {limits: {header: lots}}": [
        "sites.yaml:11: proxy.limits.header: a size such as 64KiB, 1MiB or a number of bytes is expected, not 'lots'"
    ],
    SITES + "proxy: {state: 'mysql:secret@db'}": [
        "sites.yaml:11: proxy.state: a database URL such as sqlite:////var/lib/scopeproxy/{site}.db is expected"
    ],
    SITES.replace("127.0.2.1", "192.0.2.1"): [
        "sites.yaml:1: proxy.peer_key: is missing: not every front is on loopback, and proxies sign their calls to one "
        "another; make a key with `(umask 077; openssl rand -base64 32 > peer.key)` and give every site the same"
    ],
    SITES.replace('back: "http://127.0.1.1:15000"', 'back: "http://127.0.1.1:5000"'): [
        "sites.yaml:5: sites.Paris.services.keystone.back: http://127.0.1.1:5000 leads to the front of identity at "
        "Paris, and so around in a loop; a back is where the real service listens"
    ],
}


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_file_is_told(text: str) -> None:
    assert mistakes(text) == BROKEN[text]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    text = """\
sites:
  Paris:
    regoin: Paris
    services:
      imag: {front: "http://192.0.2.1:9292"}
      nova: {front: "http://192.0.2.1:8774", back: "http://192.0.2.1:8774/v2"}
      neutron: {front: "http://192.0.2.1:8774"}
    shares: {network: [Korte]}
  Corte:
    services:
      nova: {front: "http://192.0.2.1:8774", front: "http://192.0.2.2:8774"}
    proxy: {admn: x}
rtt: [{between: [Paris, Rome], rtt: soon}]
scopes: {far: "nova: Pari"}
proxy:
  catalog: rewrit
"""
    assert [mistake.partition(": ")[0] for mistake in mistakes(text)] == [
        f"sites.yaml:{line}" for line in (3, 5, 6, 7, 8, 11, 12, 13, 13, 14, 15, 16)
    ]


def test_a_mistake_in_the_defaults_is_told_once_and_not_for_every_site() -> None:
    assert len(mistakes(SITES + "proxy: {catalog: no}")) == 1


def test_passwords_are_not_repeated() -> None:
    text = SITES + "proxy: {state: 'db://user:secret@host/x', admin: 'user:secret@h:x'}"
    text = text.replace('back: "http://127', 'back: "http://user:secret@127').replace("front:", "fornt:")
    assert "secret" not in "".join(mistakes(text))
    assert "secret" not in repr(parsed(SITES + "proxy: {state: 'db://user:secret@host/{site}'}"))


def test_one_peer_key_for_all_but_one() -> None:
    peers = 'proxy: {peer_keys: {"*": all.key, Corte: corte.key}}'
    paris = parsed(SITES.replace("127.0", "10.0") + peers).sites["Paris"].proxy
    assert (paris.peer_key, dict(paris.peer_keys)) == (
        "/etc/scopeproxy/all.key",
        {"Corte": "/etc/scopeproxy/corte.key"},
    )


def test_a_sites_name_is_one_part_of_the_states_path() -> None:
    text = SITES.replace("Corte", '"a/../b c"') + "proxy: {state: 'sqlite:////s/{site}.db'}"
    assert parsed(text).sites["a/../b c"].proxy.state == "sqlite:////s/a%2F..%2Fb%20c.db"


def test_a_file_is_loaded_with_paths_from_its_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "sites.yaml"
    file.write_text(SITES.replace("France", "Corte") + "proxy: {key: k}")
    with caplog.at_level(logging.WARNING):
        topology = load(file)
    assert topology.sites["Paris"].proxy.key == str(tmp_path / "k")
    assert "sites.yaml: 'Corte' is a site and a group of Paris: in a scope it means the site" in caplog.messages


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.yaml: cannot be read: No such file or directory"):
        load(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"sites: {\xe9: }")
    with pytest.raises(ConfigurationError, match=r"latin\.yaml: is not UTF-8 text \(byte 8\)"):
        load(tmp_path / "latin.yaml")


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.yaml")), ids=lambda file: file.name)
def test_the_examples_are_right(file: Path) -> None:
    assert load(file).sites


def test_the_site_to_serve_needs_its_backs_and_a_certificate() -> None:
    assert own_site(parsed(SITES), "Paris").name == "Paris"
    refused: dict[str, Callable[[], Any]] = {
        "--site: unknown site 'Pari'; did you mean 'Paris'?": lambda: own_site(parsed(SITES), "Pari"),
        "sites.Corte.services.image: the key 'back' is missing: where the real service listens": lambda: own_site(
            parsed(SITES), "Corte"
        ),
        "sites.Paris.proxy.tls: certificate and key must be given, because https://127.0.1.1:5000 is served with TLS": (
            lambda: own_site(parsed(SITES.replace('"http://127.0.1.1:5000', '"https://127.0.1.1:5000')), "Paris")
        ),
    }
    for message, serve in refused.items():
        with pytest.raises(ConfigurationError) as error:
            serve()
        assert error.value.mistakes == [message]


# ---- whatever is written, the answer is a topology or a list of mistakes

WORDS = st.sampled_from(
    sorted(
        {"sites", "Paris", "Corte", "nova", "image", "front", "back", "listen", "between", "rtt", "15ms", "*", "fault"}
        | {"src", "dst", "http://127.0.0.1:1", "http://h/x", "127.0.0.1:1", "labels", "region", "shares", "identity"}
        | {"timeouts", "total", "1KiB", "header", "password_to", "certificate", "true", "nova: Paris"}
        | set(KEYS)
        | set(PROXY_KEYS)
    )
)
SCALARS = WORDS | st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats() | st.dates()
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(SCALARS, inner, max_size=4), max_leaves=30
)


def parsed_or_refused(text: str) -> None:
    try:
        found: Topology | list[str] = parsed(text)
    except ConfigurationError as error:
        found = error.mistakes
    if not isinstance(found, Topology):
        assert found
        assert all(mistake.startswith("sites.yaml:") and "\n" not in mistake for mistake in found)


@settings(deadline=None)
@given(DOCUMENTS)
def test_any_document_is_a_topology_or_refused(document: object) -> None:
    parsed_or_refused(yaml.safe_dump(document, allow_unicode=True))


@settings(deadline=None)
@given(st.text())
def test_any_text_is_a_topology_or_refused(text: str) -> None:
    parsed_or_refused(text)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_good_file_with_one_part_replaced_is_a_topology_or_refused(data: st.DataObject) -> None:
    document = yaml.safe_load(EVERYTHING)
    part: Any = document
    while True:
        key = data.draw(st.sampled_from(sorted(part)) if isinstance(part, dict) else st.integers(0, len(part) - 1))
        if not isinstance(part[key], dict | list) or not part[key] or data.draw(st.booleans()):
            break
        part = part[key]
    part[key] = data.draw(DOCUMENTS)
    parsed_or_refused(yaml.safe_dump(document, allow_unicode=True))
