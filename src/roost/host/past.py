"""What was before this host, as its agent sees it (ports.Past)."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from msgspec import UNSET, UnsetType

from roost.host.errands import Errands
from roost.model.envelope import Event, encode_body
from roost.model.errors import BodyTooLarge
from roost.model.events import MAX_STATE_BYTES, AgentState, TakenUp
from roost.model.ids import Seq


class SessionPast:
    """`put` hands an event to the outbox."""

    def __init__(self, state: Mapping[str, Any], *, errands: Errands, put: Callable[[bytes], None]) -> None:
        self._state, self._errands, self._put = state, errands, put

    @property
    def state(self) -> Mapping[str, Any]:
        return self._state

    def keep(self, state: Mapping[str, Any], taken_up: TakenUp | UnsetType = UNSET) -> None:
        raw = encode_body(AgentState(state=dict(state), taken_up=taken_up))
        if len(raw) > MAX_STATE_BYTES:
            raise BodyTooLarge(f"a state of {len(raw)} bytes", limit_bytes=MAX_STATE_BYTES)
        self._put(raw)
        self._state = dict(state)

    async def events(self, after: Seq = 0) -> AsyncIterator[Event]:
        while events := await self._errands.read_log(after):
            for event in events:
                yield event
            after = events[-1].seq
