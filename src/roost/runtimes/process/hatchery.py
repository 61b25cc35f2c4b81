"""Hosts are forked from one process that has imported what they need: what they share is in memory once, and no host
waits for its imports.

The hub has one end of a socket, the hatchery the other. A byte with two descriptors asks for a host: the pipe by which
its ticket will come, and its log; its pid comes back. The hatchery goes with its hub, however that goes. Hosts are
nobody's children then, and go on.
"""

import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

AVAILABLE: Final = sys.platform == "linux"
"""Elsewhere what a process has loaded of its system may not work any more after a fork."""
TICKET: Final = 3
"""The descriptor by which a host reads its ticket."""
ANSWER_SECONDS: Final = 30.0
"""How long a new host may take, the imports before the first one included."""
_ASK: Final = b"h"
_PID_BYTES: Final = 4


class Hatchery:
    """The hub's end: blocking, and safe from several threads. `spawn` starts the process, with one end of the socket at
    its `TICKET`; returns its pid."""

    def __init__(self, spawn: Callable[[int], int]) -> None:
        self.ready = False
        """Whether it has brought forth a host already: the next one takes it milliseconds."""
        self._spawn = spawn
        self._lock = threading.Lock()
        self._closed = False
        self._control: socket.socket | None = None
        self._pid = 0

    def hatch(self, ticket: int, log: int) -> int:
        """The pid of a new host, which has these descriptors. Starts the process if there is none. Raises: OSError: no
        host; the next call begins anew. ConnectionAbortedError: it was closed."""
        with self._lock:
            try:
                return self._ask(ticket, log)
            except OSError as error:
                self._end()
                if self._closed:
                    raise ConnectionAbortedError("the hub stops") from error
                raise

    def close(self) -> None:
        """The process is gone afterwards, and its hosts go on. It is started no more; nobody waits for its answer."""
        self._closed = True
        if (control := self._control) is not None:
            with suppress(OSError):
                control.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._end()

    def _ask(self, ticket: int, log: int) -> int:
        control = self._control or self._begin()
        if self._closed:
            raise ConnectionAbortedError
        socket.send_fds(control, [_ASK], [ticket, log])
        answer = control.recv(_PID_BYTES)
        if not answer:
            raise ConnectionResetError("the process that hosts are forked from is gone")
        self.ready = True
        return int.from_bytes(answer, "big")

    def _begin(self) -> socket.socket:
        if self._closed:
            raise ConnectionAbortedError
        self._control, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(ANSWER_SECONDS)
        with its:
            self._pid = self._spawn(its.fileno())
        return self._control

    def _end(self) -> None:
        self.ready = False
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._pid:
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(self._pid, signal.SIGKILL)  # our child, not yet collected: the pid is still its own
                os.waitpid(self._pid, 0)
            self._pid = 0


def brood(control: socket.socket) -> None:
    """The other end: bring forth a host whenever it is asked for. Returns in each new host, which is the leader of its
    session; the process itself ends when the hub is gone."""
    gc.collect()
    gc.freeze()  # a collection in a host would write to all it shares
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel collects hosts that end
    while True:
        asked, descriptors, _, _ = socket.recv_fds(control, len(_ASK), 2)
        if not asked:
            os._exit(0)
        pid = os.fork()
        if not pid:
            control.close()
            return _settle(*descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        with suppress(BrokenPipeError):
            control.send(pid.to_bytes(_PID_BYTES, "big"))


def _settle(ticket: int, log: int) -> None:
    """What a process that was started by itself would have."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for standard in (1, 2):
        os.dup2(log, standard)
    os.dup2(ticket, TICKET)
    os.closerange(TICKET + 1, os.sysconf("SC_OPEN_MAX"))
