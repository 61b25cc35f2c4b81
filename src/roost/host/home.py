"""What an agent has beside its runs (ports.Home): a process of its own, and a place to say what it can do."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.abc
from anyio import to_thread

from roost.host.tree import Command, Tree
from roost.host.visitors import Door, Heard
from roost.model.events import AgentConfigured

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
        diagnostics: int = STDERR,
    ) -> None:
        """`able`: is told what the agent can do, `configured`: how it is set; `diagnostics`: the descriptor that
        standard error goes to."""
        self._able, self._configured = able, configured
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

    async def launch(self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> Command:
        """Start an agent. Raises: OSError: it cannot be started."""
        assert self._tasks is not None, "run comes first"
        program = await self._tree.spawn(command, cwd=cwd, env=env, apart=True, talks=True)
        self._tasks.start_soon(self._drain, program)
        return program

    async def _drain(self, program: Command) -> None:
        left = MAX_DIAGNOSTIC_BYTES
        async for chunk in program.stderr():
            if left >= 0:
                kept = chunk if len(chunk) <= left else chunk[:left] + SILENCED
                await to_thread.run_sync(os.write, self._diagnostics, kept)
                left -= len(chunk)
