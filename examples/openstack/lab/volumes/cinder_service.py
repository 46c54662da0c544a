"""cinder's API, scheduler and volume service in one process, over oslo.messaging's in-process transport.

They are green threads of eventlet's, on which cinder still runs, and are started as cinder's own commands start them.
Import `cinder.cmd.volume` before this module: like each of those commands, it makes green what is imported after it.
"""

from __future__ import annotations

from typing import Any

import eventlet
import os_brick
from cinder import coordination, objects, rpc, service, version
from cinder.common import config
from oslo_config import cfg
from oslo_log import log
from oslo_service import wsgi
from paste.urlmap import URLMap

BACKEND = "files"


class UnderPrefix:
    """Loads the API below a path; none is an empty string."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def load_app(self, name: str) -> Any:
        application = wsgi.Loader(cfg.CONF).load_app(name)
        if not self._prefix:
            return application
        paths = URLMap()
        paths[self._prefix] = application
        return paths


def serve(prefix: str) -> None:
    """In the site's home; for good."""
    objects.register_all()
    cfg.CONF(["--config-file", "etc/cinder.conf"], project="cinder", version=version.version_string())
    log.setup(cfg.CONF, "cinder")
    config.set_middleware_defaults()
    os_brick.setup(cfg.CONF)
    coordination.COORDINATOR.start()
    rpc.init(cfg.CONF)
    # The scheduler after the volume service: it waits for its report.
    for part in (
        service.Service.create(
            host=f"{cfg.CONF.host}@{BACKEND}", service_name=BACKEND, binary="cinder-volume", coordination=True
        ),
        service.Service.create(binary="cinder-scheduler"),
        service.WSGIService("osapi_volume", loader=UnderPrefix(prefix)),
    ):
        part.start()
    eventlet.event.Event().wait()
