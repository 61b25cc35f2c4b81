"""Long lists are made in steps, between which everybody else on the event loop has a turn."""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from anyio.lowlevel import checkpoint

T = TypeVar("T")
Made = TypeVar("Made")
STEP_ITEMS: Final = 200
"""A few milliseconds of work: a list without a limit may hold 100,000 sessions."""


async def in_steps(make: Callable[[T], Made], found: Sequence[T]) -> list[Made]:
    """`make` of each, in order. Cancelled between two steps, nothing is made."""
    made: list[Made] = []
    for first in range(0, len(found), STEP_ITEMS):
        if first:
            await checkpoint()
        made.extend(map(make, found[first : first + STEP_ITEMS]))
    return made
