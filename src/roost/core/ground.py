"""What every session of a hub stands on."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from msgspec import Struct

from roost.core.blobs import Blobs
from roost.core.enclosing import UNENCLOSED, Enclosing
from roost.core.log import Log
from roost.model.events import InputPart, Principal
from roost.model.ids import Seq, SessionId
from roost.ports import Bell, Clock, Store
from roost.settings import Settings


class TakeIn(Protocol):
    """What becomes of an input before it is recorded, and after (core/shelf.py)."""

    def __call__(
        self, parts: Sequence[InputPart], session: SessionId, by: Principal, *, after: Seq
    ) -> AbstractAsyncContextManager[tuple[InputPart, ...]]: ...


class Ground(Struct, frozen=True):
    """Shared by all sessions."""

    store: Store
    log: Log
    bell: Bell
    clock: Clock
    settings: Settings = Settings()
    blobs: Blobs | None = None
    """Where hosts may have content kept; None: nowhere."""
    take_in: TakeIn | None = None
    """None: inputs refer to nothing."""
    attended: Callable[[SessionId], bool] = lambda _session: True
    """Whether anybody is attached to a session (core/presence.py)."""
    enclosing: Enclosing = UNENCLOSED

    @property
    def ready_ms(self) -> int:
        """Quiet for longer, a session is idle."""
        return int(self.settings.ready_seconds * 1000)
