"""How much is appended, and how long it takes."""

from bisect import bisect_left
from typing import Final

from msgspec import Struct, field

BOUNDS_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


def _none() -> list[int]:
    return [0] * (len(BOUNDS_SECONDS) + 1)


class Appends(Struct):
    """What was appended since the hub started. `slots`: how many took at most the bound of the same place, and more
    than the one before; the last one is for all that took longer."""

    events: int = 0
    commits: int = 0
    seconds: float = 0.0
    slots: list[int] = field(default_factory=_none)

    def note(self, events: int, seconds: float) -> None:
        self.events += events
        self.commits += 1
        self.seconds += seconds
        self.slots[bisect_left(BOUNDS_SECONDS, seconds)] += 1
