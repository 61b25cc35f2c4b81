"""Reaching the host of a session for a call: woken if wanted, waited for while it starts (PROTOCOL.md, "Calls").

Calls are asked once and never recorded. One that wakes, and any while it lasts, keeps its session from idling.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import anyio
import msgspec
from msgspec import Struct

from roost.core.hostlink import HostLink
from roost.core.hosts import Hosts
from roost.core.session import Ground, Session
from roost.core.timers import Timers
from roost.model.commands import Resume
from roost.model.errors import LinkDown, SessionArchived, SessionAsleep, SessionClosed, TimedOut
from roost.model.events import Principal
from roost.model.lifecycle import Phase
from roost.settings import Settings

SETTLING_SECONDS: Final = 3.0
"""How long a link that is away is waited for: hosts look for their hub at least every 2 s."""
T = TypeVar("T")


class Reach:
    """The way to the hosts of all sessions."""

    def __init__(self, ground: Ground, hosts: Hosts, timers: Timers, settings: Settings) -> None:
        self._ground = ground
        self._hosts = hosts
        self._timers = timers
        self._start_timeout = settings.start_timeout_seconds

    @asynccontextmanager
    async def host(self, session: Session, by: Principal, *, wake: bool) -> AsyncGenerator[HostLink]:
        """The link of the session's host, for a call or several. Not to be held over a `yield`.

        Raises: SessionAsleep: it sleeps, and `wake` is not wanted; SessionArchived, SessionClosed; LinkDown: no host,
        and none is on its way; TimedOut.
        """
        session.calls += 1
        try:
            yield await self._link(session, by, wake)
        finally:
            session.calls -= 1
            if wake:
                session.called_at = self._ground.clock.now_ms()
            self._timers.touch(session)

    async def link(self, session: Session, by: Principal) -> HostLink:
        """The same for who only looks: it wakes nobody, and keeps nobody awake."""
        return await self._link(session, by, wake=False)

    async def call(
        self, session: Session, by: Principal, method: str, params: Struct, wanted: type[T], *, wake: bool
    ) -> T:
        """One call. Raises: what `host` raises; whatever the host answers."""
        async with self.host(session, by, wake=wake) as link:
            return await ask(link, method, params, wanted)

    def tell(self, session: Session, method: str, params: Struct) -> None:
        """Say something to the host, if it is there; nobody waits for an answer."""
        if (link := self._hosts.link(session.id)) is not None:
            link.tell(method, params)

    async def _link(self, session: Session, by: Principal, wake: bool) -> HostLink:
        link: HostLink | None = None
        with anyio.move_on_after(self._start_timeout):
            woken = False
            while link is None:
                signal = self._ground.bell.ticket(session.id)  # before looking
                record = session.record_now
                _must_be_open(record.phase)
                leaving = record.phase is Phase.PAUSED or record.pause_requested
                if leaving and not wake:
                    raise SessionAsleep
                if record.phase is Phase.PAUSED:
                    if woken:
                        raise LinkDown("the session was woken and fell asleep again; its log says why")
                    await session.handle(Resume(), by)
                    woken = True
                    continue
                link = None if leaving else self._hosts.link(session.id)
                if link is None and record.phase is Phase.ACTIVE and not leaving:
                    link = await self._settled(session)
                elif link is None:
                    await signal.wait()
        if link is None:
            raise TimedOut("the session's host did not come in time")
        return link

    async def _settled(self, session: Session) -> HostLink:
        """The link of an active session that has none just now. Raises: LinkDown."""
        with anyio.move_on_after(SETTLING_SECONDS):
            while True:
                signal = self._ground.bell.ticket(session.id)
                if (link := self._hosts.link(session.id)) is not None:
                    return link
                if session.record_now.phase is not Phase.ACTIVE:
                    break
                await signal.wait()
        raise LinkDown


async def ask(link: HostLink, method: str, params: Struct, wanted: type[T]) -> T:
    """Raises: LinkDown; whatever the host answers."""
    return msgspec.convert(await link.call(method, params), wanted)


def _must_be_open(phase: Phase) -> None:
    if phase is Phase.ARCHIVED:
        raise SessionArchived
    if phase in (Phase.ENDED, Phase.FAILED):
        raise SessionClosed
