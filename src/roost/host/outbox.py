"""Where a run's events leave the host: numbered, spooled, and the wire woken."""

from collections.abc import Awaitable, Callable, Sequence

from msgspec import UnsetType

from roost.link.host_end import HostEnd
from roost.model.errors import SpoolFull
from roost.model.ids import RunId


class Outbox:
    """The way out. Once full it stays full for everything but the end of the run, and says so to the host."""

    def __init__(
        self,
        end: HostEnd,
        *,
        wake: Callable[[], None],
        progress: Callable[[], Awaitable[None]],
        on_full: Callable[[], None],
    ) -> None:
        self.full = False
        self._end, self._wake, self.progress, self._on_full = end, wake, progress, on_full

    @property
    def unacknowledged(self) -> int:
        return self._end.unacknowledged

    def put(self, bodies: Sequence[bytes], run: RunId | UnsetType, *, last_words: bool = False) -> None:
        """Raises: SpoolFull: those before the one that found no room are kept."""
        if not bodies:
            return
        if self.full and not last_words:
            raise SpoolFull
        try:
            for body in bodies:
                self._end.produce(body, run, last_words=last_words)
        except SpoolFull:
            self.full = True
            self._on_full()
            raise
        finally:
            self._wake()
