"""How much is asked, and the shapes in which answers are kept: peers.json, of which PEERS.md is made."""

import re
from collections import Counter
from itertools import pairwise
from typing import Final

from msgspec import Struct

from bench.peers.peer import Task
from bench.table import Spread

WORD: Final = re.compile(r"(\d{8})\D")


class Amounts(Struct, frozen=True, kw_only=True):
    """How much is measured."""

    starts: int = 3
    creates: int = 5
    lists: int = 30
    firsts: int = 2
    observers: int = 50
    floods: int = 2
    flood_words: int = 4000
    paced_words: int = 600
    per_second: int = 100
    leave_after_words: int = 200
    away_seconds: float = 1.0
    settle_seconds: float = 1.0

    @property
    def flood(self) -> Task:
        return Task(words=self.flood_words)

    @property
    def paced(self) -> Task:
        return Task(words=self.paced_words, per_second=self.per_second)


FULL: Final = Amounts()
QUICK: Final = Amounts(
    starts=1,
    creates=2,
    lists=3,
    firsts=1,
    observers=5,
    floods=1,
    flood_words=300,
    paced_words=300,
    leave_after_words=60,
    away_seconds=0.5,
    settle_seconds=0.1,
)
TINY: Final = Amounts(
    starts=1,
    creates=2,
    lists=1,
    firsts=1,
    observers=3,
    floods=1,
    flood_words=50,
    paced_words=60,
    leave_after_words=10,
    away_seconds=0.1,
    settle_seconds=0.0,
)
"""For the tests: whether it runs, not how fast."""


class Failed(Struct, frozen=True, tag=True):
    """What was asked for was not given."""

    why: str


class Told(Struct, frozen=True, kw_only=True, tag=True):
    """What one observer was told of an answer of `words`, over all its connections: of the pieces, `lost` never came
    and `doubled` came more than once, or late. `whole`: the text came again as one, complete. `ended`: so did the end
    of the run."""

    words: int
    lost: int
    doubled: int
    whole: bool
    ended: bool


class Flood(Struct, frozen=True, kw_only=True):
    """`deliveries`: events that all observers together were sent, of one run; `text`: words they were sent."""

    seconds: float
    deliveries: int
    text: int
    complete: int
    """Observers that had each word once."""


class Attach(Struct, frozen=True, kw_only=True):
    """Of all who come at once in mid-run, milliseconds to the first event. `before`: words said before they came, and
    `given` of these to the one who was given least."""

    ms: Spread
    p99_ms: float
    before: int
    given: int


class Crash(Struct, frozen=True, kw_only=True):
    """The server was killed in mid-run and started again at once."""

    back_seconds: float
    told: Told | Failed
    """To the observer who came back."""
    kept: int | Failed
    """Words of the answer that can be read afterwards."""
    state: str | Failed
    goes_on: bool | Failed
    """The session takes another prompt and answers it whole."""


class Found(Struct, kw_only=True):
    """Of one server. What could not be measured is in `failed`, by its name."""

    start: Spread | None = None
    idle_mib: float | None = None
    create: Spread | None = None
    listing: Spread | None = None
    first: Spread | None = None
    floods: list[Flood] | None = None
    loaded_mib: float | None = None
    attach: Attach | None = None
    reconnect: Told | None = None
    crash: Crash | None = None
    lacks: dict[str, str] = {}
    failed: dict[str, str] = {}


class Heard(Struct):
    """What was said in all."""

    text: str = ""
    whole: str = ""
    cursor: str = ""
    ended: bool = False

    def told(self, task: Task) -> Told:
        came = numbers(self.text)
        times = Counter(came)
        late = sum(after < before for before, after in pairwise(came))
        return Told(
            words=task.words,
            lost=sum(number not in times for number in range(task.words)),
            doubled=max(sum(times.values()) - len(times), late),
            whole=numbers(self.whole) == list(range(task.words)),
            ended=self.ended,
        )


def numbers(text: str) -> list[int]:
    return [int(found) for found in WORD.findall(f"{text} ")]
