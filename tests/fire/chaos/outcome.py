"""What came of one round, and how its kind is called."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct


class Shape(Struct, frozen=True, kw_only=True):
    """How a round is. `pause_seconds`: between two faults, at most; `at_once`: so many faults go on side by side;
    `weights`: of the kinds of faults, where they are not those of the table; `each`: one of each kind, in any order;
    `mutant`: a hub that is broken on purpose (mutants/)."""

    seconds: float = 15.0
    sessions: int = 3
    played: int = 3
    clients: int = 2
    people: int = 3
    deciders: int = 1
    observers: int = 8
    pause_seconds: float = 0.6
    at_once: int = 4
    weights: Mapping[str, int] = {}
    each: bool = False
    mutant: str = "none"


KILLS: Final = {
    "hub-killed": 2,
    "hub-killed-starting": 1,
    "host-killed": 30,
    "hatchery-killed": 4,
    "agent-killed": 300,
    "client-killed": 6,
    "caller-killed": 120,
    "played-host-killed": 10,
}
SHAPES: Final[dict[str, Shape]] = {
    "all": Shape(),
    "each": Shape(each=True, pause_seconds=0.3, sessions=2, played=2, clients=1, people=2, observers=4),
    "kills": Shape(
        seconds=60, weights=KILLS, pause_seconds=0.05, at_once=8, sessions=5, played=2, clients=1, people=4, observers=4
    ),
}
"""`all`: every kind of fault, mixed; `each`: each kind once; `kills`: as many SIGKILLs as there can be."""


class Outcome(Struct, kw_only=True):
    """What came of it. `faults` by kind; `kills`: SIGKILLs by whose process that was; `operations` by kind and outcome;
    `events` are in the logs, `seen` were given to observers. `kept`: where its history is, if a promise was broken."""

    seed: int
    seconds: float
    faults: Counter[str]
    kills: Counter[str]
    operations: Counter[str]
    events: int
    seen: int
    violations: list[str]
    kept: Path | None = None
