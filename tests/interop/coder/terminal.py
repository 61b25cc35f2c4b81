"""A program in a terminal of its own, in memory: what it draws can be read, and keys can be pressed."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import anyio
import pyte

ROWS, COLUMNS = 50, 120
SECONDS: Final = 60.0
PRESS_AGAIN_SECONDS: Final = 5.0
"""How long anything is waited for: a terminal client takes seconds to start."""
ENTER, ESCAPE, CTRL_C, CTRL_D = "\r", "\x1b", "\x03", "\x04"
ASKED: Final = {b"\x1b[6n": b"\x1b[1;1R", b"\x1b[c": b"\x1b[?62;c"}
"""What programs ask of a terminal, and what one says."""


class Terminal:
    def __init__(self, master: int) -> None:
        self._master = master
        self._screen = pyte.HistoryScreen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self._news = anyio.Event()

    @property
    def text(self) -> str:
        """What stands on the screen, without empty lines."""
        return "\n".join(line.rstrip() for line in self._screen.display if line.strip())

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    async def say(self, text: str) -> None:
        """Type it, and press Enter once it stands there."""
        before = self.text.count(text)
        self.press(text)
        await self.shows(text, times=before + 1)
        self.press(ENTER)

    async def shows(self, text: str, times: int = 1) -> str:
        """The screen, as soon as this stands on it so often. Raises: TimeoutError, with what is there instead."""
        with anyio.move_on_after(SECONDS):
            while self.text.count(text) < times:
                await self._news.wait()
            return self.text
        raise TimeoutError(f"the terminal does not show {text!r}, but:\n{self.text}")

    async def press_until(self, keys: str, text: str) -> None:
        """Press these keys until that stands on the screen: a program that has just drawn may not listen yet."""
        for _ in range(int(SECONDS / PRESS_AGAIN_SECONDS)):
            self.press(keys)
            with anyio.move_on_after(PRESS_AGAIN_SECONDS):
                await self.shows(text)
                return
        await self.shows(text)

    async def draw(self) -> None:
        """Take up what is written, until the program ends."""
        while True:
            await anyio.wait_readable(self._master)
            try:
                written = os.read(self._master, 65_536)
            except OSError:  # its last process has closed it
                return
            for question, answer in ASKED.items():
                if question in written:
                    os.write(self._master, answer)
            self._stream.feed(written)
            self._news.set()
            self._news = anyio.Event()


@asynccontextmanager
async def terminal(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> AsyncGenerator[Terminal]:
    """The program runs; in the end it is killed, with all that it has started."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, cwd=folder, start_new_session=True,
        env={**environment, "TERM": "xterm-256color"},
    )  # fmt: skip
    os.close(slave)
    try:
        async with anyio.create_task_group() as tasks:
            screen = Terminal(master)
            tasks.start_soon(screen.draw)
            yield screen
            tasks.cancel_scope.cancel()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(master)
