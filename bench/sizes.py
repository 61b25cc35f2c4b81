"""How much is measured. Payloads are the same in all sizes: only time and counts differ."""

from typing import Final

from msgspec import Struct

EVENT_BYTES: Final = 256
"""The body of every event that is counted."""


class Sizes(Struct, frozen=True, kw_only=True):
    runs: int = 5
    """How often each side is measured, in turns; the median is reported."""
    warm_seconds: float = 0.5
    seconds: float = 4.0
    """Of a flood: what comes first is not counted."""
    subscribers: tuple[int, ...] = (100, 1000)
    hosts: int = 100
    batches: tuple[int, ...] = (16, 1)
    """Events in one append. The first one has a goal."""
    history: int = 10_000
    """Events that a reader catches up with."""
    reads: int = 10
    starts: int = 5
    idle_streams: int = 1000
    creates: int = 8
    warm_up_seconds: float = 1.0
    """What a warm host gets to start before it is asked for."""
    attaches: int = 200
    observers: int = 50
    flow_per_second: int = 1000
    kills: int = 3
    kill_sessions: int = 10
    kill_events: int = 5000
    kill_per_second: int = 500
    listed: int = 100_000
    lists: int = 100


FULL: Final = Sizes()
QUICK: Final = Sizes(
    runs=1,
    warm_seconds=0.3,
    seconds=1.5,
    reads=3,
    starts=2,
    idle_streams=300,
    creates=3,
    attaches=40,
    kills=1,
    kill_sessions=3,
    kill_events=1500,
    listed=5000,
    lists=30,
)
TINY: Final = Sizes(
    runs=1,
    warm_seconds=0.05,
    seconds=0.2,
    subscribers=(3,),
    hosts=3,
    batches=(16,),
    history=300,
    reads=1,
    starts=1,
    idle_streams=20,
    creates=1,
    warm_up_seconds=0.3,
    attaches=5,
    observers=2,
    flow_per_second=200,
    kills=1,
    kill_sessions=1,
    kill_events=200,
    kill_per_second=400,
    listed=60,
    lists=5,
)
"""For the tests: whether it runs, not how fast."""
