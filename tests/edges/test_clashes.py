"""What sites may not do to one another, and what is only suspicious."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scopeproxy.edges.clashes import clashes, warnings
from scopeproxy.edges.schema import Place, Reading, dotted
from scopeproxy.edges.values import address, url
from scopeproxy.model.topology import Endpoint, ProxySettings, Site, Topology, vocabulary

PLACE = Place(Reading())
PEER = ProxySettings(peer_key="/peer.key")


def end(front: str, back: str = "", listen: str = "") -> Endpoint:
    return Endpoint(url(PLACE, front), url(PLACE, back) if back else None, address(PLACE, listen) if listen else None)


def site(name: str, **services: Endpoint) -> Site:
    return Site(name, name, services, proxy=PEER)


def found(*sites: Site) -> list[str]:
    topology = Topology({site.name: site for site in sites})
    return [f"{dotted(where)}: {message}" for where, message in clashes(topology, vocabulary(topology))]


H = "http://10.0.0.1:5000"
LOOP = "and so around in a loop; a back is where the real service listens"


@pytest.mark.parametrize(
    "sites",
    [
        [site("A", image=end(H + "/image"), compute=end(H + "/compute"), identity=end(H))],
        [site("A", image=end(H, "http://10.0.0.1:15000"))],
        [site("A", image=end("http://10.0.0.1/image", "http://10.0.0.1/real-image"))],
        [site("A", image=end("http://10.0.0.1/image", "http://10.0.0.1/images"))],
        [
            site("A", image=end("http://a/i", listen="127.0.0.1:1"), compute=end("http://a/c", listen="127.0.0.1:1")),
            site("B", image=end("http://b/i", listen="127.0.0.1:1"), compute=end("http://b/c", listen="127.0.0.1:1")),
        ],
        [
            site("A", image=end("http://lb/a", listen="10.0.0.1:1")),
            site("B", image=end("http://lb", listen="10.0.0.2:1")),
        ],
        [site("A", image=end(H, listen="0.0.0.0:80"), compute=end("http://[::1]:80"))],
    ],
    ids=range(7),
)
def test_what_is_fine(sites: list[Site]) -> None:
    assert found(*sites) == []


@pytest.mark.parametrize(
    ("sites", "message"),
    [
        (
            [site("A", image=end(H), compute=end(H))],
            f"A.services.compute.front: {H} is the front of image at A already; another port or path tells them apart",
        ),
        (
            [site("A", image=end(H)), site("B", image=end(H))],
            f"B.services.image.front: {H} is the front of image at A already; every site needs fronts of its own",
        ),
        (
            [site("A", image=end(H + "/a")), site("B", image=end(H + "/b"))],
            "B.services.image.front: 10.0.0.1:5000 serves image at A; two sites cannot listen on one address",
        ),
        (
            [site("A", image=end(H)), site("B", image=end("http://lb", listen="10.0.0.1:5000"))],
            "B.services.image.listen: 10.0.0.1:5000 serves image at A; two sites cannot listen on one address",
        ),
        (
            [site("A", image=end(H), compute=end("http://lb", listen="10.0.0.1:5000"))],
            "A.services.compute.listen: 10.0.0.1:5000 serves image at A already, and by the same path",
        ),
        (
            [site("A", image=end(H), compute=end("https://10.0.0.1:5000/compute"))],
            "A.services.compute.front: 10.0.0.1:5000 is http for image at A; an address is http or https, not both",
        ),
        (
            [site("A", image=end("http://lb", listen="0.0.0.0:5000"), compute=end(H))],
            "A.services.image.listen: 0.0.0.0:5000 takes 10.0.0.1:5000 too, which serves compute at A",
        ),
        (
            [site("A", image=end(H, H + "/v2"))],
            f"A.services.image.back: {H}/v2 leads to the front of image at A, {LOOP}",
        ),
        (
            [site("A", image=end(H), compute=end("http://10.0.0.2", H))],
            f"A.services.compute.back: {H} leads to the front of image at A, {LOOP}",
        ),
        (
            [site("A", image=end("http://lb", "http://127.0.0.1:1", "127.0.0.1:1"))],
            f"A.services.image.back: http://127.0.0.1:1 leads to the front of image at A, {LOOP}",
        ),
        (
            [site("A", image=end("http://127.0.0.1:9901"))],
            "A.proxy.admin: 127.0.0.1:9901 serves image at A; the admin address is one of its own",
        ),
    ],
)
def test_what_is_not(sites: list[Site], message: str) -> None:
    (told,) = found(*sites)
    assert told == f"sites.{message}"


def test_every_pair_needs_a_key_away_from_loopback() -> None:
    a, b = (replace(site(name, image=end(f"http://{name}")), proxy=ProxySettings()) for name in "ab")
    (told,) = found(a, b)
    assert told.startswith("proxy.peer_key: is missing: ")
    assert found(a) == []
    pair = [
        replace(a, proxy=ProxySettings(peer_keys={"b": "k"})),
        replace(b, proxy=ProxySettings(peer_keys={"a": "k"})),
    ]
    assert found(*pair) == []


def test_named_scopes_are_read() -> None:
    topology = Topology({"A": site("A", image=end(H))}, scopes={"good": "{image: A}", "bad": "{image: A&}"})
    (told,) = clashes(topology, vocabulary(topology))
    assert told[0] == ("scopes", "bad")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("A", "'A' is a site: a path that names it means that site, and not a scope"),
        ("~a", "in a path, '~' stands before a name in hexadecimal digits; name it otherwise"),
        ("image:A", "the name reads as a scope itself; name it otherwise"),
        ("(A)", "the name reads as a scope itself; name it otherwise"),
    ],
)
def test_the_name_of_a_scope_means_nothing_else(name: str, told: str) -> None:
    topology = Topology({"A": site("A", image=end(H))}, scopes={name: "{image: A}"})
    assert list(clashes(topology, vocabulary(topology))) == [(("scopes", name), told)]


def test_a_scope_that_finds_no_site_is_a_mistake() -> None:
    topology = Topology({"A": site("A", image=end(H))}, scopes={"none": "nova: all(*)"})
    (told,) = clashes(topology, vocabulary(topology))
    assert told == (("scopes", "none"), "all(*): no site is left for compute: none of A has it")


def test_a_region_belongs_to_one_site_or_scope() -> None:
    scopes = {"one": "{image: A}", "two": "{image: A}", "three": "{image: A}"}
    regions = {"one": "A", "two": "Both", "three": "Both"}
    topology = Topology({"A": site("A", image=end(H))}, scopes=scopes, regions=regions)
    assert list(clashes(topology, vocabulary(topology))) == [
        (("scopes", "one", "region"), "'A' is the region of A; a scope is offered as a region of its own"),
        (
            ("scopes", "three", "region"),
            "'Both' is the region of the scope two; a scope is offered as a region of its own",
        ),
    ]


@pytest.mark.parametrize("path", ["/scope", "/scope/image"])
def test_no_front_is_where_scopes_in_paths_are(path: str) -> None:
    assert found(site("A", image=end(f"{H}{path}"))) == [
        "sites.A.services.image.front: below /scope are scopes in paths (/scope/<name or expression>/<service>/…); "
        "give the front another path"
    ]
    assert found(site("A", image=end(f"{H}/scopes"))) == []


def test_a_group_that_a_site_hides_is_suspicious() -> None:
    a, b = (
        replace(site("A", image=end("https://a")), labels={"city": "A"}),
        replace(site("B"), labels={"city": "A", "country": "B"}),
    )
    assert warnings(Topology({"A": a, "B": b})) == ["'A' is a site and a group of B: in a scope it means the site"]


def test_one_admin_address_for_two_sites_of_a_machine_is_suspicious() -> None:
    a, b = site("A", image=end("http://127.0.0.1:1")), site("B", image=end("http://127.0.0.1:2"))
    assert warnings(Topology({"A": a, "B": b})) == [
        "A and B are on one machine with the same admin address, 127.0.0.1:9901"
    ]
    assert warnings(Topology({"A": a, "B": replace(b, proxy=ProxySettings(admin=None))})) == []
    assert "admin" not in str(warnings(Topology({"A": a, "B": site("B", image=end(H))})))


def test_fronts_to_which_no_one_sends_credentials_are_suspicious() -> None:
    a, b = site("A", image=end("https://a")), site("B", image=end("http://b"))
    told = "fronts are plain http beyond loopback at B: other sites send no credentials there (proxy.insecure)"
    assert warnings(Topology({"A": a, "B": b})) == [told]
    assert warnings(Topology({"A": replace(a, proxy=ProxySettings(insecure=True)), "B": b})) == []
    assert warnings(Topology({"B": b})) == []
    many = {name: site(name, image=end(f"http://{name}")) for name in "abcde"}
    assert "beyond loopback at a, b, c and 2 more: " in warnings(Topology(many))[0]


def test_a_service_whose_links_would_leave_its_front_is_suspicious() -> None:
    moved = site("A", image=end("http://127.0.0.1:1/image", "http://127.0.0.1:2"))
    (told,) = warnings(Topology({"A": moved}))
    assert told.startswith("image at A has the path '/image' at its front and '/' at its back")
    same = site("A", image=end("http://127.0.0.1:1/image", "http://127.0.0.1:2/image"))
    assert warnings(Topology({"A": same})) == []


def test_a_back_may_not_be_another_sites_front_either() -> None:
    """Two sites whose backs were each other's fronts sent one call around until the descriptors ran out."""
    one = site("A", image=end("http://127.0.0.1:1", "http://127.0.0.1:2"))
    other = site("B", image=end("http://127.0.0.1:2", "http://127.0.0.1:1"))
    assert [message.partition(" and so")[0] for message in found(one, other)] == [
        "sites.A.services.image.back: http://127.0.0.1:2 leads to the front of image at B,",
        "sites.B.services.image.back: http://127.0.0.1:1 leads to the front of image at A,",
    ]
