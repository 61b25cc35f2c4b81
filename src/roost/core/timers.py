"""Time in the life of sessions: idle, parked, past a deadline. One task for all; what is due follows from records."""

import anyio
import structlog
from msgspec.structs import replace

from roost.core.decision import Decision
from roost.core.due import Times, next_due, overdue
from roost.core.session import Session
from roost.model.errors import RoostError
from roost.model.ids import SessionId
from roost.model.record import Record
from roost.ports import Clock

LONGEST_SECONDS = 30.0
"""Look at the clock at least this often, also if it jumps."""

_log = structlog.get_logger("roost.timers")


class Timers:
    """Knows for every live session when something is due. `touch` it whenever a session has changed."""

    def __init__(self, clock: Clock, times: Times) -> None:
        self._clock = clock
        self._times = times
        self._due: dict[SessionId, tuple[int, Session]] = {}
        self._changed = anyio.Event()
        self._look_at = 0
        """When the clock is looked at next (ms), unless something is due earlier."""

    def touch(self, session: Session) -> None:
        at = None if session.deleted else next_due(self._seen(session, session.record_now), self._times)
        if at is None:
            self._due.pop(session.id, None)
            return
        self._due[session.id] = (at, session)
        if at < self._look_at or self._look_at < self._clock.now_ms():  # else every event would have all looked at
            self._changed.set()

    def _seen(self, session: Session, record: Record) -> Record:
        """The record, with calls to the host as a reason to stay awake."""
        used = self._clock.now_ms() if session.calls else session.called_at
        return replace(record, idle_at=used) if used > record.idle_at else record

    async def run(self) -> None:
        """Act on what is due, until cancelled."""
        while True:
            self._changed = anyio.Event()
            now = self._clock.now_ms()
            for at, session in list(self._due.values()):
                if at <= now:
                    await self._act(session)
            latest = now + int(LONGEST_SECONDS * 1000)
            self._look_at = min((at for at, _ in self._due.values() if at < latest), default=latest)
            with anyio.move_on_after(max(0.005, (self._look_at - now) / 1000)):
                await self._changed.wait()

    async def _act(self, session: Session) -> None:
        def choose(record: Record) -> Decision:
            return overdue(self._seen(session, record), self._clock.now_ms(), self._times)

        try:
            await session.decide(choose)
            await session.settle()
        except RoostError as error:
            _log.error("what is due could not be done", session=session.id, code=error.code, detail=error.message)
            self._due.pop(session.id, None)  # until its next change
            return
        self.touch(session)
