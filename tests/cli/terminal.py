"""A command in a terminal: a real pseudo-terminal, with a screen in memory."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import pyte

CTRL_C = b"\x03"


class Terminal:
    """What the command has written (`raw`), what a person sees (`screen`), and how it ended (`code`)."""

    def __init__(self, process: subprocess.Popen[bytes], master: int, columns: int, rows: int) -> None:
        self.process = process
        self.raw = b""
        self._master = master
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def screen(self) -> str:
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip()

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    async def until(self, seen: str | Callable[[str], bool], seconds: float = 20) -> str:
        """Read until the screen shows this; returns the screen."""
        test = seen if callable(seen) else lambda screen: seen in screen
        with anyio.move_on_after(seconds):
            while not test(self.screen):
                if not await self._read():
                    break
        assert test(self.screen), f"never saw {seen!r} on this screen:\n{self.screen}"
        return self.screen

    async def end(self, seconds: float = 20) -> int:
        """Read to the end; returns the exit code."""
        with anyio.fail_after(seconds):
            while await self._read():
                pass
            return await anyio.to_thread.run_sync(self.process.wait)

    async def _read(self) -> bool:
        await anyio.wait_readable(self._master)
        try:
            piece = os.read(self._master, 65536)
        except OSError:  # Linux says so when the other side has closed
            piece = b""
        self.raw += piece
        self._stream.feed(piece)
        return bool(piece)


@asynccontextmanager
async def terminal(
    *arguments: str, environment: dict[str, str], folder: Path, columns: int = 100, rows: int = 40
) -> AsyncGenerator[Terminal]:
    """`python -m roost ...` with a controlling terminal of its own."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", _CHILD, sys.executable, "-m", "roost", *arguments],
        stdin=slave, stdout=slave, stderr=slave, cwd=folder, start_new_session=True,
        env={name: value for name, value in environment.items() if name != "COLUMNS"} | {"TERM": "xterm-256color"},
    )  # fmt: skip
    os.close(slave)
    try:
        yield Terminal(process, master, columns, rows)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(master)


_CHILD = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
"""Takes the terminal as its own, so that Ctrl-C reaches it, and becomes the command."""
