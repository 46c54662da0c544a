"""The proxies that are compared, each with one thread: the configuration it needs, and the command that starts it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from places import FILES, FRONTS, HOST, SINK, STUBS

HERE = Path(__file__).resolve().parent


def nginx_files(folder: Path) -> list[str]:
    """nginx as the back end: it serves the folder `files`."""
    servers = f"server {{ listen {HOST}:{FILES}; root {folder}/files; keepalive_requests 1000000000; }}"
    return _nginx(folder, "back", servers)


def nginx(folder: Path) -> list[str]:
    servers = "".join(
        f"""
    upstream back{offset} {{ server {HOST}:{back}; keepalive 256; keepalive_requests 1000000000; }}
    server {{
        listen {HOST}:{FRONTS["nginx"] + offset};
        keepalive_requests 1000000000;
        client_max_body_size 0;
        location / {{
            proxy_pass http://back{offset};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_request_buffering off;
            proxy_max_temp_file_size 0;
        }}
    }}"""
        for offset, back in enumerate((FILES, SINK))
    )
    return _nginx(folder, "proxy", servers)


def _nginx(folder: Path, name: str, servers: str) -> list[str]:
    home = folder / f"nginx-{name}"
    home.mkdir()
    (home / "nginx.conf").write_text(
        f"""daemon off;
user root;
worker_processes 1;
pid {home}/pid;
error_log {home}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    tcp_nodelay on;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxied;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    {servers}
}}
"""
    )
    return ["nginx", "-p", str(home), "-c", str(home / "nginx.conf"), "-e", str(home / "error.log")]


def haproxy(folder: Path) -> list[str]:
    parts = "".join(
        f"""
frontend front{offset}
    bind {HOST}:{FRONTS["haproxy"] + offset}
    default_backend back{offset}
backend back{offset}
    http-reuse always
    server one {HOST}:{back}
"""
        for offset, back in enumerate((FILES, SINK))
    )
    (folder / "haproxy.cfg").write_text(
        f"""global
    nbthread 1
    maxconn 4096
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
{parts}"""
    )
    return ["haproxy", "-db", "-f", str(folder / "haproxy.cfg")]


def naive(_: Path) -> list[str]:
    front = FRONTS["naive"]
    return [sys.executable, str(HERE / "naive.py"), *map(str, (front, FILES, front + 1, SINK))]


def scopeproxy(folder: Path, sites: int = 1) -> list[str]:
    """Ours, at the first of some sites.  The fronts of the others are stubs: what is measured is the entry's work."""
    front = FRONTS["scopeproxy"]
    home = folder / f"scopeproxy-{sites}"
    home.mkdir()
    back = FILES if sites == 1 else STUBS
    lines = [
        "services: {docs: {fault: plain}, sink: {fault: plain}}",
        f'proxy: {{state: "sqlite:///{home}/{{site}}.db", admin: null}}',
        "sites:",
        "  site0:",
        "    services:",
        f'      docs: {{front: "http://{HOST}:{front}", back: "http://{HOST}:{back}"}}',
        f'      sink: {{front: "http://{HOST}:{front + 1}", back: "http://{HOST}:{SINK}"}}',
    ]
    for site in range(1, sites):
        lines += [f'  site{site}: {{services: {{docs: {{front: "http://{HOST}:{STUBS + site}"}}}}}}']
    (home / "sites.yaml").write_text("\n".join(lines) + "\n")
    command = Path(sys.executable).parent / "scopeproxy"
    return [str(command), "serve", "-c", str(home / "sites.yaml"), "--site", "site0"]


# HAProxy comes first: all others are compared with it.
PROXIES: dict[str, Callable[[Path], list[str]]] = {
    "haproxy": haproxy,
    "nginx": nginx,
    "naive": naive,
    "scopeproxy": scopeproxy,
}
