"""Who is here: open streams and sockets, with who opened them. Presence is no event and is forgotten with the hub."""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from itertools import count
from typing import Final

from msgspec import UNSET, Struct
from msgspec.structs import replace

from roost.core.bell import LocalBell
from roost.model.events import Principal
from roost.model.ids import SessionId
from roost.model.info import Participant
from roost.model.record import Record
from roost.ports import Clock

LEFT_PER_SESSION: Final = 50
LEFT_SESSIONS: Final = 1000
"""Those who left are remembered for so many sessions, and so many of each."""


class _Here(Struct):
    participant: Participant
    by: Principal
    leave: Callable[[], None]


class Presence:
    """Every open stream and socket of this hub, of a session or (the feed) of none."""

    def __init__(self, clock: Clock) -> None:
        self.bell = LocalBell()
        """Rings with a session's id when somebody comes or goes."""
        self._clock = clock
        self._numbers = count(1)
        self._here: dict[SessionId | None, dict[str, _Here]] = {}
        self._left: OrderedDict[SessionId, deque[Participant]] = OrderedDict()

    @contextmanager
    def here(
        self, by: Principal, *, via: str, role: str, leave: Callable[[], None], session: SessionId | None = None
    ) -> Generator[Participant]:
        """While the block runs, this principal is here. `leave` is called to end its connection: its key is revoked."""
        joined = Participant(
            id=f"conn_{next(self._numbers)}",
            role=role,
            via=via,
            user=by.user,
            org=by.org,
            kind=by.kind,
            key=by.key,
            connected=True,
            since=self._clock.now_ms(),
        )
        here = self._here.setdefault(session, {})
        here[joined.id] = _Here(joined, by, leave)
        self._ring(session)
        try:
            yield joined
        finally:
            del here[joined.id]
            if not here and self._here.get(session) is here:
                del self._here[session]
            if session is not None:
                self._note_left(session, joined)
            self._ring(session)

    def of(self, session: SessionId, *, disconnected: bool = False) -> list[Participant]:
        """Who is here, in the order in which they came; with `disconnected` those who left come first."""
        left = list(self._left.get(session, ())) if disconnected else []
        return [*left, *(entry.participant for entry in self._here.get(session, {}).values())]

    def ways(self) -> Counter[str]:
        """How many are open, by what they are."""
        return Counter(entry.participant.via for here in self._here.values() for entry in here.values())

    def end_key(self, key: str) -> None:
        """End every connection that was opened with this key."""
        for here in list(self._here.values()):
            for entry in list(here.values()):
                if entry.by.key == key:
                    entry.leave()

    def end_unseen(self, session: SessionId, may_see: Callable[[Principal], bool]) -> None:
        """End the connections of those who may not see the session any more."""
        for entry in list(self._here.get(session, {}).values()):
            if not may_see(entry.by):
                entry.leave()

    def forget(self, session: SessionId) -> None:
        """It was deleted; whoever is there is told."""
        self._left.pop(session, None)
        self._ring(session)

    def _ring(self, session: SessionId | None) -> None:
        if session is not None:
            self.bell.ring(session)

    def _note_left(self, session: SessionId, joined: Participant) -> None:
        left = self._left.setdefault(session, deque(maxlen=LEFT_PER_SESSION))
        left.append(replace(joined, connected=False, left=self._clock.now_ms()))
        self._left.move_to_end(session)
        while len(self._left) > LEFT_SESSIONS:
            self._left.popitem(last=False)


def lead_of(record: Record, *, linked: bool) -> Participant:
    """The driver: it leads, from beside the workspace, since its host came."""
    since = record.ready_at or UNSET
    return Participant(
        id="lead", role="lead", via="link", user=record.agent, kind="service", connected=linked, since=since
    )
