"""RabbitMQ for a site whose nova is several processes: the lab's own, with all its files under the site's home.

Not the machine's: neither its files nor its ports (5672, 4369) are touched.  It runs in the foreground, as whoever runs
the lab, and so does epmd, which RabbitMQ would else leave behind it.
"""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

from lab.processes import Processes, output
from lab.sites import BROKER_PORT, LabError, Site

# Where Debian and Red Hat have it.  The one in PATH becomes the user rabbitmq, who may not write to our files.
SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


def require_broker(site: Site, server: Path = SERVER) -> None:
    """Raises `LabError` when RabbitMQ is not installed."""
    if not server.exists() or not shutil.which("epmd"):
        raise LabError(
            f"nova of {site.name} is to be split over RabbitMQ, which is not installed (no {server}): "
            "apt-get install rabbitmq-server, or leave --split out"
        )


def start_broker(processes: Processes, site: Site) -> None:
    """Returns before it listens: that takes it some 10 s."""
    home = site.home / "broker"
    home.mkdir(parents=True, exist_ok=True)
    # A process is known again by the name of its home in its command: epmd's has no other place for it.
    epmd = home / "epmd"
    epmd.unlink(missing_ok=True)
    epmd.symlink_to(str(shutil.which("epmd")))
    (home / "rabbitmq.conf").write_text(f"listeners.tcp.1 = {site.ip}:{BROKER_PORT}\n")
    names, peers = _free_ports(2)
    processes.start(site.home, "epmd", [str(epmd), "-address", "127.0.0.1", "-port", str(names)])
    # Erlang names HOME in its command.
    processes.start(site.home, "rabbitmq", [str(SERVER)], environment(site, home, names, peers))


def environment(site: Site, home: Path, names: int, peers: int) -> dict[str, str]:
    """What keeps RabbitMQ to itself; `names` and `peers`: the ports of epmd, and of Erlang's own protocol."""
    interface = ",".join(site.ip.split("."))
    return {
        "HOME": str(home),
        "ERL_EPMD_PORT": str(names),
        "RABBITMQ_NODENAME": f"{site.name.lower()}@localhost",
        "RABBITMQ_DIST_PORT": str(peers),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(home / "config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_LOGS": "-",
        # Else a shell waits for Erlang, and is what a signal meets.
        "RABBITMQ_ALLOW_INPUT": "1",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"-noinput -kernel inet_dist_use_interface {{{interface}}}",
    }


def broker_runs(processes: Processes, site: Site) -> bool:
    """Whether it takes connections; raises `LabError` when it has ended."""
    if not processes.pid(site.home, "rabbitmq"):
        raise LabError(f"RabbitMQ of {site.name} does not start, see {output(site.home, 'rabbitmq')}")
    with socket.socket() as attempt:
        attempt.settimeout(1)
        return attempt.connect_ex((site.ip, BROKER_PORT)) == 0


def _free_ports(count: int) -> list[int]:
    """Ports that nobody has now; RabbitMQ takes no "any"."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
