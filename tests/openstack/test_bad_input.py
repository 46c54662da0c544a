"""What is wrong between sites is one clear fault, which names the site and tells what would be right."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from socket import create_server
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.openstack.clients import Done
from tests.openstack.cloud import ACTIVE, Cloud

THERE, BOTH = "{glance: Corte}", "{glance: Paris&Corte}"
WORKFLOW = "{nova: Paris, glance: Corte}"


def fault(cloud: Cloud, done: Done, *secrets: str) -> str:
    """The one line that a user sees of a command that failed; no secret is in it, nor in the proxies' logs."""
    assert done.code == 1
    told = done.stderr.strip()
    assert "\n" not in told, told
    for text in (told, *(cloud.logs(site) for site in cloud.sites)):
        assert "Traceback" not in text
        assert "gAAAA" not in text
        assert not [secret for secret in secrets if secret in text]
    return told


# ---- accounts


def account(cloud: Cloud, site: str, user: str, password: str, project: str) -> None:
    """A user with the role member in a project, both made where they are not there."""
    token = cloud.token(site, "admin")

    def ask(method: str, path: str, json: Any = None) -> Any:
        answer = cloud.call(method, f"keystone:/v3/{path}", at=site, token=token, json=json)
        assert answer.status < 300, answer.text
        return answer.json if answer.body else None

    found = ask("GET", f"projects?name={project}")["projects"]
    where = found[0] if found else ask("POST", "projects", {"project": {"name": project}})["project"]
    who = ask("POST", "users", {"user": {"name": user, "password": password}})["user"]
    role = ask("GET", "roles?name=member")["roles"][0]
    ask("PUT", f"projects/{where['id']}/users/{who['id']}/roles/{role['id']}")


@pytest.mark.parametrize("differs", ["password", "user", "project"])
def test_an_account_that_differs_at_one_site(cloud: Cloud, name: str, differs: str) -> None:
    here, there = f"{name}-one", f"{name}-two"
    account(cloud, "Paris", name, here, "demo")
    if differs != "user":
        password = there if differs == "password" else here
        account(cloud, "Corte", name, password, f"{name}-work" if differs == "project" else "demo")

    def run(*words: str, scope: str) -> Done:
        return cloud.openstack("--os-username", name, "--os-password", here, *words, scope=scope)

    images = ("image", "list", "-f", "value", "-c", "Name")
    told = fault(cloud, run(*images, scope=THERE), here, there)
    assert f"no login at Corte: its keystone refused user '{name}' in project 'demo' (HTTP 401" in told
    assert "user, password and project must be the same there, by name" in told
    partly = run(*images, scope=BOTH)
    assert "cirros" in partly.stdout
    assert "Alpine" not in partly.stdout
    assert partly.stderr.strip() == (
        "scope: the result is partial: nothing came from Corte (HTTP 401: no login there; a call to it alone tells why)"
    )


def test_a_wrong_password_at_the_entry_is_its_keystones_own_fault(cloud: Cloud, name: str) -> None:
    account(cloud, "Corte", name, f"{name}-pw", "demo")
    done = cloud.openstack("--os-username", name, "--os-password", f"{name}-pw", "image", "list", scope=THERE)
    assert "HTTP 401" in fault(cloud, done, f"{name}-pw")


# ---- clocks


def test_clocks_two_minutes_apart_do_not_matter(cloud: Cloud, name: str) -> None:
    with cloud.clock_ahead("Corte", 120):
        assert cloud.boot(name, image="Alpine", scope=WORKFLOW).code == 0
        assert cloud.servers(name) == {"Paris": ACTIVE}


def test_clocks_four_minutes_apart_are_told_with_the_sites(cloud: Cloud) -> None:
    with cloud.clock_ahead("Corte", 240):
        told = fault(cloud, cloud.openstack("image", "list", scope=THERE))
        assert "no login at Corte: HTTP 403: the clocks of Paris and Corte are 24" in told
        assert "at most 180 s is accepted: set both by NTP" in told
        for site in ("Paris", "Corte"):
            assert cloud.call("GET", "glance:/v2/images", at=site, token=cloud.token(site)).status == 200


# ---- services and certificates


def without_glance(topology: dict[str, Any]) -> dict[str, Any]:
    del topology["sites"]["Corte"]["services"]["glance"]
    return topology


def test_a_site_without_the_service(cloud: Cloud) -> None:
    with cloud.served_by(without_glance):
        told = fault(cloud, cloud.openstack("image", "list", scope=THERE))
    assert told == "scope: Corte has no image service; it is at Paris, Marseille"


@pytest.fixture
def self_signed(tmp_path: Path) -> Iterator[str]:
    """Where somebody listens with a certificate that nobody vouches for."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    address, now = x509.IPAddress(ip_address("127.0.0.1")), datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    file = tmp_path / "self-signed.pem"
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(made.public_bytes(pem) + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_greet, args=(listening, context))
        thread.start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(2)
    thread.join()


def _greet(listening: Any, context: ssl.SSLContext) -> None:
    while True:
        try:
            accepted, _ = listening.accept()
        except OSError:
            return
        with accepted, contextlib.suppress(OSError):
            context.wrap_socket(accepted, server_side=True).close()


def test_a_site_behind_a_certificate_that_nobody_vouches_for(cloud: Cloud, self_signed: str) -> None:
    def moved(topology: dict[str, Any]) -> dict[str, Any]:
        glance = topology["sites"]["Corte"]["services"]["glance"]
        # Another address than before, which other services' fronts may be at too.
        with create_server(("127.0.0.1", 0)) as free:
            glance["listen"] = f"127.0.0.1:{free.getsockname()[1]}"
        glance["front"] = self_signed + urlsplit(glance["front"]).path
        return topology

    with cloud.served_by(moved):
        told = fault(cloud, cloud.openstack("image", "list", scope=THERE))
        partly = cloud.openstack("image", "list", scope=BOTH)
    assert told.startswith("scope: Corte: its certificate is not trusted: name the authority in proxy.tls.peers")
    assert "nothing came from Corte" in partly.stderr


# ---- lists over several sites

LISTS = [
    "nova:/v2.1/servers",
    "glance:/v2/images",
    "neutron:/v2.0/ports",
    "neutron:/v2.0/networks",
    "cinder:/v3/volumes",
]


def refusal(cloud: Cloud, where: str) -> str:
    """What is told of a list that cannot be had, as clients show it; it is the caller's fault, and no site's part is
    passed off for the whole."""
    scope = f"{{{where.partition(':')[0]}: Paris&Corte}}"
    answer = cloud.call("GET", where, token=cloud.token(scope=scope), scope=scope)
    assert answer.status in (400, 404), answer.text
    assert "Traceback" not in answer.text
    return " ".join(answer.text.split())


@pytest.mark.parametrize("where", LISTS)
def test_a_marker_of_nobody_names_the_sites_that_were_asked(cloud: Cloud, where: str) -> None:
    nobody = "0a0a0a0a-0000-4000-8000-000000000000"
    told = refusal(cloud, f"{where}?limit=2&marker={nobody}")
    assert f"scope: the marker '{nobody}' is of no item of this list at Paris, Corte" in told


@pytest.mark.real_only("emulated services sort by any key")
@pytest.mark.parametrize("where", LISTS)
def test_a_sort_key_that_all_sites_refuse_is_refused_in_their_words(cloud: Cloud, where: str) -> None:
    told = refusal(cloud, f"{where}?sort_key=nonsense&sort_dir=asc")
    assert "nonsense" in told or "sort key" in told.lower(), told
