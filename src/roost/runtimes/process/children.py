"""Children of the hub: collected when they end, so that they leave no zombie."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress


def reap(pid: int, ended: Callable[[], None] = lambda: None) -> None:
    """Collect this child when it ends, then call `ended`; without a pidfd the next start of a hub collects it."""
    if not hasattr(os, "pidfd_open"):
        return
    loop = asyncio.get_running_loop()
    descriptor = os.pidfd_open(pid)

    def collect() -> None:
        loop.remove_reader(descriptor)
        os.close(descriptor)
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        ended()

    loop.add_reader(descriptor, collect)
