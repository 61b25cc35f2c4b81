"""Durations as people write them: a number of seconds, or a number with a unit."""

import re
from typing import Final

from roost.model.errors import InvalidBody

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_SHAPE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)?")
LONGEST: Final = 10 * 365 * 86_400.0


def seconds(given: float | str) -> float:
    """`"10m"`, `"1.5h"`, `"0"` or `90` as seconds. Raises: InvalidBody: not a duration of 0 to ten years."""
    shape = _SHAPE.fullmatch(given.strip()) if isinstance(given, str) else None
    value = float(shape[1]) * _UNITS[shape[2] or "s"] if shape else given
    if isinstance(value, str) or not 0 <= value <= LONGEST:
        raise InvalidBody(f"{given!r} is not a duration: a number of seconds, or one with ms, s, m, h or d")
    return float(value)
