"""The command through its real entry point, against a real hub."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from roost.client import AsyncClient
from roost.testing import RunningHub, running_hub
from tests.cli import forked


@dataclass
class Done:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> Any:
        """The error that was said on stderr as JSON."""
        return json.loads(self.err.splitlines()[-1])["error"]


@dataclass
class Roost:
    """`roost` with the hub of one data folder: forked off (tests/cli/forked.py), but for those commands that are
    started as people do, by `python -m roost`."""

    data: Path
    folder: Path
    as_people_do: Collection[str] = ()

    def environment(self, **extra: str) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        return {**ours, "ROOST_DATA": str(self.data), "ROOST_PORT": "0", "COLUMNS": "100", **extra}

    async def __call__(
        self, *arguments: str, stdin: str | None = None, seconds: float = 30, **environment: str
    ) -> Done:
        if set(self.as_people_do).intersection(arguments):
            command = (sys.executable, "-m", "roost", *arguments)
            return await self.runs(command, stdin=stdin or "", seconds=seconds, **environment)
        started = partial(
            forked.run, arguments, environment=self.environment(**environment), folder=self.folder,
            stdin=stdin or "", seconds=seconds,
        )  # fmt: skip
        return Done(*await anyio.to_thread.run_sync(started))

    async def runs(self, command: Sequence[str], *, stdin: str = "", seconds: float = 30, **environment: str) -> Done:
        """Any command. In a thread, not on the event loop: uvloop makes pipes that a host which is started at the same
        moment by the hub in this process would inherit, and hold open."""

        def run() -> Done:
            done = subprocess.run(
                command, input=stdin, capture_output=True, text=True, check=False, cwd=self.folder, timeout=seconds,
                env=self.environment(**environment),
            )  # fmt: skip
            return Done(done.returncode, done.stdout, done.stderr)

        return await anyio.to_thread.run_sync(run)


@pytest.fixture(scope="module")
async def hub() -> AsyncIterator[RunningHub]:
    async with running_hub() as running:
        yield running


@pytest.fixture
async def client(hub: RunningHub) -> AsyncIterator[AsyncClient]:
    async with hub.client() as opened:
        yield opened


@pytest.fixture
def roost(hub: RunningHub, tmp_path: Path) -> Roost:
    """The command, in an empty folder, with a hub that runs."""
    return Roost(hub.data, tmp_path)


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[Roost]:
    """The command, in an empty folder, without a hub; one that it starts is stopped."""
    command = Roost(tmp_path / "data", tmp_path, as_people_do=("run", "up"))
    yield command
    if command.data.exists():
        await command("down")
