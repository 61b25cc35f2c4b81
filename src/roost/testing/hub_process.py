"""A hub as a process of its own, started as people start it, and killed as fate kills it."""

import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE
from tempfile import TemporaryDirectory
from typing import Any, Final

import anyio
from anyio.abc import Process
from anyio.streams.text import TextReceiveStream

from roost.client import AsyncClient
from roost.model.errors import StartFailed
from roost.testing.leaving import end_hosts

ROOST = (sys.executable, "-m", "roost")
READY_SECONDS = 20.0
GONE_SECONDS = 30.0
QUIET: Final[dict[str, Any]] = {"port": 0, "agent": "scripted", "warm_hosts": 0, "sandbox": "none"}
"""Settings of a hub for tests."""


class HubProcess:
    """`roost up --json` on one data folder. `pid` and `url` are those of the present process. `command`: what is run
    instead of `roost`."""

    def __init__(self, data: Path, settings: dict[str, Any], command: Sequence[str] = ROOST) -> None:
        self.data = data
        self.url = ""
        self._settings = settings
        self._command = command
        self._process: Process | None = None

    @property
    def runs(self) -> bool:
        """There is a process; it may have died by itself."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """Raises: StartFailed: it does not run."""
        if self._process is None:
            raise StartFailed("the hub does not run")
        return self._process.pid

    @property
    def log(self) -> Path:
        return self.data / "hub.log"

    def client(self, **options: Any) -> AsyncClient:
        """Finds this hub through its data folder, also after a restart on another port. Takes `AsyncClient`'s
        options."""
        return AsyncClient(data=self.data, **options)

    async def start(self, **settings: Any) -> None:
        """Returns when it answers. `settings` (fields of `Settings`) hold from now on. Raises: StartFailed."""
        await self.spawn(**settings)
        await self.ready()

    async def spawn(self, **settings: Any) -> None:
        """Start the process and wait for nothing."""
        self._settings |= settings
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        command = [*self._command, "up", "--json", "--data", str(self.data)]
        chosen = {f"ROOST_{name.upper()}": str(value) for name, value in self._settings.items()}
        with self.log.open("ab") as log:
            self._process = await anyio.open_process(
                command, env={**os.environ, **chosen}, stdin=DEVNULL, stdout=PIPE, stderr=log, start_new_session=True
            )

    async def ready(self) -> None:
        """Returns when it answers. Raises: StartFailed: it will not; it is gone then."""
        if self._process is None:
            raise StartFailed("the hub does not run")
        with anyio.move_on_after(READY_SECONDS):
            self.url = json.loads(await _first_line(self._process) or '{"url": ""}')["url"]
        if not self.url:
            await self.kill()
            raise StartFailed(f"the hub did not get ready; its log ends with: {self.log.read_text()[-2000:]}")

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone. Its hosts live on."""
        await self._end(signal.SIGKILL)

    async def terminate(self) -> int:
        """SIGTERM: it stops in good order, its hosts stay at work. Returns its exit code."""
        return await self._end(signal.SIGTERM)

    async def restart(self, **settings: Any) -> None:
        """SIGKILL and start again, on another port unless one is set."""
        await self.kill()
        await self.start(**settings)

    async def _end(self, number: signal.Signals) -> int:
        process, self._process, self.url = self._process, None, ""
        if process is None:
            return 0
        if process.returncode is None:
            process.send_signal(number)
        with anyio.fail_after(GONE_SECONDS):
            code = await process.wait()
        await process.aclose()
        return code


async def _first_line(process: Process) -> str:
    """Empty: it ended without one."""
    assert process.stdout is not None
    text = ""
    async for piece in TextReceiveStream(process.stdout):
        text += piece
        if "\n" in text:
            return text
    return ""


@asynccontextmanager
async def hub_process(data: Path | None = None, **settings: Any) -> AsyncGenerator[HubProcess]:
    """A hub with the agent `scripted` as default, on a free port. When the block ends, hub, hosts and, unless you named
    `data`, the folder are gone. `settings`: fields of `Settings`; agents have no sandbox unless these say so, since a
    test and its agents share files."""
    with TemporaryDirectory(prefix="roost-") as temporary:
        hub = HubProcess(data or Path(temporary), QUIET | settings)
        try:
            await hub.start()
            yield hub
        finally:
            with anyio.CancelScope(shield=True):
                await hub.kill()
                await end_hosts(hub.data)
