"""Key files, and those with passwords: reading them, and making those that may be made.  None of it is in a message."""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
import stat
import tempfile
from pathlib import Path

from scopeproxy.errors import ConfigurationError
from scopeproxy.model.topology import ProxySettings, Topology

SHORTEST = 32
_MAKE = "make one with `(umask 077; openssl rand -base64 32 > {})`"
_SQLITE_FILE = re.compile(r"sqlite(?:\+\w+)?:///(?!:memory:|file:)([^?]+)")
_SQLITE = re.compile(r"sqlite(?:\+\w+)?:")


def secret_at(path: Path, create: bool = False) -> bytes:
    """The key in a file, written as it is or in base64.

    With `create`, a file that is not there is made; of two processes that do so at once, both get the same key.
    """
    if create and not path.exists():
        _make(path)
    try:
        return _key(_content(path), path)
    except FileNotFoundError as error:
        raise ConfigurationError([f"{path}: there is no such key file; {_MAKE.format(path)}"]) from error
    except OSError as error:
        raise ConfigurationError([f"{path}: the key cannot be read: {error.strerror}"]) from error


def password_at(path: Path) -> str:
    """The password in a file: its one line."""
    try:
        password = _content(path, "password").decode().removesuffix("\n")
    except OSError as error:
        raise ConfigurationError([f"{path}: the password cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError:
        password = ""
    if not password or not password.isprintable():
        raise ConfigurationError([f"{path}: one line with a password is expected"])
    return password


def site_key(settings: ProxySettings) -> bytes:
    """The site's own key; where none was configured it is made beside the state, and lives as long as that."""
    if settings.key is not None:
        return secret_at(Path(settings.key))
    file = _SQLITE_FILE.match(settings.state)
    if file:
        return secret_at(Path(f"{file[1]}.key"), create=True)
    if _SQLITE.match(settings.state):
        return secrets.token_bytes(SHORTEST)  # the state is in memory, and what it holds ends with the process
    where = "proxy.key: is missing: the state is in a database that several proxies may use, and they need the same key"
    raise ConfigurationError([f"{where}; {_MAKE.format('key')}"])


def spool_of(settings: ProxySettings) -> str | None:
    """The directory for data that wait, beside the state unless told otherwise; None: there is none."""
    file = _SQLITE_FILE.match(settings.state)
    return settings.spool or (f"{file[1]}.spool" if file else None)


def peer_key(topology: Topology, site: str, peer: str) -> bytes:
    """The key with which a site and its peer sign their calls to one another."""
    settings = topology.sites[site].proxy
    path = settings.peer_keys.get(peer, settings.peer_key)
    if path is None:
        raise ConfigurationError([f"proxy.peer_key: is missing, and there is no key for {peer}; {_MAKE.format('key')}"])
    # On one machine all sites read the same file, so whoever comes first may make it.  Elsewhere a key that a proxy
    # made for itself would be another one at every site.
    return secret_at(Path(path), create=topology.on_loopback)


def _content(path: Path, what: str = "key") -> bytes:
    # Without O_NONBLOCK, opening a pipe would wait for its writer.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise ConfigurationError([f"{path}: is not a file; a {what} is expected there"])
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            shown = f"{stat.S_IMODE(mode):04o}"
            raise ConfigurationError([f"{path}: others may read this {what} (mode {shown}); `chmod 600 {path}`"])
        return file.read()


def _key(content: bytes, path: Path) -> bytes:
    """The key: what the content is in base64, else the content, less a line's end where enough is left without."""
    try:
        decoded = base64.b64decode(content.strip(), validate=True)
    except binascii.Error:
        decoded = b""
    for key in (decoded, content.rstrip(b"\r\n"), content):
        if len(key) >= SHORTEST:
            return key
    raise ConfigurationError([f"{path}: a key of {SHORTEST} bytes at least is expected; {_MAKE.format(path)}"])


def _make(path: Path) -> None:
    """Make a key file, complete from the moment it has its name; one that is there by then is left as it is."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(base64.b64encode(secrets.token_bytes(SHORTEST)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            _name(draft, path)
        finally:
            os.unlink(draft)
    except OSError as error:
        raise ConfigurationError([f"{path}: the key cannot be made: {error.strerror}"]) from error


def _name(draft: str, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        return  # another process was faster; its key is the key
