"""People at the screen of a session's agent: what it shows, and terminals that look at it and type (PROTOCOL.md,
section 13). Carried out by the session's host, off the record."""

from collections.abc import Awaitable, Callable
from typing import Final

from roost.core.hostlink import HostLink
from roost.core.reach import Reach, ask
from roost.core.session import Session
from roost.link import calls
from roost.model.events import Principal
from roost.model.screens import Shown, Size

EMPTY: Final = calls.Nothing()


class Terminal:
    """One that looks at a screen. One call of each kind at a time."""

    def __init__(self, link: HostLink, handle: str) -> None:
        self._link, self._on = link, calls.OnHandle(handle=handle)

    async def read(self) -> bytes:
        """What it is to be sent next; empty: that was all. Raises: LinkDown."""
        return (await ask(self._link, "read_view", self._on, calls.Piece)).data

    async def write(self, keys: bytes) -> None:
        """Raises: LinkDown, ScreenLost."""
        await self._link.call("write_view", calls.WriteOn(handle=self._on.handle, data=keys))

    async def resize(self, size: Size) -> None:
        """Raises: LinkDown; InvalidRequest."""
        size.check()
        resized = calls.ResizeView(handle=self._on.handle, columns=size.columns, rows=size.rows)
        await self._link.call("resize_view", resized)

    def close(self) -> None:
        self._link.tell("drop_view", self._on)


class Terminals:
    """Of all sessions. Every method may raise what `Reach.host` raises, and ScreenMissing, ScreenLost, StartFailed."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def shown(self, session: Session, by: Principal, *, wake: bool) -> Shown:
        return await self._reach.call(session, by, "shown", EMPTY, Shown, wake=wake)

    async def serve(
        self, session: Session, by: Principal, size: Size, serve: Callable[[Terminal], Awaitable[None]], *, writes: bool
    ) -> None:
        """Look at the screen as long as `serve` takes. Whoever types (`writes`) wakes the session, and keeps it awake;
        who only looks does neither. Raises: InvalidRequest; HostBusy: too many look already."""
        size.check()
        if not writes:
            await self._look(await self._reach.link(session, by), size, serve, writes)
            return
        async with self._reach.host(session, by, wake=True) as link:
            await self._look(link, size, serve, writes)

    async def _look(
        self, link: HostLink, size: Size, serve: Callable[[Terminal], Awaitable[None]], writes: bool
    ) -> None:
        asked = calls.OpenView(columns=size.columns, rows=size.rows, writes=writes)
        terminal = Terminal(link, (await ask(link, "open_view", asked, calls.Created)).handle)
        try:
            await serve(terminal)
        finally:
            terminal.close()
