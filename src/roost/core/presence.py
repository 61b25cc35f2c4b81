"""Who is here: open streams and sockets, with who opened them. Presence is no event and is forgotten with the hub."""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import count
from typing import Final

from msgspec import UNSET
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


class _Here:
    """Somebody who is here while the block runs. No generator: that is half a KiB more for every idle stream."""

    __slots__ = ("_presence", "_session", "by", "leave", "participant")

    def __init__(
        self,
        presence: "Presence",
        session: SessionId | None,
        participant: Participant,
        by: Principal,
        leave: Callable[[], None],
    ) -> None:
        self._presence = presence
        self._session = session
        self.participant = participant
        self.by = by
        self.leave = leave

    def __enter__(self) -> Participant:
        self._presence.enter(self._session, self)
        return self.participant

    def __exit__(self, *_: object) -> None:
        self._presence.exit(self._session, self)


class Presence:
    """Every open stream and socket of this hub, of a session or (the feed) of none."""

    def __init__(self, clock: Clock) -> None:
        self.bell = LocalBell()
        """Rings with a session's id when somebody comes or goes."""
        self._clock = clock
        self._numbers = count(1)
        self._here: dict[SessionId | None, dict[str, _Here]] = {}
        self._left: OrderedDict[SessionId, deque[Participant]] = OrderedDict()

    def here(
        self, by: Principal, *, via: str, role: str, leave: Callable[[], None], session: SessionId | None = None
    ) -> AbstractContextManager[Participant]:
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
        return _Here(self, session, joined, by, leave)

    def enter(self, session: SessionId | None, who: _Here) -> None:
        """What entering the block of `here` does."""
        self._here.setdefault(session, {})[who.participant.id] = who
        self._ring(session)

    def exit(self, session: SessionId | None, who: _Here) -> None:
        """What leaving it does."""
        here = self._here[session]
        del here[who.participant.id]
        if not here:
            del self._here[session]
        if session is not None:
            self._note_left(session, who.participant)
        self._ring(session)

    def of(self, session: SessionId, *, disconnected: bool = False) -> list[Participant]:
        """Who is here, in the order in which they came; with `disconnected` those who left come first."""
        left = list(self._left.get(session, ())) if disconnected else []
        return [*left, *(entry.participant for entry in self._here.get(session, {}).values())]

    def attended(self, session: SessionId) -> bool:
        """Whether anybody is here."""
        return bool(self._here.get(session))

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
