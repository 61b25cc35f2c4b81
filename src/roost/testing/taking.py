"""Reading a stream just so far."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

import anyio

T = TypeVar("T")


async def take(events: AsyncGenerator[T], count: int, *, seconds: float = 10.0) -> list[T]:
    """The next `count` of them; the stream is closed after that. Raises: TimeoutError: they did not come in time."""
    taken: list[T] = []
    with anyio.fail_after(seconds):
        async with aclosing(events):
            async for event in events:
                taken.append(event)
                if len(taken) == count:
                    break
    return taken
