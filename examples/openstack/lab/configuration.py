"""The configuration files of a site's services: as plain as they can be, and every URL in them names a front.

Lines of `<extra>/<file>.conf` and `<extra>/<file>-<Site>.conf` (file: keystone, placement, glance-api, neutron, cinder,
nova; where nova is split, nova-compute and so on for that process) are added at the end: of an option that is there
twice, the later one counts.

sqlite and the in-process transport stand in for MariaDB and RabbitMQ; all else is as an operator would write it.
"""

from __future__ import annotations

import base64
import os
import shutil
from pathlib import Path

from lab.sites import PASSWORD, Site


def database(name: str) -> str:
    """Relative to the site's home, where its services run."""
    return f"sqlite:///db/{name}?timeout=60"


def configure(site: Site, extra: Path, authority: Path | None) -> None:
    """Writes the site's files, its Fernet keys among them; `authority` is what its services trust beyond https."""
    home = site.home
    for folder in ("etc", "db", "log", "run", "images", "staging", "state", "volumes", "fernet", "credential"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    for folder in ("fernet", "credential"):
        (home / folder).chmod(0o700)
        for number in "01":
            key = home / folder / number
            key.write_bytes(base64.urlsafe_b64encode(os.urandom(32)))
            key.chmod(0o600)
    for name, text in _files(site, authority).items():
        more = [
            file.read_text() for file in (extra / f"{name}.conf", extra / f"{name}-{site.name}.conf") if file.exists()
        ]
        (home / "etc" / f"{name}.conf").write_text("\n".join([text, *more]))
    if "nova" in site.apis:
        shutil.copy(site.venv / "etc/nova/api-paste.ini", home / "etc")


def _files(site: Site, authority: Path | None) -> dict[str, str]:
    return _parts(site) | {
        "keystone": _common(site, "keystone", "database")
        + f"""
[token]
provider = fernet
expiration = {site.token_life}
[fernet_tokens]
key_repository = {site.home}/fernet
[fernet_receipts]
key_repository = {site.home}/fernet
[credential]
key_repository = {site.home}/credential
[identity]
password_hash_rounds = 4
""",
        "placement": _common(site, "placement", "placement_database") + _account(site, "placement", authority),
        "glance-api": _common(
            site,
            "glance",
            "database",
            f"enabled_backends = fs:file\nworker_self_reference_url = {site.front('glance')}",
        )
        + _account(site, "glance", authority)
        + f"""
[glance_store]
default_backend = fs
[fs]
filesystem_store_datadir = {site.home}/images
[os_glance_staging_store]
filesystem_store_datadir = {site.home}/staging
[os_glance_tasks_store]
filesystem_store_datadir = {site.home}/staging
[paste_deploy]
flavor = keystone
config_file = {site.venv}/etc/glance/glance-api-paste.ini
""",
        "neutron": _common(
            site,
            "neutron",
            "database",
            f"""core_plugin = ml2
service_plugins =
transport_url = fake:/
auth_strategy = keystone
notify_nova_on_port_status_changes = false
notify_nova_on_port_data_changes = false
state_path = {site.home}/state
api_paste_config = {site.venv}/etc/neutron/api-paste.ini""",
        )
        + _account(site, "neutron", authority)
        + """
[ml2]
type_drivers = local,flat
tenant_network_types = local
mechanism_drivers = openvswitch
extension_drivers = port_security
""",
        "cinder": _common(
            site,
            "cinder",
            "database",
            f"""state_path = {site.home}/state
host = {site.name.lower()}
transport_url = fake:/
enabled_backends = files
osapi_volume_listen = {site.ip}
osapi_volume_listen_port = {site.back_port("cinder")}
osapi_volume_workers = 1
api_paste_config = {site.venv}/etc/cinder/api-paste.ini
resource_query_filters_file = {site.venv}/etc/cinder/resource_filters.json
periodic_fuzzy_delay = 0
# Of services in one process, one alone reports that it is up.
service_down_time = 1000000
{f"glance_ca_certificates_file = {authority}" if authority else ""}
[files]
volume_driver = file_driver.FileDriver
volume_backend_name = files
volumes_folder = {site.home}/volumes
[coordination]
backend_url = file://{site.home}/state""",
        )
        + _account(site, "cinder", authority)
        + _account(site, "cinder", authority, "service_user")
        + f"send_service_user_token = {site.service_tokens}\n",
        "nova": _common(
            site,
            "nova",
            "api_database",
            f"""my_ip = {site.ip}
host = {site.name.lower()}-compute
state_path = {site.home}/state
compute_driver = with_disks.Driver
allow_resize_to_same_host = true
transport_url = {site.transport}
report_interval = 10
periodic_fuzzy_delay = 0
service_down_time = 120""",
        )
        + "".join(_account(site, "nova", authority, section) for section in _NOVA_LOGS_IN_FOR)
        + f"""send_service_user_token = {site.service_tokens}
[database]
connection = {database("nova_cell1.db")}
sqlite_synchronous = false
[conductor]
workers = 1
[scheduler]
workers = 1
discover_hosts_in_cells_interval = 2
[glance]
region_name = {site.name}
{_trusts(authority)}[cinder]
os_region_name = {site.name}
{_trusts(authority)}[filter_scheduler]
track_instance_changes = false
[quota]
instances = -1
cores = -1
ram = -1
""",
    }


def _parts(site: Site) -> dict[str, str]:
    """What differs between the processes of nova's, where it has several: read after nova.conf."""
    hosts = site.computes()
    return {
        program: f"[DEFAULT]\nlog_file = {site.home}/log/{program}.log\n"
        + (f"host = {hosts[program]}\nstate_path = {site.state(program)}\n" if program in hosts else "")
        for program in site.programs("nova")[1:]
    }


_DATABASES = {
    "keystone": "keystone.db",
    "placement": "placement.db",
    "glance": "glance.db",
    "neutron": "neutron.db",
    "cinder": "cinder.db",
    "nova": "nova_api.db",
}
# The last one ends with nova's token being sent beside the user's, as X-Service-Token.
_NOVA_LOGS_IN_FOR = ("keystone_authtoken", "placement", "neutron", "service_user")


def _common(site: Site, service: str, database_section: str, defaults: str = "") -> str:
    return f"""[DEFAULT]
log_file = {site.home}/log/{service}.log
use_stderr = false
{defaults}
[{database_section}]
connection = {database(_DATABASES[service])}
sqlite_synchronous = false
[oslo_middleware]
enable_proxy_headers_parsing = true
[oslo_concurrency]
lock_path = {site.home}/state
"""


def _account(site: Site, user: str, authority: Path | None, section: str = "keystone_authtoken") -> str:
    """How a service validates tokens, or logs in for calls of its own: at the front of its site's keystone."""
    return f"""
[{section}]
www_authenticate_uri = {site.front("keystone")}
{_trusts(authority)}auth_url = {site.auth_url(user)}
auth_type = password
username = {user}
password = {PASSWORD}
project_name = service
user_domain_name = Default
project_domain_name = Default
region_name = {site.name}
{"" if site.cache_tokens or section != "keystone_authtoken" else "token_cache_time = -1"}
"""


def _trusts(authority: Path | None) -> str:
    return f"cafile = {authority}\n" if authority else ""
