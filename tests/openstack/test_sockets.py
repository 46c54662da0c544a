"""Nothing but the proxies talks to the services themselves."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

from tests.openstack.cloud import ACTIVE, SERVICES, Cloud
from tests.openstack.sockets import Address, watched


def backs(cloud: Cloud) -> dict[Address, str]:
    """Where the services really listen, and whose that is."""
    known = {(site, service) for site in cloud.sites for service in cloud.topology["sites"][site]["services"]}
    urls = {(site, service): urlsplit(cloud.back(site, service)) for site, service in known if service in SERVICES}
    return {(str(url.hostname), url.port or 80): f"{service}@{site}" for (site, service), url in urls.items()}


def test_all_connections_to_the_services_come_from_the_proxies(cloud: Cloud, name: str) -> None:
    proxies = {cloud.proxy_pid(site): site for site in cloud.sites}
    with watched(backs(cloud), proxies) as holders:
        scope = "{nova: Paris, glance: Corte}"
        assert cloud.boot(name, image=cloud.image("Corte"), scope=scope).code == 0
        assert cloud.servers(name) == {"Paris": ACTIVE}
        assert cloud.openstack("server", "list", at="Marseille").code == 0
        for site in cloud.sites:
            assert [flavor.name for flavor in cloud.connect(site).compute.flavors(name="m1.tiny")]
        conn = cloud.connect(scope="{nova: Paris&Corte, neutron: Paris&Corte}")
        listed = [*conn.compute.servers(), *conn.network.networks(), *conn.network.ports(), *conn.compute.flavors()]
        assert name in [one.name for one in listed]
        conn.compute.delete_server(next(one for one in listed if one.name == name))
    assert holders.strangers == {}
    assert {proxies[pid] for pid in holders.seen} == set(cloud.sites)


def test_a_connection_past_the_proxy_would_be_seen(cloud: Cloud) -> None:
    """What the case above relies on."""
    url = urlsplit(cloud.back("Paris", "keystone"))
    with watched(backs(cloud), [cloud.proxy_pid(site) for site in cloud.sites]) as holders:
        past = http.client.HTTPConnection(str(url.hostname), url.port)
        past.connect()
        cloud.wait_for(lambda: holders.strangers, "a stranger is seen")
        past.close()
