"""An agent that does what its prompt says (README.md beside this file): for the demo, tests and benchmarks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio

from roost.drivers.scripted.play import Play, read_input
from roost.model.events import RunResult
from roost.ports import Turn


class ScriptedDriver:
    """Follows the script of each prompt; echoes one that holds none (ports.Driver)."""

    def __init__(self) -> None:
        self._scope: anyio.CancelScope | None = None
        self._deaf = False

    async def start(self, workspace: Path, env: Mapping[str, str], options: Mapping[str, Any]) -> dict[str, Any]:
        return {"steer": True, "questions": True}

    async def run(self, turn: Turn) -> RunResult:
        steps = read_input(turn.input)
        play = Play(turn, self._hang)
        with anyio.CancelScope() as scope:
            self._scope = scope
            try:
                await play.all(steps)
            finally:
                self._scope = None
        return await play.result()

    async def abort(self) -> None:
        if self._scope is not None and not self._deaf:
            self._scope.cancel()

    async def close(self) -> None:
        await self.abort()

    async def _hang(self) -> None:
        """Do nothing, and do not listen: only the host's cancellation ends it."""
        self._deaf = True
        try:
            await anyio.sleep_forever()
        finally:
            self._deaf = False
