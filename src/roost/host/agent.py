"""The agent of this host: started once, and told whatever is changed about it, in the order of the log."""

import logging
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import anyio
from msgspec import UNSET

from roost.model.events import ConfigChanged
from roost.ports import Driver, Home, Past

log = logging.getLogger("roost.host.agent")
CONCERNS: Final = ("model", "mode", "options")
"""What of a configuration an agent is told; the rest is the hub's affair."""


class Agent:
    """Stands before the driver as long as it is not ready to listen."""

    def __init__(
        self,
        driver: Driver,
        *,
        env: Mapping[str, str],
        options: Mapping[str, Any],
        home: Home,
    ) -> None:
        """`options`: as the hub knew them when it made the ticket."""
        self.past: Past
        self._driver, self._env, self._home = driver, env, home
        self._options = dict(options)
        self._changes: deque[ConfigChanged] = deque()
        self._changed = anyio.Event()
        self._started = False
        self._telling = anyio.Lock()

    async def start(self, workspace: Path) -> None:
        """Once, or again after a failure. Raises: StartFailed."""
        async with self._telling:
            self._changes.clear()  # they are among the options
            capabilities = await self._driver.start(workspace, self._env, dict(self._options), self.past, self._home)
            self._started = True
        self._home.able(capabilities)

    async def told(self) -> None:
        """Returns when an agent that has started knows every change that was read so far."""
        async with self._telling:
            if self._started:
                await self._tell()

    def configure(self, changed: ConfigChanged) -> None:
        """Read from the log: tell the agent of it, now or when it starts."""
        given = {name: value for name in CONCERNS if (value := getattr(changed, name)) is not UNSET}
        if given:
            self._options |= given.pop("options", {}) | given
            self._changes.append(changed)
            self._changed.set()

    async def keep_telling(self) -> None:
        """Tell an agent that has started of changes as they come, until cancelled."""
        while True:
            self._changed = anyio.Event()
            await self.told()
            await self._changed.wait()

    async def _tell(self) -> None:
        while self._changes:
            try:
                await self._driver.configure(self._changes.popleft())
            except Exception:
                log.exception("the agent could not be configured")
