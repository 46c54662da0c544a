"""The clients that cases use: the released `openstack` command, openstacksdk in this process, and plain HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from scopeproxy.edges.programs import client_environment

with warnings.catch_warnings(action="ignore"):
    import openstack

OPENSTACK = str(Path(sys.executable).parent / "openstack")
VENDOR_HOOK = "scopeproxy.osc.hook:vendor_hook"
PASSWORD = "secret"

# The user's project, and what stands behind the site's name in clouds.yaml.
PROJECTS = {"admin": "admin", "alice": "demo", "bob": "demo"}
SUFFIXES = {"admin": "", "alice": "-alice", "bob": "-bob"}


@dataclass(frozen=True)
class Done:
    """What a command left."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """What it printed under `-f json`; it must have worked."""
        assert self.code == 0, self.stderr
        return json.loads(self.stdout)


@dataclass(frozen=True)
class Answer:
    """What a plain HTTP call was answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


def command(clouds: Path, cloud: str | None, words: tuple[str, ...], patience: float, **environment: str) -> Done:
    """An `openstack` command to its end; no cloud: the environment tells where and who."""
    ours = {"OS_CLIENT_CONFIG_FILE": str(clouds), "OS_CLOUD": cloud} if cloud else {}
    done = subprocess.run(
        [OPENSTACK, *words],
        env=client_environment(os.environ, **ours, **environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=patience,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def connection(auth_url: str, region: str, user: str, scope: str | None, **config: Any) -> Any:
    """A connection of openstacksdk's, scoped by our hook.  `config` goes over what is usual, `auth` as a whole."""
    auth = {
        "auth_url": auth_url,
        "username": user,
        "password": PASSWORD,
        "project_name": PROJECTS.get(user, user),
        "user_domain_id": "default",
        "project_domain_id": "default",
    }
    scoped = {"vendor_hook": VENDOR_HOOK, "scope": [scope]} if scope is not None else {}
    usual = {"auth": auth, "region_name": region, "identity_api_version": "3"}
    # The SDK deprecates what it does itself.
    with warnings.catch_warnings(action="ignore"):
        return openstack.connect(load_yaml_config=False, load_envvars=False, **usual | scoped | config)


def password(user: str, project: str | None = None, secret: str = PASSWORD) -> dict[str, Any]:
    """The body of a login by password, for a project of the default domain."""
    domain = {"id": "default"}
    identity = {"methods": ["password"], "password": {"user": {"name": user, "domain": domain, "password": secret}}}
    return {"identity": identity, "scope": in_project(project or PROJECTS.get(user, user))}


def in_project(name: str) -> dict[str, Any]:
    """What a login asks for: a project of the default domain."""
    return {"project": {"name": name, "domain": {"id": "default"}}}


def ask(
    session: requests.Session,
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    body: Any = None,
    data: Any = None,
    patience: float = 60.0,
) -> Answer:
    """One HTTP call, as it is: no redirect is followed, nothing raises for a status."""
    reply = session.request(
        method, url, headers=dict(headers or {}), json=body, data=data, timeout=patience, allow_redirects=False
    )
    return Answer(reply.status_code, reply.headers, reply.content)


def plain_session() -> requests.Session:
    """For `ask`: nothing of the environment (netrc, HTTP proxies) counts."""
    session = requests.Session()
    session.trust_env = False
    return session
