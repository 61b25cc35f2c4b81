"""Which sandbox a session gets: what it asked for, what the hub's settings say, what there can be on this machine."""

from collections.abc import Callable
from typing import Final

import structlog
from anyio import to_thread
from msgspec import UNSET
from msgspec.structs import replace

from roost.model.commands import CreateSession
from roost.model.errors import SandboxUnavailable
from roost.model.record import Record
from roost.model.sandbox import Availability, SandboxSpec, merged, wished
from roost.settings import Settings

NOWHERE: Final = Availability(reason="this hub was made without sandboxes")
"""Of a hub whose maker brings none."""

_log = structlog.get_logger("roost.sandbox")


class Enclosing:
    """`look` finds out what there can be; it blocks for some milliseconds, and is asked again as long as it says no."""

    def __init__(self, settings: Settings, look: Callable[[], Availability]) -> None:
        self._look = look
        self._available: Availability | None = None
        self._defaults = SandboxSpec(
            kind=settings.sandbox,
            network=settings.network,
            memory=settings.sandbox_memory_bytes,
            processes=settings.sandbox_processes,
            cpus=settings.sandbox_cpus,
        )

    async def look(self) -> None:
        """As the hub starts, so that the first session need not."""
        if self._defaults.kind == "none":
            return
        found = await self._look_again()
        if found.reason:
            _log.warning("agents are not enclosed", reason=found.reason, todo=found.todo)

    async def check(self, command: CreateSession) -> None:
        """An agent that comes by itself is nobody's to enclose. Raises: InvalidBody: a limit that nothing starts with;
        SandboxUnavailable: this session would not start."""
        asked = command.sandbox.settled()
        if command.mode == "sandbox":
            await self._settled(merged(asked, self._defaults))

    async def ordered(self, record: Record) -> tuple[SandboxSpec, str]:
        """For a host that is to be started: what it puts up, `kind` being `none` or `bubblewrap`, and why there is
        none though one was welcome. Raises: SandboxUnavailable."""
        wishes = SandboxSpec() if record.kit.wishes is UNSET else wished(record.kit.wishes)
        return await self._settled(merged(record.sandbox, wishes, self._defaults))

    async def _settled(self, wanted: SandboxSpec) -> tuple[SandboxSpec, str]:
        if wanted.kind == "none":
            return wanted, ""
        found = await self._look_again()
        if not found.reason:
            return replace(wanted, kind="bubblewrap"), ""
        if wanted.kind == "bubblewrap":
            raise SandboxUnavailable(f"{found.reason}: {found.todo}", reason=found.reason)
        return replace(wanted, kind="none"), found.reason

    async def _look_again(self) -> Availability:
        if self._available is None or self._available.reason:
            self._available = await to_thread.run_sync(self._look)
        return self._available


UNENCLOSED: Final = Enclosing(Settings(sandbox="none"), lambda: NOWHERE)
"""Nobody asks for a sandbox."""
