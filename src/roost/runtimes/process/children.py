"""Processes that the hub has had started. Its own children are collected when they end, and leave no zombie."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress


def reap(pid: int, ended: Callable[[], None] = lambda: None) -> None:
    """Collect this process when it ends, if it is our child, then call `ended`; without a pidfd the next start of a hub
    collects it."""
    if not hasattr(os, "pidfd_open"):
        return
    loop = asyncio.get_running_loop()
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:  # somebody else's child, and gone already
        loop.call_soon(ended)
        return

    def collect() -> None:
        loop.remove_reader(descriptor)
        os.close(descriptor)
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        ended()

    loop.add_reader(descriptor, collect)
