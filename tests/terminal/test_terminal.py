"""An agent with a screen of its own: driven by runs, seen and used by people, over restarts of all around it."""

import hashlib
import json
import os
import signal
from pathlib import Path

import anyio
import pyte
import pytest
from msgspec import UNSET

from roost.api.streams.terminal import MAX_ASKED_BYTES, PONG
from roost.client import AsyncClient, AsyncSession
from roost.client.terminal import AsyncTerminal
from roost.model import events as e
from roost.model.errors import BodyTooLarge, DriverUnknown, Forbidden, InvalidRequest, ScreenMissing, SessionAsleep
from roost.model.screens import MAX_KEYS_BYTES
from roost.processes import birth, screen_folder
from roost.testing import HubProcess
from tests.behaviour.conftest import comes_true, stands, until
from tests.terminal.conftest import agent, bodies, on_screen

pytestmark = pytest.mark.process


async def opened(client: AsyncClient, name: str = "shown", **options: object) -> AsyncSession:
    return await client.create_session(agent=name, **options)  # pyright: ignore[reportArgumentType]


async def begin(session: AsyncSession, task: str, *shown: str) -> int:
    """Start a run, and wait until the screen shows each of these; the cursor before it."""
    seen = (await session.info()).seq
    await session.start(task)
    await until(session, "part-start", after=seen)
    for words in shown:
        await shows(session, words)
    return seen


def kill_host(hub: HubProcess, session: AsyncSession) -> None:
    """The host alone, not what it has started."""
    os.kill(json.loads((hub.data / "hosts" / f"{session.id}.json").read_bytes())["pid"], signal.SIGKILL)


async def shows(session: AsyncSession, words: str) -> None:
    """Wait until these words are on the screen."""
    async with session.terminal(columns=120, rows=40, watch=True) as it:
        await Eyes(120, 40).see(it, words)


def sleeping(session: AsyncSession) -> list[int]:
    """What an agent runs that was told to `run sleep 717`."""
    return [process.pid for process in on_screen(session) if process.cmdline() == ["sleep", "717"]]


async def shows_size(session: AsyncSession, size: str) -> None:
    """Wait until the screen is so large."""
    with anyio.fail_after(30):
        while size != f"{(shown := await session.screen()).columns}x{shown.rows}":  # noqa: ASYNC110  # no event tells
            await anyio.sleep(0.05)


class Eyes:
    """What a person would see, on a terminal of this size."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self.taken = 0
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self._screen.display)

    async def see(self, it: AsyncTerminal, words: str) -> None:
        """Look until these are there."""
        with anyio.fail_after(30):
            while words not in self.text:
                piece = await it.read()
                assert piece
                self.taken += len(piece)
                self._stream.feed(piece)


# --- runs ---


async def test_a_run_is_typed_and_what_its_screen_shows_is_in_the_log(client: AsyncClient) -> None:
    session = await opened(client)
    result = await session.send("say first")
    assert result.text == "first\n>"
    assert (await session.send("work 0.3\nsay second")).text == "second\n>"
    assert [message.text for message in await session.messages() if message.info.role != "user"] == [
        "first\n>",
        "second\n>",
    ]
    assert (await session.screen()).text == "first\nsecond\n>"
    assert (await session.info()).capabilities["terminal"] is True


async def test_what_is_long_or_strange_arrives_as_it_is(client: AsyncClient) -> None:
    session = await opened(client)
    for text in ("two\nlines; and 'quotes' \"$HOME\" \\n #{x};", "žluťoučký 漢字 🦆", "x" * 9_000 + "\n" + "ü" * 1_000):
        told = f"got {len(text)} {hashlib.sha256(text.encode()).hexdigest()[:12]}"
        assert told in (await session.send(text)).text
    dangerous = await session.send("a\x1b[201~\x03b\x7fc")  # it would end the paste, interrupt, and erase
    assert f"got 8 {hashlib.sha256(b'a[201~bc').hexdigest()[:12]}" in dangerous.text


async def test_what_scrolls_by_is_told_as_it_goes_and_bounded(client: AsyncClient) -> None:
    session = await opened(client)
    lines = (await session.send("flood 100")).text.splitlines()
    assert lines == [*(f"line {number}" for number in range(1, 101)), ">"]
    deltas = await bodies(session, e.TextDelta)
    assert len(deltas) > 1
    long = (await session.send("flood 4500")).text
    assert len(long) <= 48 * 1024 + 100
    assert "[...]" in long
    assert long.splitlines()[-2:] == ["line 4500", ">"]


async def test_an_agent_that_takes_the_whole_screen_leaves_what_it_shows_in_the_end(client: AsyncClient) -> None:
    session = await opened(client, "whole")
    assert "done" in (await session.send("work 0.2\nsay done")).text


async def test_an_agent_of_which_nothing_is_known_is_done_when_it_is_quiet(client: AsyncClient) -> None:
    session = await opened(client, "plain")
    result = await session.send("run sleep 2.2; echo slept\nsay done")
    assert result.text.endswith("slept\ndone\n>")


async def test_what_joins_a_run_is_typed_into_it(client: AsyncClient) -> None:
    session = await opened(client)
    seen = await begin(session, "work 1.5\nsay one", "working")
    await session.steer("say two")
    await until(session, "run-complete", after=seen)
    assert (await session.screen()).text.endswith("one\ntwo\n>")


async def test_an_abort_is_escape_and_one_that_does_not_obey_is_killed(client: AsyncClient) -> None:
    session = await opened(client)
    seen = await begin(session, "never", "working")
    before = agent(session).pid
    await session.abort()
    await until(session, "run-aborted", after=seen)
    assert agent(session).pid == before
    assert "interrupted" in (await session.screen()).text
    deaf = await opened(client, "stubborn")
    seen = await begin(deaf, "run sleep 717")
    await comes_true(lambda: sleeping(deaf), seconds=30)
    before = agent(deaf).pid
    await deaf.abort()
    await until(deaf, "run-aborted", after=seen)
    assert (sleeping(deaf), birth(before)) == ([], None)
    assert (await deaf.send("say again")).text == "again\n>"


async def test_an_agent_that_ends_is_told_with_its_code_and_started_again(client: AsyncClient) -> None:
    session = await opened(client)
    seen = await begin(session, "say goodbye\nexit 3")
    end = await until(session, "run-error", after=seen)
    assert isinstance(end.body, e.RunError)
    assert (end.body.error.code, "exit code 3" in end.body.error.message) == ("agent_gone", True)
    shown = await session.screen()
    assert (shown.exit_code, "goodbye" in shown.text) == (3, True)
    assert (await session.messages())[-1].text.startswith("goodbye")
    assert (await session.send("say back")).text == "back\n>"
    assert (await session.screen()).exit_code is UNSET


async def test_an_agent_that_cannot_start_fails_its_session_with_its_words(client: AsyncClient) -> None:
    for name, code, words in (("dies", "start_failed", "cannot be started"), ("absent", "agent_not_installed", "PATH")):
        session = await opened(client, name)
        await session.start("say hello")
        end = await until(session, "run-error")
        assert isinstance(end.body, e.RunError)
        assert (end.body.error.code, words in end.body.error.message) == (code, True)


async def test_the_screen_is_kept_by_our_tmux_whatever_the_agents_path_leads_to(
    client: AsyncClient, tmp_path: Path
) -> None:
    """It runs outside of the sandbox, and folders of that path may be the agent's to write."""
    for name in ("tmux", "env"):
        planted = tmp_path / name
        planted.write_text(f"#!/bin/sh\ntouch {tmp_path}/obeyed\nexit 1\n")
        planted.chmod(0o755)
    session = await opened(client, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert (await session.send("say hello")).text == "hello\n>"
    assert not (tmp_path / "obeyed").exists()


async def test_only_agents_that_have_a_screen_are_run_on_one(client: AsyncClient) -> None:
    with pytest.raises(DriverUnknown, match="scripted"):
        await opened(client, "scripted", driver="terminal")
    session = await opened(client, "scripted")
    with pytest.raises(ScreenMissing):
        await session.screen(wake=True)
    with pytest.raises(ScreenMissing):
        async with session.terminal():
            pass
    shown = await opened(client, driver="terminal")
    assert (await shown.info()).driver == "terminal"


# --- people -----------------------------------------------------------------------------------------------------------


async def test_people_see_the_whole_screen_first_and_type_together(client: AsyncClient) -> None:
    session = await opened(client)
    await session.send("say before")
    one, two = Eyes(100, 30), Eyes(60, 20)
    async with session.terminal(columns=100, rows=30) as first, session.terminal(columns=60, rows=20) as second:
        await one.see(first, "before")
        await two.see(second, "before")
        assert first.writes
        await first.write("say together\r")
        await one.see(first, "together")
        await two.see(second, "together")
        await second.write(" \x7f")  # who typed last decides how large it is
        await shows_size(session, "60x20")
        await first.resize(77, 22)
        await first.write(" \x7f")
        await shows_size(session, "77x22")
    assert [event.type for event in (await session.read()).events].count("run-start") == 1  # keys are no runs
    with pytest.raises(InvalidRequest):
        async with session.terminal(columns=9):
            pass


async def test_who_only_watches_changes_nothing(client: AsyncClient) -> None:
    session = await opened(client)
    await session.send("size")
    eyes = Eyes(40, 10)
    async with session.terminal(columns=40, rows=10, watch=True) as it:
        await eyes.see(it, ">")
        assert not it.writes
        with pytest.raises(Forbidden):
            await it.write("say no\r")
        await it._connection.send(b"say no\r")  # past the client
        with pytest.raises(Forbidden):
            await eyes.see(it, "never")
        assert (await session.send("size")).text == "120x40\n>"
    assert "say no" not in (await session.screen()).text


async def test_what_is_typed_and_what_is_asked_at_a_terminal_is_bounded(client: AsyncClient) -> None:
    session = await opened(client)
    eyes, ping = Eyes(), '{"type":"ping"}'
    async with session.terminal(watch=True) as it:
        for frame, error in (
            (b"x" * MAX_KEYS_BYTES, Forbidden),  # it was read, and only then refused to who only looks
            (b"x" * (MAX_KEYS_BYTES + 1), BodyTooLarge),
            (ping.ljust(MAX_ASKED_BYTES + 1), BodyTooLarge),
        ):
            await it._connection.send(frame)  # past the client
            with pytest.raises(error):
                await eyes.see(it, "never")
        await it._connection.send(ping.ljust(MAX_ASKED_BYTES))
        with anyio.fail_after(30):
            while await it._connection.recv() != PONG:
                continue
    async with session.terminal() as it:
        with pytest.raises(BodyTooLarge):
            await it.write(b"x" * (MAX_KEYS_BYTES + 1))


async def test_a_slow_reader_is_shown_the_present(client: AsyncClient) -> None:
    session = await opened(client)
    eyes = Eyes()
    async with session.terminal(watch=True) as it:
        await session.send("flood 200000")
        await session.send("say the end")
        await eyes.see(it, "the end")
    assert eyes.taken < 1024 * 1024  # of 2.4 MB that went by


# --- restarts ---------------------------------------------------------------------------------------------------------


async def test_a_screen_outlives_hub_and_host_and_its_agent_works_on(hub: HubProcess, client: AsyncClient) -> None:
    session = await opened(client)
    seen = await begin(session, "work 4\nsay still here", "working")
    before = agent(session).pid
    await hub.restart()
    eyes = Eyes()
    async with session.terminal(watch=True) as it:
        await eyes.see(it, "working")
    await hub.kill()
    kill_host(hub, session)
    await hub.start()
    await until(session, "session-paused", after=seen)
    assert agent(session).pid == before
    async with session.terminal() as it:  # wakes it: another host, the same screen
        await eyes.see(it, "still here")
    assert agent(session).pid == before
    assert (await session.send("say again")).text == "again\n>"
    assert (await session.info()).epoch > 1


async def test_a_session_that_sleeps_or_ends_leaves_nothing(hub: HubProcess, client: AsyncClient) -> None:
    session = await opened(client)
    await session.send("say hello")
    folder = screen_folder(hub.data, session.id)
    assert (folder / "tmux").is_socket()
    async with session.terminal() as it:
        await session.pause()
        with anyio.fail_after(30):
            while await it.read():
                pass  # to its end: there is nothing more to see
    assert (on_screen(session), folder.exists()) == ([], False)
    with pytest.raises(SessionAsleep):
        await session.screen()
    with pytest.raises(SessionAsleep):
        async with session.terminal(watch=True):
            pass
    await session.send("say hello again")
    kill_host(hub, session)
    await until(session, "session-paused")
    await stands(session, lambda info: info.phase == "paused")
    assert on_screen(session)
    await session.archive()
    await comes_true(lambda: not on_screen(session) and not folder.exists())
