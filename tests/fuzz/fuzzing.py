"""What all fuzzers share: a seed that is printed, a secret of somebody else, and a log that holds no surprise."""

import logging
import os
import random
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from structlog.testing import capture_logs

SECRET: Final = "nobody-else-may-read-this"
"""Stands in everything that is said in the session of another user."""


def seed_of_this_run() -> int:
    """Printed, so that a failure can be repeated: `ROOST_TEST_SEED=... pytest ...`."""
    found = int(os.environ.get("ROOST_TEST_SEED", "0")) or random.randrange(1, 1 << 30)
    print("ROOST_TEST_SEED", found)
    return found


@contextmanager
def no_surprise() -> Generator[None]:
    """While the block runs, the hub logs nothing as an error: what clients send is never unexpected."""
    server = logging.getLogger("uvicorn")
    listener = _Listener()
    server.addHandler(listener)
    try:
        with capture_logs() as entries:
            yield
    finally:
        server.removeHandler(listener)
    found: list[Any] = [entry for entry in entries if entry["log_level"] in ("error", "critical")]
    assert not found, found[:3]
    assert not listener.heard, listener.heard[:3]


class _Listener(logging.Handler):
    """Hears of exceptions that the hub left to its server."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(self.format(record))
