"""Who comes and goes, as frames of their wire (hub-wire 9 and 11.5)."""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from roost.api.coder.shapes import Shape
from roost.api.coder.views import TRANSPORTS
from roost.model.ids import SessionId
from roost.model.info import Participant

MAX_SHOWN: Final = 100
"""Participants that one frame names."""
ONE_BY_ONE: Final = 5
"""More who come and go at once are told in one frame."""
Change = Literal["session_join", "session_leave", "presence_update"]

_encoder = msgspec.json.Encoder(enc_hook=str)


class Attendee(Shape, frozen=True, kw_only=True):
    """Somebody who is here. Times in ms, where REST has ISO."""

    id: str
    role: str
    transport: str
    subscriptions: tuple[str, ...]
    connected_at: int
    last_activity: int


class Presence(Shape, frozen=True, kw_only=True, tag_field="type", tag="presence"):
    event: Change
    session_id: SessionId
    timestamp: int
    participants: list[Attendee]
    participant: Attendee | UnsetType = UNSET


class Arrivals:
    """Remembers who was here when it was asked last. Those who are here at first are not told."""

    def __init__(self, session: SessionId) -> None:
        self._session = session
        self._here: dict[str, Participant] | None = None

    def told(self, here: Sequence[Participant], now: int) -> list[tuple[Change, bytes]]:
        """The frames about who has come and gone until `now` (ms), with the names of their events."""
        before, self._here = self._here, {one.id: one for one in here}
        if before is None:
            return []
        came = [one for name, one in self._here.items() if name not in before]
        went = [one for name, one in before.items() if name not in self._here]
        if len(came) + len(went) > ONE_BY_ONE:
            return [self._frame("presence_update", None, now)]
        joined = [self._frame("session_join", one, now) for one in came]
        return [*joined, *(self._frame("session_leave", one, now) for one in went)]

    def _frame(self, change: Change, one: Participant | None, now: int) -> tuple[Change, bytes]:
        shown = [attendee(other, now) for other in list((self._here or {}).values())[:MAX_SHOWN]]
        who = UNSET if one is None else attendee(one, now)
        frame = Presence(event=change, session_id=self._session, timestamp=now, participants=shown, participant=who)
        return change, _encoder.encode(frame)


def attendee(one: Participant, now: int) -> Attendee:
    since = now if one.since is UNSET else one.since
    return Attendee(
        id=one.id,
        role=one.role,
        transport=TRANSPORTS.get(one.via, "ws"),
        subscriptions=(),
        connected_at=since,
        last_activity=since,
    )
