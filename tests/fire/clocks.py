"""A wall clock that a test may set: libfaketime tells it to whoever is started with it. The clock of the system, and
everybody's monotonic clock, are left alone."""

import shutil
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Final

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream

HOLD: Final = ["faketime", "-m", "-f", "+0", "sh", "-c", "printenv LD_PRELOAD FAKETIME_SHARED && exec cat"]
"""Lives until it reads the end, and takes away with it what libfaketime keeps in /dev/shm. Each process without such a
parent makes its own there, and leaves it when it is killed."""
SLEEPS: Final = Path(__file__).with_name("sleeps.c")
RULES: Final = (
    "FAKETIME_NO_CACHE=1",  # a jump is seen at once
    "FAKETIME_DONT_FAKE_MONOTONIC=1",
    "FAKETIME_FORCE_MONOTONIC_FIX=0",  # else whoever waits for Python's lock until a monotonic instant spins
    "NO_FAKE_STAT=1",  # files keep the times that they have
)
"""How libfaketime is to do it."""


class WallClock:
    """`enter`: what comes before a command that is told this time. All that this starts inherits it."""

    def __init__(self, file: Path, libraries: Sequence[str], shared: str) -> None:
        """`shared`: the variable of the environment that libfaketime's own command has set."""
        self._file = file
        self.jump(0)
        preload = f"LD_PRELOAD={':'.join(libraries)}"
        self.enter = ["env", preload, f"FAKETIME_SHARED={shared}", f"FAKETIME_TIMESTAMP_FILE={file}", *RULES]

    def jump(self, seconds: float) -> None:
        """It is so much ahead of the system's from now on."""
        draft = self._file.with_suffix(".new")
        draft.write_text(f"{seconds:+f}\n")
        draft.replace(self._file)


@asynccontextmanager
async def wall_clock(file: Path) -> AsyncGenerator[WallClock]:
    """`file`: where the time is kept. Fails the test where there is no libfaketime, or no C compiler, and says so."""
    sleeps = file.with_name("sleeps.so")
    for command, package in (("faketime", "faketime"), ("cc", "build-essential")):
        assert shutil.which(command), f"this test needs the command {command}: apt-get install {package}"
    await anyio.run_process(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", str(sleeps), str(SLEEPS)])
    async with await anyio.open_process(HOLD, stdin=PIPE, stdout=PIPE, stderr=DEVNULL) as holder:
        assert holder.stdout is not None
        said = BufferedByteReceiveStream(holder.stdout)
        libfaketime, shared = [(await said.receive_until(b"\n", 4096)).decode() for _ in range(2)]
        yield WallClock(file, [str(sleeps), libfaketime], shared)
