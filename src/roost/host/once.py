"""Something that is made once, whoever needs it first."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import anyio
from msgspec import UNSET, UnsetType

from roost.model.errors import RoostError

T = TypeVar("T")


class Once(Generic[T]):
    """Made at the first call; after a failure, or if the one who made it was cancelled, at the next. Whoever waited for
    an attempt that failed is told why: it is not tried again for each of them."""

    def __init__(self, make: Callable[[], Awaitable[T]]) -> None:
        self._make = make
        self._made: T | UnsetType = UNSET
        self._failure: RoostError | None = None
        self._making = anyio.Lock()

    async def __call__(self) -> T:
        """Raises: what `make` raises."""
        before = self._failure
        async with self._making:
            if self._made is not UNSET:
                return self._made
            if self._failure is not None and self._failure is not before:
                raise self._failure
            try:
                self._made = await self._make()
            except RoostError as error:
                self._failure = error
                raise
            return self._made
