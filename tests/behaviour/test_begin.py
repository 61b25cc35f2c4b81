"""A session that begins with a command: its agent waits for it, and goes on whatever came of it."""

from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET

from roost.client import AsyncClient, AsyncSession
from roost.model.errors import InvalidBody
from roost.model.events import CommandUpdated
from roost.model.initial import InitialRun
from roost.model.library import MAX_COMMAND_BYTES, MAX_COMMAND_WORDS
from tests.behaviour.conftest import Mark, comes_true, script, stands, types, until

SHOW = script({"bash": {"command": "cat made"}})


def begin(*words: str) -> dict[str, Any]:
    return {"kit": {"command": {"exec": words}}}


async def came_of(session: AsyncSession) -> InitialRun:
    command = (await session.info()).command
    assert command is not UNSET
    return command


async def test_the_first_run_waits_for_the_command_also_while_its_hub_is_away(
    client: AsyncClient, tmp_path: Path, mark: Mark
) -> None:
    begun, go_on = tmp_path / "begun", tmp_path / "go_on"
    wait = f"echo x >> {begun}; until [ -e {go_on} ]; do sleep 0.02; done; echo whole > made; echo well; exit 3"
    session = await client.create_session(task=SHOW, **begin("sh", "-c", wait))
    await comes_true(begun.exists)
    await mark()
    await stands(session, lambda info: info.command is not UNSET and info.command.status == "running")
    go_on.touch()
    await until(session, "run-complete")
    said = await types(session)
    assert said.count("command-updated") == 2, "it was begun once"
    assert said.index("run-start") < said.index("command-updated") < said.index("tool-start")
    run = await came_of(session)
    assert (run.status, run.exit_code, run.output) == ("ended", 3, "well\n"), "its exit code stops nobody"
    assert "whole" in str((await session.messages())[-1].parts)
    await session.pause()
    await session.send(SHOW)
    assert (await types(session)).count("command-updated") == 2, "nor is it run again by the next host"
    assert begun.read_text() == "x\n"


async def test_an_abort_of_the_run_that_waits_breaks_it_off_and_the_next_run_goes_on(client: AsyncClient) -> None:
    session = await client.create_session(task="hello", **begin("sleep", "600"))
    await until(session, "command-updated")
    await session.abort()
    await until(session, "run-aborted")
    assert (await session.send("again")).text == "again"
    error = (await came_of(session)).error
    assert error is not UNSET and error.code == "aborted"


async def test_what_cannot_be_started_is_told_and_the_session_goes_on(client: AsyncClient) -> None:
    session = await client.create_session(task="hello", **begin("./no-such-program"))
    await until(session, "run-complete")
    events = [e.body for e in (await session.read(limit=100)).events if isinstance(e.body, CommandUpdated)]
    assert [event.status for event in events][:1] == ["running"] and len(events) == 2
    run = await came_of(session)  # in a sandbox it is that which starts, and ends with a code
    assert run.exit_code not in (0, UNSET) if run.error is UNSET else run.error.code == "start_failed"


async def test_what_is_no_command_is_refused_and_no_session_is_made(client: AsyncClient) -> None:
    before = (await client.list_sessions()).total
    many, long = ("x",) * (MAX_COMMAND_WORDS + 1), ("x" * (MAX_COMMAND_BYTES + 1),)
    for words in ((), (" ",), ("a\0b",), many, long):
        with pytest.raises(InvalidBody):
            await client.create_session(**begin(*words))
    assert (await client.list_sessions()).total == before
    longest = ("true", *("x",) * (MAX_COMMAND_WORDS - 2), "x" * (MAX_COMMAND_BYTES - MAX_COMMAND_WORDS - 2))
    await client.create_session(**begin(*longest))
