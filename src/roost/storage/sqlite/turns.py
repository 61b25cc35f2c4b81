"""Fair turns at the interpreter lock for the threads of the store.

A thread that wants the lock asks for it after 5 ms of waiting, but each time the holder lets go for a moment the wait
starts anew. A busy event loop lets go at every system call and is back before the waiter has woken up, so a commit
could wait for seconds. While calls are under way, the loop therefore steps aside now and then, long enough for a
waiter to wake.
"""

import asyncio
import time
from typing import Final

_EVERY_SECONDS: Final = 0.002
_ASIDE_SECONDS: Final = 0.000_02
"""Asked for; with the kernel's timer slack it takes about 75 microseconds."""


class Turns:
    """Belongs to the event loop that made it. Hold it (`with turns:`) while waiting for a thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting = 0
        self._armed = False

    def __enter__(self) -> None:
        self._waiting += 1
        if not self._armed:
            self._armed = True
            self._loop.call_later(_EVERY_SECONDS, self._step_aside)

    def __exit__(self, *_: object) -> None:
        self._waiting -= 1

    def _step_aside(self) -> None:
        if self._waiting:
            time.sleep(_ASIDE_SECONDS)
            self._loop.call_later(_EVERY_SECONDS, self._step_aside)
        else:
            self._armed = False
