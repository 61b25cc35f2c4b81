"""A disk of a few megabytes that a test may fill: a tmpfs in a mount namespace of its own, which is gone with the last
process in it. Works as root and as anybody who may make user namespaces."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE

import anyio
import pytest
from anyio.abc import Process

MOUNT = 'mount -t tmpfs -o size="$2",mode=0777 tmpfs "$1" && echo mounted && exec sleep infinity'
WAYS = (["unshare", "-rm"], ["unshare", "-m"])
"""As oneself in a user namespace; as root where those are switched off."""


class SmallDisk:
    """`folder`: where it is for whoever was started with `enter`; `seen`: where it is for us."""

    def __init__(self, folder: Path, holder: int, *, as_user: bool) -> None:
        self.folder = folder
        self.seen = Path(f"/proc/{holder}/root{folder}")
        self.enter = ["nsenter", "-t", str(holder), *(["-U", "--preserve-credentials"] if as_user else []), "-m"]
        self.enter += [f"--wd={Path.cwd()}", "--"]

    def fill(self) -> None:
        """Not a byte is free after this."""
        with (self.seen / "filler").open("ab", buffering=0) as filler:
            for size in (65_536, 4096, 1):
                try:
                    while filler.write(bytes(size)):
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        (self.seen / "filler").unlink()


@asynccontextmanager
async def small_disk(folder: Path, megabytes: int) -> AsyncGenerator[SmallDisk]:
    """Fails the test, and says what is missing, where this machine does not let us have one."""
    folder.mkdir()
    said: list[str] = []
    for way in WAYS:
        command = [*way, "sh", "-c", MOUNT, "sh", str(folder), f"{megabytes}m"]
        process = await anyio.open_process(command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE)
        try:
            if await _first(process.stdout) == b"mounted\n":
                yield SmallDisk(folder, process.pid, as_user="-rm" in way)
                return
            said.append(f"{' '.join(way)}: {(await _first(process.stderr)).decode().strip()}")
        finally:
            await _end(process)
    pytest.fail(f"this test needs a small disk, by user namespaces or as root (uid {os.getuid()}): {'; '.join(said)}")


async def _first(stream: "anyio.abc.ByteReceiveStream | None") -> bytes:
    assert stream is not None
    try:
        return await stream.receive()
    except anyio.EndOfStream:
        return b""


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()
    await process.aclose()
