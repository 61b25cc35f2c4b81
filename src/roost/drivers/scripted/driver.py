"""An agent that does what its prompt says (README.md beside this file): for the demo, tests and benchmarks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
from msgspec import UNSET

from roost.drivers.scripted.play import Play, read_input
from roost.model.events import ConfigChanged, RunResult
from roost.ports import Home, Past, Turn


class ScriptedDriver:
    """Follows the script of each prompt; echoes one that holds none (ports.Driver)."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}
        """What it was started with, and what has been changed since."""
        self.past: Past | None = None
        self._scope: anyio.CancelScope | None = None
        self._deaf = False

    async def start(
        self, workspace: Path, env: Mapping[str, str], options: Mapping[str, Any], past: Past, home: Home
    ) -> dict[str, Any]:
        self.options, self.past = dict(options), past
        return {"steer": True, "questions": True}

    async def configure(self, changed: ConfigChanged) -> None:
        given = {name: value for name in ("model", "mode") if (value := getattr(changed, name)) is not UNSET}
        self.options |= given | (changed.options or {})

    async def run(self, turn: Turn) -> RunResult:
        steps = read_input(turn.input)
        play = Play(turn, self)
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

    async def hang(self) -> None:
        """Do nothing, and do not listen: only the host's cancellation ends it."""
        self._deaf = True
        try:
            await anyio.sleep_forever()
        finally:
            self._deaf = False
