"""What an agent has beside its runs (ports.Home): a process of its own, a screen if it has one, and a place to say what
it can do."""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.abc
from anyio import to_thread

from roost.host.tree import Command, Tree
from roost.host.views import PtyView
from roost.host.visitors import Door, Heard
from roost.model.events import AgentConfigured
from roost.model.sandbox import Enclosed
from roost.ports import Screen, View

MAX_DIAGNOSTIC_BYTES: Final = 4 * 1024 * 1024
"""What one agent says on standard error beyond this is read and thrown away."""
SILENCED: Final = b"\n[the agent says more than is kept]\n"
STDERR: Final = 2
"""Of the host: the session's log of diagnostics (roost.wiring.log_to)."""


class AgentHome:
    """Keeps the standard error of agents flowing while `run` runs: one that is not read would stop its agent."""

    def __init__(
        self,
        tree: Tree,
        able: Callable[[dict[str, Any]], None],
        configured: Callable[[AgentConfigured], None],
        *,
        folder: Path,
        diagnostics: int = STDERR,
    ) -> None:
        """`able`: is told what the agent can do, `configured`: how it is set; `folder`: `ports.Home.folder`;
        `diagnostics`: the descriptor that standard error goes to."""
        self.screen: Screen | None = None
        """What the agent has shown."""
        self._able, self._configured, self._folder = able, configured, folder
        tree.lasting = folder.exists()
        self._tree, self._diagnostics = tree, diagnostics
        self._tasks: anyio.abc.TaskGroup | None = None

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            task_status.started()
            await anyio.sleep_forever()

    @property
    def sandboxed(self) -> bool:
        return self._tree.sandboxed

    def able(self, capabilities: dict[str, Any]) -> None:
        self._able(capabilities)

    def configured(self, how: AgentConfigured) -> None:
        self._configured(how)

    async def listen(self, workspace: Path, heard: Heard) -> Sequence[str]:
        """Raises: OSError."""
        assert self._tasks is not None, "run comes first"
        door = await Door.opened(workspace)
        await self._tasks.start(door.serve, heard)
        return door.command

    @property
    def folder(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._folder

    async def clear(self) -> None:
        """Everything has been killed: nothing is left to the next host."""
        await to_thread.run_sync(shutil.rmtree, self._folder, True)

    def show(self, screen: Screen) -> None:
        self.screen = screen

    async def launch(
        self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], outside: bool = False
    ) -> Command:
        """Start an agent. Raises: OSError: it cannot be started."""
        program = await self._tree.spawn(command, cwd=cwd, env=env, apart=True, talks=True, outside=outside)
        self._keep_draining(program)
        return program

    async def enclose(self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> Enclosed:
        return await self._tree.enclosed(command, cwd=cwd, env=env, lasts=True)

    async def outlast(self, command: Sequence[str], *, env: Mapping[str, str]) -> int:
        program = await self._tree.spawn(command, cwd=self.folder, env=env, apart=True, outside=True, lasts=True)
        self._keep_draining(program)
        return await program.wait()

    async def view(self, command: Sequence[str], *, columns: int, rows: int) -> View:
        """Raises: OSError."""

        async def start(terminal: int) -> Command:
            env = {"TERM": "xterm-256color"}
            return await self._tree.spawn(command, cwd=self.folder, env=env, outside=True, terminal=terminal)

        return await PtyView.begin(start, columns, rows)

    def _keep_draining(self, program: Command) -> None:
        assert self._tasks is not None, "run comes first"
        self._tasks.start_soon(self._drain, program)

    async def _drain(self, program: Command) -> None:
        left = MAX_DIAGNOSTIC_BYTES
        async for chunk in program.stderr():
            if left >= 0:
                kept = chunk if len(chunk) <= left else chunk[:left] + SILENCED
                await to_thread.run_sync(os.write, self._diagnostics, kept)
                left -= len(chunk)
