"""One installation at a time in a folder, over all processes."""

import fcntl
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from roost.model.errors import TimedOut

WAIT_SECONDS: Final = 1800.0
"""How long one installation waits for another: as long as that may take."""
_LOOK_SECONDS: Final = 0.1

Say = Callable[[str], None]
"""Is told what goes on, in a few words; may be called often."""


@contextmanager
def alone(root: Path, say: Say) -> Generator[int]:
    """The descriptor of the lock. Whoever inherits it keeps the lock, also when we are killed: so nobody comes while
    an npm that we have left behind is still at work. Raises: TimedOut."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        until = time.monotonic() + WAIT_SECONDS
        while not _taken(descriptor):
            say("waiting for another installation")
            if time.monotonic() > until:
                raise TimedOut(f"Another installation has held {root / 'lock'} for {WAIT_SECONDS / 60:.0f} minutes.")
            time.sleep(_LOOK_SECONDS)  # it is another process: there is nothing to wait for but time
        yield descriptor
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
