"""Several processes that serve one site: the kernel spreads the connections over them (SO_REUSEPORT), and they share
what must not be forgotten by the ledger.

The parent serves nothing.  It passes SIGTERM, SIGINT and SIGHUP on.  A worker that ends by itself is told and started
anew, while the others go on; where that happens again and again, all are stopped, and whoever supervises the parent
decides.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from scopeproxy.edges.config import own_site
from scopeproxy.edges.connections import cannot_listen
from scopeproxy.edges.doors import doors
from scopeproxy.errors import ConfigurationError
from scopeproxy.model.topology import Address, Topology

logger = logging.getLogger("scopeproxy")

_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

# Workers may be started anew so often within so many seconds.
_OFTEN, _SPAN = 5, 60.0

# The exit code for what cannot be served: the next one would say the same.
_MISTAKEN = 2


@dataclass(frozen=True, slots=True)
class Worker:
    """One of the processes.  `number`: from 0; `lifeline`: a pipe that ends with the parent; `again`: whether it is
    started in place of one that ended."""

    number: int = 0
    of: int = 1
    lifeline: int | None = None
    again: bool = False

    def admin(self, first: Address) -> Address:
        """Where this worker tells its own figures and calls: the first at the address in the topology, the next ones
        at the ports after it."""
        return first._replace(port=first.port + self.number)

    def watch_parent(self, gone: Callable[[], None]) -> None:
        """Call `gone` when the parent is no more: nobody would stop this worker then."""
        if self.lifeline is not None:
            loop, end = asyncio.get_running_loop(), self.lifeline

            def notice() -> None:
                loop.remove_reader(end)
                gone()

            loop.add_reader(end, notice)


ALONE = Worker()


def run_workers(topology: Topology, site: str, count: int, work: Callable[[Worker], int]) -> int:
    """Run `work` in so many processes until all have ended; the exit code is the worst of theirs."""
    _check_ports(topology, site, count)
    return _Parent(count, work).wait()


def _ended(work: Callable[[Worker], int], worker: Worker) -> int:
    """The exit code of a worker, which must not go on as its parent would."""
    try:
        code = work(worker)
    except ConfigurationError as error:
        print("\n".join(error.mistakes), file=sys.stderr)
        code = _MISTAKEN
    except BaseException as error:
        logger.exception("worker %d failed: %s", worker.number, type(error).__name__)
        code = 1
    sys.stderr.flush()
    return code


class _Parent:
    """Starts the workers, and sees to it that all are there until all are to end."""

    def __init__(self, count: int, work: Callable[[Worker], int]) -> None:
        self._work, self._lifeline = work, os.pipe()
        self._workers: dict[int, Worker] = {}
        self._stopping, self._worst = False, 0
        self._restarts: deque[float] = deque(maxlen=_OFTEN)
        # Signals wait until all workers are there, so that none misses one.
        signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
        for number in range(count):
            self._start(Worker(number, count, self._lifeline[0]))

    def wait(self) -> int:
        for number in _PASSED_ON:
            signal.signal(number, self._pass_on)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
        while self._workers:
            pid, status = os.wait()
            # Signals wait: a worker that is just being started must have them as well.
            signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
            self._note(pid, self._workers.pop(pid), os.waitstatus_to_exitcode(status))
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
        return self._worst

    def _start(self, worker: Worker) -> None:
        pid = os.fork()
        if pid == 0:
            os.close(self._lifeline[1])
            for number in _PASSED_ON:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
            os._exit(_ended(self._work, worker))
        self._workers[pid] = worker

    def _pass_on(self, number: int, _: object) -> None:
        if number != signal.SIGHUP:
            self._stopping = True
        self._tell(signal.SIGTERM if number == signal.SIGINT else number)

    def _tell(self, number: int) -> None:
        for pid in self._workers:
            os.kill(pid, number)

    def _note(self, pid: int, worker: Worker, code: int) -> None:
        if self._stopping:
            self._worst = max(self._worst, 1 if code < 0 else code)
        elif code != _MISTAKEN and self._may_start_anew():
            logger.error("worker %d ended by itself with %d: another one takes its place", pid, code)
            self._start(replace(worker, again=True))
        else:
            self._stopping, self._worst = True, max(1, code)
            logger.error("worker %d ended by itself with %d: the others are stopped", pid, code)
            self._tell(signal.SIGTERM)

    def _may_start_anew(self) -> bool:
        now = time.monotonic()
        if len(self._restarts) == _OFTEN and now - self._restarts[0] < _SPAN:
            return False
        self._restarts.append(now)
        return True


def _check_ports(topology: Topology, site: str, count: int) -> None:
    """With SO_REUSEPORT a second proxy would quietly take a share of the first one's connections."""
    own = own_site(topology, site)
    admin = own.proxy.admin
    wanted = [door.address for door in doors(own)]
    wanted += [Worker(number).admin(admin) for number in range(count)] if admin else []
    mistakes = []
    for address in wanted:
        try:
            socket.create_server(tuple(address), family=_family(address)).close()
        except OSError as error:
            mistakes.append(cannot_listen(address, error))
    if mistakes:
        raise ConfigurationError(mistakes)


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address.host else socket.AF_INET
