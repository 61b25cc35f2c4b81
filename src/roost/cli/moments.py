"""Moments as people write them."""

import time
from datetime import datetime


def moment(given: str, now_seconds: float | None = None) -> int:
    """`2h` (so long ago), `2026-11-20` or `2026-11-20T09:30` (of this machine's clock, unless it names a zone), in ms.
    Raises: UsageWrong."""
    from roost.cli.problems import UsageWrong
    from roost.model.durations import seconds
    from roost.model.errors import InvalidBody

    try:
        return int(datetime.fromisoformat(given.strip()).timestamp() * 1000)
    except (ValueError, OverflowError):
        pass
    try:
        ago = seconds(given)
    except InvalidBody:
        raise UsageWrong(
            f"{given!r} is no time: say 2h for two hours ago, or 2026-11-20, or 2026-11-20T09:30"
        ) from None
    return int(((time.time() if now_seconds is None else now_seconds) - ago) * 1000)
