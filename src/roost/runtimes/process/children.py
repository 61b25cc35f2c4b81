"""Processes that the hub has had started. Its own children are collected when they end, and leave no zombie."""

import asyncio
import errno
import os
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar, TypeVarTuple, Unpack

from anyio import to_thread

from roost.processes import NO_THREAD

T = TypeVar("T")
Given = TypeVarTuple("Given")


async def apart(work: Callable[[Unpack[Given]], T], *given: *Given) -> T:
    """In a thread. Raises: OSError: the system allows no further one; whatever the work raises."""
    try:
        return await to_thread.run_sync(work, *given)
    except RuntimeError as error:
        if str(error) != NO_THREAD:
            raise
        raise OSError(errno.EAGAIN, NO_THREAD) from None


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
