"""A row of the results, and what is made of the runs behind it."""

import math
import statistics
from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct


class Spread(Struct, frozen=True, kw_only=True):
    """The median of the runs, the least and the most."""

    median: float
    low: float
    high: float
    runs: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(median=statistics.median(values), low=min(values), high=max(values), runs=len(values))


class Row(Struct, frozen=True, kw_only=True):
    """One line of the table. `judged` is held against `goal`: the ratio to the limit if there is one, else the
    measured value."""

    name: str
    what: str
    unit: str
    measured: Spread
    limit: Spread | None = None
    ratio: Spread | None = None
    better: Literal["more", "less"]
    goal: float | None = None
    note: str = ""
    """What the number alone does not say, in one line."""
    details: dict[str, Any] = {}

    @property
    def judged(self) -> float:
        return self.measured.median if self.ratio is None else self.ratio.median

    @property
    def met(self) -> bool | None:
        """None: there is no goal."""
        if self.goal is None:
            return None
        return self.judged >= self.goal if self.better == "more" else self.judged <= self.goal


def against(ours: Sequence[float], limits: Sequence[float]) -> tuple[Spread, Spread, Spread]:
    """Measured, limit and ratio: runs were made in turns, so each is compared with the one beside it."""
    ratios = [mine / theirs if theirs else 0.0 for mine, theirs in zip(ours, limits, strict=True)]
    return Spread.of(ours), Spread.of(limits), Spread.of(ratios)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
