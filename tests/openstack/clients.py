"""The clients that cases use: the released `openstack` command, openstacksdk in this process, and plain HTTP."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import threading
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


class Shell:
    """One `openstack` process that is told its commands on stdin, one after the other, as it is by whoever types them:
    each takes a tenth of what a process of its own does.  A context manager.

    `errors`: a file for what it says of things that went wrong; `patience`: seconds that each command has.
    """

    _END = "that-was-all"

    def __init__(self, clouds: Path, cloud: str, errors: Path, patience: float, **environment: str) -> None:
        ours = {"OS_CLIENT_CONFIG_FILE": str(clouds), "OS_CLOUD": cloud, "PYTHONUNBUFFERED": "1"}
        self._environment = client_environment(os.environ, **ours, **environment)
        self._errors, self._patience = errors, patience

    def __enter__(self) -> Shell:
        with self._errors.open("w") as errors:
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(
                [OPENSTACK], stdin=pipe, stdout=pipe, stderr=errors, text=True, bufsize=1, env=self._environment
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def __call__(self, *words: str) -> str:
        """What a command printed, which must have worked; what it says on stderr, it says because it did not."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        known = self._errors.stat().st_size
        overdue = threading.Timer(self._patience, self._process.kill)
        overdue.start()
        try:
            self._process.stdin.write(f"{shlex.join(words)}\nshell echo {self._END}\n")
            lines = list(iter(self._process.stdout.readline, f"{self._END}\n"))
        finally:
            overdue.cancel()
        with self._errors.open() as errors:
            errors.seek(known)
            told = errors.read()
        assert not told, f"openstack {shlex.join(words)}: {told}"
        return "".join(lines)

    def json(self, *words: str) -> Any:
        """The same, of a command that shows something."""
        return json.loads(self(*words, "-f", "json"))


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
