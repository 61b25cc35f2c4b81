"""A person at a terminal of their own, through `roost terminal`."""

import os
import pty
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import anyio
import pyte
import pytest
from anyio import to_thread

from roost.client import AsyncClient
from roost.processes import birth
from roost.testing import HubProcess
from tests.terminal.conftest import agent
from tests.terminal.test_terminal import shows_size

pytestmark = pytest.mark.process


class Person:
    """Runs a command of `roost` on a terminal of 90 by 25, types, and sees."""

    def __init__(self, data: Path, *words: str) -> None:
        self.master, slave = pty.openpty()
        termios.tcsetwinsize(self.master, (25, 90))
        self.before = termios.tcgetattr(slave)
        self._slave = slave
        self._screen = pyte.Screen(90, 25)
        self._stream = pyte.ByteStream(self._screen)
        self.raw = b""
        command = [sys.executable, "-m", "roost", *words, "--data", str(data)]
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self._screen.display)

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    async def see(self, words: str) -> None:
        with anyio.fail_after(30):
            await self._seen(words)

    async def _seen(self, words: str) -> None:
        while words not in self.text:
            await anyio.wait_readable(self.master)
            self.raw += (piece := os.read(self.master, 65536))
            self._stream.feed(piece)

    async def type_until(self, keys: bytes, words: str) -> None:
        """Again and again: what is typed while there is no hub goes nowhere."""
        for _ in range(10):
            self.type(keys)
            with anyio.move_on_after(3):
                await self._seen(words)
                return
        await self.see(words)

    async def leave(self) -> int:
        self.type(b"\x02d")
        await self.see("left; it goes on")
        return await to_thread.run_sync(self.process.wait, 30)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self._slave)

    @property
    def restored(self) -> bool:
        """The terminal is as it was."""
        return termios.tcgetattr(self._slave) == self.before


@pytest.fixture
def people() -> Iterator[list[Person]]:
    here: list[Person] = []
    yield here
    for person in here:
        person.close()


async def test_a_person_sits_down_types_stays_over_a_restart_and_leaves(
    hub: HubProcess, client: AsyncClient, people: list[Person]
) -> None:
    session = await client.create_session(agent="shown")
    await session.send("say hello")
    people.append(person := Person(hub.data, "terminal", session.id))
    await person.see("hello")
    await shows_size(session, "90x25")
    person.type("say I am here, 漢字\rsize\r".encode())
    await person.see("I am here")
    await person.see("90x25")
    await hub.restart()
    await person.type_until(b"say still\r", "still")
    before = agent(session).pid
    assert await person.leave() == 0
    assert person.restored
    assert birth(before) is not None
    assert "I am here, 漢字" in (await session.screen()).text


async def test_what_it_shows_is_printed_for_a_program(hub: HubProcess, client: AsyncClient) -> None:
    session = await client.create_session(agent="shown")
    await session.send("say hello")

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "roost", "terminal", session.id, *words, "--data", str(hub.data)]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL
        )

    shown = await to_thread.run_sync(run, "--show")
    assert (shown.stdout, shown.returncode) == ("hello\n>\n", 0)
    told = await to_thread.run_sync(run, "--json")
    assert told.stdout == '{"text":"hello\\n>","columns":120,"rows":40}\n'
    refused = await to_thread.run_sync(run)
    assert (refused.returncode, "no terminal" in refused.stderr) == (2, True)


async def test_where_there_is_no_screen_what_stands_on_the_terminal_stays(
    hub: HubProcess, client: AsyncClient, people: list[Person]
) -> None:
    session = await client.create_session(agent="scripted")
    people.append(person := Person(hub.data, "terminal", session.id))
    await person.see("error")
    assert await to_thread.run_sync(person.process.wait, 30) == 1
    assert b"\x1b[?1049l" not in person.raw
    assert person.restored
