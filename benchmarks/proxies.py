"""The proxies that are compared, each with one thread: the configuration it needs, and the command that starts it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from places import FILES, FRONTS, HOST, PEER, SINK, STUBS

HERE = Path(__file__).resolve().parent


def nginx_files(folder: Path) -> list[str]:
    """nginx as the back end, and as another site's proxy: it serves the folder `files`, and takes what is posted."""
    locations = "location /post { return 204; } location /.well-known/ { return 200; }"
    servers = "".join(
        f"server {{ listen {HOST}:{port}; root {folder}/files; keepalive_requests 1000000000; {locations} }}"
        for port in (FILES, PEER)
    )
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
    """Ours, at the first of some sites.  What answers for the others is none of ours: the entry's work is measured."""
    front = FRONTS["scopeproxy"]
    home = folder / f"scopeproxy-{sites}"
    home.mkdir()
    back = FILES if sites == 1 else STUBS
    lines = [
        "services: {docs: {fault: plain}, sink: {fault: plain}}",
        f'proxy: {{state: "sqlite:///{home}/{{site}}.db", admin: null, limits: {{connections: 20000}}}}',
        "sites:",
        "  site0:",
        "    services:",
        f'      docs: {{front: "http://{HOST}:{front}", back: "http://{HOST}:{back}"}}',
        f'      sink: {{front: "http://{HOST}:{front + 1}", back: "http://{HOST}:{SINK}"}}',
    ]
    if sites == 1:
        lines += [f'  peer: {{services: {{docs: {{front: "http://{HOST}:{PEER}"}}}}}}']
    for site in range(1, sites):
        lines += [f'  site{site}: {{services: {{docs: {{front: "http://{HOST}:{STUBS + site}"}}}}}}']
    (home / "sites.yaml").write_text("\n".join(lines) + "\n")
    command = Path(sys.executable).parent / "scopeproxy"
    return [str(command), "serve", "-c", str(home / "sites.yaml"), "--site", "site0"]


def envoy(folder: Path) -> list[str]:
    front = FRONTS["envoy"]
    pairs = list(enumerate((FILES, SINK)))
    listeners = [_envoy_listener(front + offset, f"back{offset}") for offset, _ in pairs]
    clusters = [
        {
            "name": f"back{offset}",
            "connect_timeout": "2s",
            "load_assignment": {
                "cluster_name": f"back{offset}",
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _envoy_address(back)}}]}],
            },
        }
        for offset, back in pairs
    ]
    written = {"static_resources": {"listeners": listeners, "clusters": clusters}}
    (folder / "envoy.json").write_text(json.dumps(written))
    options = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
    return [which("envoy"), "-c", str(folder / "envoy.json"), *options]


def _envoy_address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": HOST, "port_value": port}}


def _envoy_listener(port: int, cluster: str) -> dict[str, object]:
    kinds = "type.googleapis.com/envoy.extensions.filters"
    route = {"match": {"prefix": "/"}, "route": {"cluster": cluster, "timeout": "0s"}}
    manager = {
        "@type": f"{kinds}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": cluster,
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [
            {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{kinds}.http.router.v3.Router"}}
        ],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    return {"address": _envoy_address(port), "filter_chains": [{"filters": filters}]}


def mitmproxy(folder: Path) -> list[str]:
    front = FRONTS["mitmproxy"]
    modes = [
        word
        for offset, back in enumerate((FILES, SINK))
        for word in ("--mode", f"reverse:http://{HOST}:{back}@{HOST}:{front + offset}")
    ]
    settings = (
        "stream_large_bodies=64k",
        "keep_host_header=true",
        f"confdir={folder}/mitmproxy",
        "termlog_verbosity=error",
    )
    return [which("mitmdump"), "--quiet", *modes, *(word for setting in settings for word in ("--set", setting))]


def which(command: str) -> str:
    """Where a proxy is that Debian has not, or has too old: in .venv-rivals (`make rivals`), or on the PATH."""
    ours = HERE.parent / ".venv-rivals" / "bin" / command
    return str(ours) if ours.exists() else shutil.which(command) or ""


# What has to be there for each, and how it comes here.
NEEDED = {"envoy": ("envoy", "make rivals"), "mitmproxy": ("mitmdump", "make rivals"),
          "haproxy": ("haproxy", "apt install haproxy"), "nginx": ("nginx", "apt install nginx-light")}  # fmt: skip

# HAProxy comes first: all others are compared with it.
PROXIES: dict[str, Callable[[Path], list[str]]] = {
    "haproxy": haproxy,
    "nginx": nginx,
    "naive": naive,
    "scopeproxy": scopeproxy,
    "envoy": envoy,
    "mitmproxy": mitmproxy,
}
