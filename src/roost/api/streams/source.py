"""What a stream shows: pages of something that has cursors, and the bytes that they are."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar, runtime_checkable

Framing = Callable[[bytes], bytes]
"""What makes of a piece of a body the bytes that go over a connection."""


class Page(Protocol):
    """A piece of it. `cursor`: behind it the next one begins; where this one did, if there is nothing so far. `ended`:
    nothing will be."""

    @property
    def cursor(self) -> int: ...

    @property
    def ended(self) -> bool: ...


P = TypeVar("P")
N = TypeVar("N", bound=Page)
N_co = TypeVar("N_co", bound=Page, covariant=True)


class Near(Protocol[N_co]):
    """The newest pages, which memory holds while they are watched. Both raise what `Source.follow` raises."""

    def at_hand(self, after: int, /) -> N_co | None:
        """The page after this cursor, the same for all who ask; None: it must be `read`."""
        ...

    async def read(self, after: int, /) -> N_co: ...


class Source(Protocol[P]):
    """What one stream shows."""

    async def begin(self) -> tuple[bytes, int]:
        """What comes first, and the cursor from which pages go on."""
        ...

    def follow(self, cursor: int) -> AsyncIterator[P]:
        """Every page from there on, the past and then the present."""
        ...

    def renderer(self, framing: Framing) -> Callable[[P], bytes]:
        """What makes a page's bytes; none, if nothing of it is shown."""
        ...


@runtime_checkable
class Watched(Protocol[N]):
    """What many follow. Who may not wait looks: what `Source.follow` does, in steps."""

    def watch(self, look: Callable[[], None]) -> AbstractContextManager[Near[N]]:
        """While the block runs, `look` is called when there is something new: another page, or the end."""
        ...

    def renderer(self, framing: Framing) -> Callable[[N], bytes]:
        """As of a `Source`."""
        ...
