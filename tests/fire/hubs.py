"""Real hubs that can be killed at any instant and started again, and the proof that nothing of a test is left."""

import json
import shutil
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from random import Random
from typing import Any

import anyio
import psutil

from roost.client import AsyncClient, AsyncSession
from roost.testing import HubProcess
from roost.testing.hub_process import ROOST
from tests.fire.clocks import WallClock, wall_clock
from tests.fire.disks import SmallDisk, small_disk
from tests.fire.processes import Found, eventually, gone, is_running, listening, marked, processes, send_signal

MARK = "FIRE_TEST"
"""A variable of the environment that a hub, its hosts and their commands all inherit."""
LEAVE_SECONDS = 30.0

__all__ = ["MARK", "ROOST", "Fire", "Hub"]


class Hub(HubProcess):
    """A hub on one data folder, on a free port each time."""

    def __init__(self, data: Path, settings: dict[str, Any], command: Sequence[str], seen: Path | None) -> None:
        """`seen`: the folder as we see it, where the hub sees another disk than we do."""
        super().__init__(data, settings, command)
        self.seen = seen or data
        self.ports: list[int] = []
        self.is_down = False
        """It was shut down as users do it: no session is awake, no host is left."""

    @property
    def port(self) -> int:
        return self.ports[-1]

    def host(self, session: AsyncSession) -> int:
        """The pid of this session's host, which runs."""
        pid = int(self.note(session)["pid"])
        assert is_running(pid), f"the host of {session.id} is gone"
        return pid

    def commands(self, session: AsyncSession) -> list[int]:
        """Everything below this session's host, and everything that carries its mark."""
        host = self.host(session)
        below = [child.pid for child in psutil.Process(host).children(recursive=True)]
        return sorted({*below, *(found.pid for found in marked(session.id))} - {host})

    def note(self, session: AsyncSession) -> dict[str, Any]:
        """What the hub has noted of this session's host: pid, epoch. Empty: there is none."""
        try:
            return json.loads((self.seen / "hosts" / f"{session.id}.json").read_bytes())
        except FileNotFoundError:
            return {}

    @property
    def log(self) -> Path:
        return self.seen / "hub.log"

    def client(self, **options: Any) -> AsyncClient:
        return AsyncClient(data=self.seen, **options)

    async def ready(self) -> None:
        await super().ready()
        self.ports.append(int(self.url.rpartition(":")[2]))
        self.is_down = False

    async def kill(self) -> None:
        """SIGKILL. Its port is free at once, though its hosts live on."""
        port = int(self.url.rpartition(":")[2] or 0)
        await super().kill()
        await eventually(lambda: port not in listening(), seconds=5)  # a process half spawned has it for a moment

    async def shut_down(self) -> None:
        """What `roost down` does: all sessions asleep, all hosts gone, then the hub."""
        async with self.client() as client:
            await client.shutdown()
        with anyio.fail_after(LEAVE_SECONDS):
            await self._end(signal.SIGCONT)  # it goes by itself
        self.is_down = True


class Fire:
    """One test: its folder, its hubs, its dice. `random` is seeded: with the same seed it can be repeated."""

    def __init__(self, folder: Path, mark: str, random: Random) -> None:
        self.folder = folder
        self.random = random
        self.hubs: list[Hub] = []
        self._mark = mark
        self._lent = AsyncExitStack()

    async def hub(self, *, command: Sequence[str] = ROOST, disk: SmallDisk | None = None, **settings: Any) -> Hub:
        """A hub that answers. Settings by their names: `grace_seconds=1`, `link_heartbeat_seconds=0.2`."""
        chosen = {"port": 0, "agent": "scripted"} | settings
        data, seen = self.folder / f"data{len(self.hubs)}", None
        if disk is not None:
            data, seen, command = disk.folder / "data", disk.seen / "data", [*disk.enter, *command]
            seen.mkdir(mode=0o700)
        hub = Hub(data, chosen, command, seen)
        self.hubs.append(hub)
        await hub.start()
        return hub

    async def small_disk(self, megabytes: int) -> SmallDisk:
        """A disk that may be filled, for a hub: `fire.hub(disk=...)`. Fails the test where there can be none."""
        return await self._lent.enter_async_context(small_disk(self.folder / "disk", megabytes))

    async def wall_clock(self) -> WallClock:
        """A wall clock that may jump, for a hub and all that it starts: `fire.hub(command=[*clock.enter, *ROOST])`."""
        return await self._lent.enter_async_context(wall_clock(self.folder / "wall-clock"))

    def workspace(self) -> Path:
        """A folder for a session to work in."""
        folder = self.folder / f"workspace{len(list(self.folder.glob('workspace*')))}"
        folder.mkdir()
        return folder

    def left(self) -> list[Found]:
        """Every process of this test that runs, whatever became of its parents."""
        return [found for found in processes() if found.environment.get(MARK) == self._mark]

    async def leave(self) -> None:
        """Stop all hubs the way users do, and see that nothing stays."""
        for hub in self.hubs:
            if hub.ports and not hub.runs and not hub.is_down:
                await hub.start()
            if hub.runs:
                await hub.shut_down()
        await self._lent.aclose()
        with suppress(AssertionError):
            await eventually(lambda: not self.left(), seconds=5)
        assert [str(found) for found in self.left()] == []
        ports = {port for hub in self.hubs for port in hub.ports}
        assert sorted(listening().keys() & ports) == []
        assert [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(self.folder) in line] == []

    async def clean(self) -> None:
        """Whatever happened, let nothing of this test disturb the next."""
        for hub in self.hubs:
            await HubProcess.kill(hub)
        await self._lent.aclose()
        while left := self.left():
            send_signal(signal.SIGKILL, *(found.pid for found in left))
            await gone(*(found.pid for found in left))
        shutil.rmtree(self.folder, ignore_errors=True)

    def story(self) -> str:
        """The ends of all logs, for whoever must find out why a test failed."""
        logs = [path for hub in self.hubs for path in (hub.log, *sorted((hub.seen / "logs").glob("*.log")))]
        texts = [(path, _tail(path)) for path in logs if path.exists()]
        return "\n".join(f"--- {path}\n{text}" for path, text in texts if text)


def _tail(log: Path) -> str:
    """The end of a log, without the requests that were answered well."""
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(line for line in lines if '"event": "request", "level": "info"' not in line)[-4000:]
