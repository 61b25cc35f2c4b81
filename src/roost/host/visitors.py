"""Where programs that the agent starts reach its driver: a socket in the workspace, which is inside of any sandbox.

Nothing secret guards it. Who may use the workspace, as the user of this host, may say what the agent may say; and that
is all that is heard there.
"""

import logging
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import anyio
from anyio import to_thread
from anyio.abc import ByteStream

from roost.host.copying import OWN, begin, untouched
from roost.ports import Pipe
from roost.processes import birth

FORWARD: Final = """\
import contextlib, os, socket, sys, threading
os.chdir(sys.argv[1])
host = socket.socket(socket.AF_UNIX)
host.connect(sys.argv[2])
def say():
    with contextlib.suppress(OSError):
        while data := os.read(0, 65536):
            host.sendall(data)
        host.shutdown(socket.SHUT_WR)
threading.Thread(target=say, daemon=True).start()
with contextlib.suppress(OSError):
    while data := host.recv(65536):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
"""
"""What the agent starts: its standard input and output are the socket's. It needs the interpreter and nothing else."""
MAX_VISITORS: Final = 16
"""At a time; one more is sent away."""
FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
IGNORED: Final = b"# Roost's own, and no part of the repository.\n*\n"
Heard = Callable[[Pipe], Awaitable[None]]

log = logging.getLogger("roost.host.visitors")


class _Stream:
    """A connection as a driver sees it (ports.Pipe)."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    async def read(self) -> AsyncIterator[bytes]:
        try:
            while True:
                yield await self._stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return

    async def write(self, data: bytes) -> None:
        try:
            await self._stream.send(data)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            raise BrokenPipeError from None


class Door:
    """Open from `opened` to the end of `serve`."""

    def __init__(self, folder: int, path: Path) -> None:
        self._folder, self._path = folder, path
        self._visitors = 0

    @classmethod
    async def opened(cls, workspace: Path) -> "Door":
        """Raises: OSError: there is no place for it."""
        return cls(*await to_thread.run_sync(_place, workspace))

    @property
    def command(self) -> tuple[str, ...]:
        """What connects its standard input and output with this."""
        return (os.path.realpath(sys.executable), "-I", "-S", "-c", FORWARD, str(self._path.parent), self._path.name)

    async def serve(self, heard: Heard, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled. Raises: OSError."""

        async def visit(stream: ByteStream) -> None:
            if self._visitors >= MAX_VISITORS:
                await stream.aclose()
                return
            self._visitors += 1
            try:
                async with stream:
                    await heard(_Stream(stream))
            except Exception:
                log.exception("what a visitor said could not be taken in")
            finally:
                self._visitors -= 1

        try:
            async with await anyio.create_unix_listener(self._address, mode=0o600) as listener:
                task_status.started()
                await listener.serve(visit)
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(self._clear)

    @property
    def _address(self) -> str:
        """Through the folder's descriptor, where there is such a way: addresses of sockets are short, paths are not."""
        short = Path(f"/proc/self/fd/{self._folder}")
        return str(short / self._path.name) if short.exists() else str(self._path)

    def _clear(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self._path.name, dir_fd=self._folder)
        os.close(self._folder)


def _place(workspace: Path) -> tuple[int, Path]:
    """Roost's own folder in the workspace as a descriptor, and where the socket of this host lies in it. Blocks.
    Raises: OSError: something else has its name."""
    folder = own_folder(workspace)
    descriptor = os.open(folder, FOLDER)
    for name in os.listdir(descriptor):  # noqa: PTH208  # a descriptor
        pid, dot, kind = name.partition(".")
        if dot and kind == "sock" and pid.isdecimal() and (int(pid) == os.getpid() or birth(int(pid)) is None):
            os.unlink(name, dir_fd=descriptor)  # of a host that was killed
    return descriptor, folder / f"{os.getpid()}.sock"


def own_folder(workspace: Path) -> Path:
    """Made, unless it is there, so that neither git nor anybody's question for unsaved work sees it. Blocks.
    Raises: OSError."""
    folder = workspace / OWN
    if not folder.is_dir():
        fresh = untouched(workspace)
        folder.mkdir(mode=0o700)
        if fresh:
            begin(workspace)
    descriptor = os.open(folder, FOLDER)
    try:
        note = os.open(".gitignore", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=descriptor)
    except FileExistsError:
        return folder
    finally:
        os.close(descriptor)
    with os.fdopen(note, "wb") as file:
        file.write(IGNORED)
    return folder
