"""How much is measured. Payloads are the same in all sizes: only time and counts differ."""

from typing import Final

from msgspec import Struct

EVENT_BYTES: Final = 256
"""The body of every event that is counted."""


FEW_EVENTS: Final = 10_000
"""Of the session that a long one is held against: more than a snapshot or a page has."""


class Sizes(Struct, frozen=True, kw_only=True):
    runs: int = 5
    """How often each side is measured, in turns; the median is reported."""
    coder_runs: int = 3
    """Of the Coder view, which takes the longest: three sides, each from rest."""
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
    long: int = 1_000_000
    """Events of one session among those that are listed."""
    asks: int = 40
    """Of each kind, to show that it does not cost more among many."""
    watched: int = 2000
    """Sessions that sleep and are watched."""
    tells: int = 200
    live: int = 500
    live_events: int = 40
    rest_seconds: float = 20.0
    """How long nothing happens, to see what that costs: longer than from one heartbeat to the next."""
    settle_seconds: float = 0.5


FULL: Final = Sizes()
QUICK: Final = Sizes(
    runs=1,
    coder_runs=1,
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
    long=50_000,
    asks=10,
    watched=500,
    tells=50,
    live=50,
    live_events=20,
)
TINY: Final = Sizes(
    runs=1,
    coder_runs=1,
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
    long=200,
    asks=1,
    watched=5,
    tells=2,
    live=2,
    live_events=6,
    rest_seconds=0.1,
    settle_seconds=0.1,
)
"""For the tests: whether it runs, not how fast."""
