"""What every session of a hub stands on."""

from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from roost.core.blobs import Blobs
from roost.core.log import Log
from roost.model.events import InputPart, Principal
from roost.model.ids import SessionId
from roost.ports import Bell, Clock, Store

TakeIn = Callable[[Sequence[InputPart], SessionId, Principal], Awaitable[tuple[InputPart, ...]]]


class Ground(Struct, frozen=True):
    """Shared by all sessions."""

    store: Store
    log: Log
    bell: Bell
    clock: Clock
    paused_seconds: float = 0.0
    """Asleep for this long, a session that says nothing else counts as history. 0: never."""
    blobs: Blobs | None = None
    """Where hosts may have content kept; None: nowhere."""
    take_in: TakeIn | None = None
    """What becomes of an input before it is recorded (core/shelf.py)."""
