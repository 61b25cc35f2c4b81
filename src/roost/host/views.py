"""Terminals that look at the agent's screen: each a command with a pseudo-terminal of its own, held for the hub.

What nobody reads stays in the terminal, whose buffer is small: then whoever writes to it waits. So a slow reader costs
a few KiB, and no queue.
"""

import fcntl
import os
import pty
import signal
import struct
import termios
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count
from typing import Final

import anyio

from roost.host.tree import Command
from roost.model.errors import HostBusy, LinkDown
from roost.model.screens import MAX_VIEWS
from roost.ports import View

READ_BYTES: Final = 64 * 1024


class PtyView:
    """What a command shows on a terminal of its own (ports.View)."""

    def __init__(self, command: Command, master: int) -> None:
        self._command, self._master = command, master
        self._reading = anyio.CancelScope()
        self._told = False
        """It has been told how large its terminal is, since it shows something: who comes last decides."""

    @classmethod
    async def begin(cls, start: Callable[[int], Awaitable[Command]], columns: int, rows: int) -> "PtyView":
        """`start` the command on this descriptor. Raises: OSError."""
        master, slave = pty.openpty()
        try:
            os.set_blocking(master, False)
            _set_size(master, columns, rows)
            return cls(await start(slave), master)
        except BaseException:
            os.close(master)
            raise
        finally:
            os.close(slave)

    async def read(self) -> bytes:
        with self._reading:
            while self._master >= 0:
                try:
                    data = os.read(self._master, READ_BYTES)
                    self._tell_size()
                    return data
                except BlockingIOError:
                    await anyio.wait_readable(self._master)
                except OSError:  # the command has ended
                    break
        return b""

    async def write(self, data: bytes) -> None:
        while data:
            if self._master < 0:
                raise BrokenPipeError("the terminal is closed")
            try:
                data = data[os.write(self._master, data) :]
            except BlockingIOError:
                await anyio.wait_writable(self._master)

    def resize(self, columns: int, rows: int) -> None:
        if self._master >= 0:
            _set_size(self._master, columns, rows)
            self._told = False
            self._tell_size()

    def _tell_size(self) -> None:
        if not self._told:
            self._told = True
            with suppress(ProcessLookupError):  # it has no controlling terminal that would tell it
                os.kill(self._command.pid, signal.SIGWINCH)

    def close(self) -> None:
        if self._master >= 0:
            self._reading.cancel()
            anyio.notify_closing(self._master)
            os.close(self._master)  # hangs up: the command goes
            self._master = -1
            self._command.terminate()


class Views:
    """All that are open, by the name that the hub knows each by."""

    def __init__(self) -> None:
        self._open: dict[str, View] = {}
        self._opening = 0
        self._numbers = count(1)

    async def add(self, opening: Callable[[], Awaitable[View]]) -> str:
        """Raises: HostBusy: there are too many; what opening it raises."""
        if len(self._open) + self._opening >= MAX_VIEWS:
            raise HostBusy(f"{MAX_VIEWS} terminals look at this screen already", limit=MAX_VIEWS)
        self._opening += 1
        try:
            view = await opening()
        finally:
            self._opening -= 1
        name = f"v{next(self._numbers)}"
        self._open[name] = view
        return name

    def view(self, name: str) -> View:
        """Raises: LinkDown: it is not open, or not any more."""
        if (view := self._open.get(name)) is None:
            raise LinkDown("this terminal is not open any more; open it again")
        return view

    def drop(self, name: str) -> None:
        if (view := self._open.pop(name, None)) is not None:
            view.close()

    def drop_all(self) -> None:
        """Nobody waits any more: the connection is gone."""
        for name in list(self._open):
            self.drop(name)


def _set_size(terminal: int, columns: int, rows: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
