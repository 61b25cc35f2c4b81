"""Hosts that are started and imported, and wait for a ticket: the next session that needs one has it at once.

Each waits on the pipe its ticket will come by. The hub alone holds the other end, so that a hub that goes, however it
goes, ends its waiting hosts: what they read then is nothing. They carry no session's mark; what they start later does.
"""

import os
import signal
from collections.abc import Callable
from contextlib import suppress

import anyio
import structlog
from msgspec import Struct

from roost.processes import birth
from roost.runtimes.process.children import apart, reap

REFILL_SECONDS = 0.25
"""How long after one is taken the next is started: until then the cores are the first one's."""
LONGEST_SECONDS = 60.0
"""Between two attempts, if waiting hosts keep dying."""

_log = structlog.get_logger("roost.warm")


class WarmHost(Struct, frozen=True):
    """A host that waits: its pid, `processes.birth` of it, and our end of its pipe."""

    pid: int
    started: str
    pipe: int


class WarmHosts:
    """Keeps `count` hosts waiting. `spawn` starts one that reads its ticket from the descriptor; returns its pid."""

    def __init__(self, count: int, spawn: Callable[[int], int]) -> None:
        self._count, self._spawn = count, spawn
        self._waiting: list[WarmHost] = []
        self._changed = anyio.Event()
        self._died = 0

    def take(self) -> WarmHost | None:
        """One that waits, for this caller alone, who must use or close its pipe; None: there is none."""
        while self._waiting:
            host = self._waiting[0]
            lives = birth(host.pid) == host.started  # if nobody can look now, it waits on
            del self._waiting[0]
            self._changed.set()
            if lives:
                self._died = 0
                return host
            os.close(host.pipe)
        return None

    async def another(self) -> WarmHost:
        """One more, for this caller alone, as with `take`. Raises: OSError."""
        return await apart(self._spawned)

    async def keep(self) -> None:
        """Start and replace them until cancelled; then those that wait are gone."""
        try:
            while self._count:
                self._changed = anyio.Event()
                await anyio.sleep(min(LONGEST_SECONDS, REFILL_SECONDS * 2**self._died))
                if await self._fill():
                    await self._changed.wait()
        finally:
            with anyio.CancelScope(shield=True):
                await self._end()

    async def _fill(self) -> bool:
        """Start what is missing; False: that failed, and should be tried again later."""
        try:
            while len(self._waiting) < self._count:
                await self._start()
        except ConnectionAbortedError:
            return False  # the hub stops
        except OSError as error:
            self._died = min(self._died + 1, 16)
            _log.error("a warm host cannot be started", detail=str(error))
            return False
        return True

    async def _start(self) -> None:
        with anyio.CancelScope(shield=True):  # or nobody would know of the process
            host = await self.another()
            self._waiting.append(host)
            reap(host.pid, lambda: self._ended(host))

    def _spawned(self) -> WarmHost:
        read_end, write_end = os.pipe()
        try:
            pid = self._spawn(read_end)
            return WarmHost(pid, birth(pid) or "gone", write_end)
        except OSError:
            os.close(write_end)
            raise
        finally:
            os.close(read_end)

    def _ended(self, host: WarmHost) -> None:
        """One has died; if it still waited it is replaced, a little later each time."""
        if host in self._waiting:
            self._waiting.remove(host)
            os.close(host.pipe)
            self._died = min(self._died + 1, 16)
            self._changed.set()

    async def _end(self) -> None:
        hosts, self._waiting = self._waiting, []
        for host in hosts:
            os.close(host.pipe)
            with suppress(OSError):
                if birth(host.pid) == host.started:
                    os.kill(host.pid, signal.SIGKILL)  # it holds nothing yet; its end of the pipe may be read too late
