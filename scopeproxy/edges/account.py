"""Whose calls a command makes: the account that the environment tells, as the `openstack` client would read it.

The OS_* variables are enough; OS_CLOUD, with its clouds.yaml, is read by openstacksdk where that is installed.
keystoneauth1 blocks, so a login happens in a thread.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scopeproxy.errors import ConfigurationError, SiteFailure, Unauthorized
from scopeproxy.lang.scope import Scope
from scopeproxy.lang.wire import to_header
from scopeproxy.model.identity import Token

if TYPE_CHECKING:
    from keystoneauth1.session import Session

# Seconds for one request of a login.
_PATIENCE = 120.0


class Account:
    """Logs in under a scope, and again when it must.  `auth_url`: the keystone that it is an account of."""

    def __init__(self, session: Session, auth_url: str) -> None:
        self._session, self.auth_url = session, auth_url
        self._turn = asyncio.Lock()
        self._token: Token | None = None

    @cached_property
    def trust(self) -> ssl.SSLContext | bool:
        """Which certificates of fronts are believed, and the client's own."""
        verify, own = self._session.verify, self._session.cert
        if verify is False:
            return False
        context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
        if own:
            context.load_cert_chain(*([own] if isinstance(own, str) else own))
        return context

    def under(self, scope: Scope) -> None:
        """Log in under this scope from now on."""
        self._session.additional_headers["X-Scope"] = to_header(scope)

    async def token(self, refused: Token | None = None) -> Token:
        """A token; another one than that which was refused.  Raises Unauthorized, or SiteFailure."""
        async with self._turn:
            if self._token is None or self._token == refused:
                self._token = Token(await asyncio.to_thread(self._log_in, refused is not None))
            return self._token

    async def project(self) -> str:
        """The project that it speaks for; "" where it is none."""
        await self.token()
        return str(await asyncio.to_thread(self._session.get_project_id) or "")

    async def roles(self) -> frozenset[str]:
        """The names of its roles there."""
        await self.token()
        access = await asyncio.to_thread(self._session.auth.get_access, self._session)
        return frozenset(access.role_names)

    def _log_in(self, again: bool) -> str:
        from keystoneauth1 import exceptions

        if again:
            self._session.invalidate()
        try:
            return str(self._session.get_token())
        except exceptions.HttpError as refusal:
            raise Unauthorized(f"no login at {self.auth_url}: {refusal.message}") from refusal
        except exceptions.ClientException as failure:
            raise SiteFailure(f"no login at {self.auth_url}: {failure}") from failure


def account(environ: Mapping[str, str], agent: str) -> Account:
    """The account that the environment tells; nothing is asked yet.  Raises ConfigurationError where it tells none."""
    session = _of_cloud(environ["OS_CLOUD"]) if environ.get("OS_CLOUD") else _of_variables(environ)
    session.user_agent, session.timeout = agent, _PATIENCE
    auth_url = getattr(session.auth, "auth_url", None)
    if not auth_url:
        raise ConfigurationError(["the account has no auth_url: set OS_AUTH_URL, or auth_url in clouds.yaml"])
    return Account(session, str(auth_url))


def _of_cloud(name: str) -> Session:
    try:
        from openstack import config, exceptions
    except ImportError as error:
        remedy = "pip install 'scopeproxy[client]', or set OS_AUTH_URL, OS_USERNAME, …"
        raise ConfigurationError(
            [f"OS_CLOUD is {name!r}, and openstacksdk is not there to read it: {remedy}"]
        ) from error
    try:
        session: Session = config.OpenStackConfig().get_one(name).get_session()
    except exceptions.SDKException as error:
        raise ConfigurationError([f"OS_CLOUD: {error}"]) from error
    return session


def _of_variables(environ: Mapping[str, str]) -> Session:
    from keystoneauth1 import exceptions, loading
    from keystoneauth1.session import Session

    def told(option: Any) -> str | None:
        names = (f"OS_{one.dest.upper()}" for one in (option, *option.deprecated))
        return next((environ[name] for name in names if environ.get(name)), None)

    if not environ.get("OS_AUTH_URL"):
        raise ConfigurationError(["whose calls are made is told by OS_CLOUD, or by OS_AUTH_URL, OS_USERNAME, …: unset"])
    try:
        loader = loading.get_plugin_loader(environ.get("OS_AUTH_TYPE") or "password")
        auth = loader.load_from_options_getter(told)
    except exceptions.ClientException as error:
        raise ConfigurationError([f"the OS_* variables make no account: {error}"]) from error
    cert = (environ["OS_CERT"], environ["OS_KEY"]) if environ.get("OS_CERT") and environ.get("OS_KEY") else None
    return Session(auth=auth, verify=environ.get("OS_CACERT") or True, cert=cert or environ.get("OS_CERT"))
