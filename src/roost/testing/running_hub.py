"""A hub in this process, on a free port, with a data folder that goes when it goes."""

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import msgspec
from anyio.abc import TaskGroup, TaskStatus

from roost.api.app import App, make_app
from roost.api.server import serve
from roost.client import AsyncClient
from roost.client.address import HubFile
from roost.core.hub import Hub
from roost.settings import Settings
from roost.testing.hub_process import QUIET
from roost.testing.leaving import end_hosts
from roost.wiring import hub_from

STOP_SECONDS = 20.0


class RunningHub:
    """The hub that runs now. Hosts are processes, as ever; they outlive `stop` and find the hub of the next `start`."""

    def __init__(self, settings: Settings, tasks: TaskGroup) -> None:
        self.settings = settings
        self.url = ""
        self.hub: Hub | None = None
        self._tasks = tasks
        self._scope = anyio.CancelScope()
        self._gone = anyio.Event()

    @property
    def data(self) -> Path:
        return Path(self.settings.data)

    def client(self, **options: Any) -> AsyncClient:
        """Finds this hub through its data folder, also after a restart on another port. Takes `AsyncClient`'s
        options."""
        return AsyncClient(data=self.data, **options)

    async def start(self, **settings: Any) -> None:
        """Returns when it answers. `settings` hold from now on."""
        self.settings = msgspec.structs.replace(self.settings, **settings)
        self._scope, self._gone = anyio.CancelScope(), anyio.Event()
        await self._tasks.start(self._serve)

    async def stop(self) -> None:
        """The hub goes, its hosts stay at work."""
        self._scope.cancel()
        with anyio.fail_after(STOP_SECONDS):
            await self._gone.wait()

    async def restart(self, **settings: Any) -> None:
        """Stop and start again, on another port."""
        await self.stop()
        await self.start(**settings)

    async def _serve(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        def bound(port: int) -> None:
            self.url = f"http://127.0.0.1:{port}"
            _publish(self.data / "hub.json", HubFile(url=self.url, pid=os.getpid()))
            task_status.started()

        try:
            with self._scope:
                async with hub_from(self.settings) as hub, anyio.create_task_group() as tasks:
                    self.hub = hub
                    app = make_app(hub, hub.settings)
                    tasks.start_soon(_serve_on, app, self.settings, bound)
                    await hub.ending.wanted.wait()
                    tasks.cancel_scope.cancel()
        finally:
            self.hub = None
            self._gone.set()


async def _serve_on(app: App, settings: Settings, bound: Callable[[int], None]) -> None:
    await serve(app, settings.host, settings.port, on_ready=bound)


def _publish(file: Path, hub: HubFile) -> None:
    draft = file.with_suffix(".new")
    draft.write_bytes(msgspec.json.encode(hub))
    draft.replace(file)


@asynccontextmanager
async def running_hub(data: Path | None = None, **settings: Any) -> AsyncGenerator[RunningHub]:
    """A hub with the agent `scripted` as default, on a free port. When the block ends, hub, hosts and, unless you named
    `data`, the folder are gone. `settings`: as for `hub_process`."""
    with TemporaryDirectory(prefix="roost-") as temporary:
        folder = data or Path(temporary)
        wanted: dict[str, Any] = {"data": str(folder), **QUIET} | settings
        async with anyio.create_task_group() as tasks:
            running = RunningHub(Settings(**wanted), tasks)
            await running.start()
            try:
                yield running
            finally:
                with anyio.CancelScope(shield=True):
                    await running.stop()
                    await end_hosts(folder)
