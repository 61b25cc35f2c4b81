"""A place for one real host: a data folder, a workspace, a tiny hub, the process runtime."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest
from anyio import to_thread

from roost.model.envelope import Event
from roost.model.events import RunAborted, RunComplete, RunError, WorkspaceSpec
from roost.processes import HOST_MARK, marked, session_of
from roost.runtimes.process.runtime import ProcessRuntime
from tests.host.tinyhub import TinyHub

ENDS = (RunComplete, RunAborted, RunError)


class Site:
    """Starts the host with the real runtime; the hub may come and go."""

    def __init__(self, data: Path, workspace: Path) -> None:
        self.data, self.workspace = data, workspace
        self.hub = TinyHub(data)
        self.runtime = ProcessRuntime(data)
        self.stack = AsyncExitStack()

    async def start(self, **settings: Any) -> None:
        await self.runtime.start(self.hub.ticket(WorkspaceSpec(kind="folder", path=str(self.workspace)), **settings))

    async def open(self) -> None:
        """The hub appears, on a port of its own."""
        await self.stack.enter_async_context(self.hub.serve())

    async def close(self) -> None:
        """The hub goes away; its connections break."""
        await self.stack.aclose()

    async def ended(self, run: str = "run_1", seconds: float = 20) -> Event:
        """The end of this run, the only one."""
        await self.hub.until(lambda: self.hub.of(*ENDS, run=run), seconds)
        (end,) = self.hub.of(*ENDS, run=run)
        return end

    async def gone(self, seconds: float = 20) -> None:
        """Wait until no process of the host is left."""
        with anyio.fail_after(seconds):
            while True:
                if not await to_thread.run_sync(self.processes):
                    return
                await anyio.sleep(0.02)

    def processes(self) -> list[psutil.Process]:
        return marked(HOST_MARK, lambda mark: session_of(mark) == self.hub.session)

    @property
    def pid(self) -> int:
        return self.hub.hellos[-1].pid

    @property
    def log(self) -> str:
        return (self.data / "logs" / f"{self.hub.session}.log").read_text()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncGenerator[Site]:
    """Nothing runs yet; whatever is started is gone in the end."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    site = Site(tmp_path / "data", workspace)
    site.data.mkdir()
    try:
        yield site
    finally:
        await site.runtime.kill(site.hub.session)
        await site.close()
        assert site.processes() == []


@pytest.fixture
async def live(site: Site) -> Site:
    """A hub with its host linked."""
    await site.open()
    await site.start()
    await site.hub.until(lambda: site.hub.hellos)
    return site
