"""Client processes of a round: started, killed, stopped, started anew, and told when it is over."""

import signal
import sys
from contextlib import suppress
from itertools import count
from pathlib import Path
from random import Random
from subprocess import DEVNULL, PIPE

import anyio
import msgspec
from anyio.abc import Process
from msgspec.structs import replace

from tests.fire.chaos.client import Finish, Plan
from tests.fire.chaos.history import Detached, History

END_SECONDS = 45.0
"""How long the observers of one process may take to see the end."""


class Client:
    """One process after the other, each with a number of its own."""

    def __init__(self, plan: Plan, numbers: "count[int]", folder: Path, history: History) -> None:
        """`folder`: for what each is told and says."""
        self._wish, self._numbers, self._folder, self._history = plan, numbers, folder, history
        self._plan = plan
        self._process: Process | None = None
        self._lock = anyio.Lock()

    @property
    def pid(self) -> int:
        """0: there is none just now."""
        return 0 if self._process is None else self._process.pid

    async def start(self) -> None:
        number = next(self._numbers)
        file = self._folder / f"client-{number}.json"
        self._plan = replace(self._wish, number=number, seed=f"{self._wish.seed}-{number}")
        file.write_bytes(msgspec.json.encode(self._plan))
        with (self._folder / f"client-{number}.log").open("wb") as log:
            command = [sys.executable, "-m", "tests.fire.chaos.client", str(file)]
            self._process = await anyio.open_process(
                command, stdin=PIPE, stdout=PIPE, stderr=log, start_new_session=True
            )

    async def kill(self) -> int:
        """SIGKILL, and another one in its place. Returns the pid of the one that is gone."""
        async with self._lock:
            pid = self.pid
            await self.end()
            for name, watching in self._plan.watching():  # they cannot say it themselves
                self._history.add(Detached(who=name, session=watching.session, gone=True))
            await self.start()
            return pid

    async def tell(self, line: str) -> None:
        async with self._lock:
            if self._process is not None and self._process.stdin is not None:
                with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                    await self._process.stdin.send(f"{line}\n".encode())

    async def calm(self) -> None:
        """Returns when nobody in it acts any more."""
        await self.tell("calm")
        if self._process is not None and self._process.stdout is not None:
            with anyio.move_on_after(END_SECONDS), suppress(anyio.EndOfStream):
                await self._process.stdout.receive()

    async def finish(self, heads: dict[str, int]) -> bool:
        """Whether everybody in it has seen the end."""
        await self.tell(msgspec.json.encode(Finish(heads=heads)).decode())
        code: int | None = None
        if self._process is not None:
            with anyio.move_on_after(END_SECONDS):
                code = await self._process.wait()
        await self.end()
        return code == 0

    async def end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            await process.wait()
            await process.aclose()


CALLER = """
import socket, sys
request = bytes.fromhex(sys.stdin.readline())
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as hub:
    print("sending", flush=True)
    hub.sendall(request)
    hub.recv(65536)
"""


async def call_and_die(port: int, request: bytes, random: Random) -> int:
    """A process of one request, killed somewhere in it. Returns its pid."""
    command = [sys.executable, "-I", "-S", "-c", CALLER, str(port)]
    async with await anyio.open_process(command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL) as process:
        assert process.stdin and process.stdout
        with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
            await process.stdin.send(request.hex().encode() + b"\n")
            await process.stdout.receive()
            await anyio.sleep(random.choice([0, 0.001, 0.003, 0.01]))
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        return process.pid
