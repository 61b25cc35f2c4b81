"""opencode, the real one, with a model that is not."""

import subprocess
from pathlib import Path

import anyio
import pytest
from msgspec import UNSET

from roost.client import AsyncClient, AsyncSession
from roost.model import events as e
from roost.model.messages import ToolPart
from roost.processes import HOST_MARK, marked, session_of
from roost.testing import HubProcess
from tests.acp.conftest import bodies
from tests.agents.conftest import commands
from tests.behaviour.conftest import comes_true, stands, until

pytestmark = pytest.mark.timeout(180)  # opencode asks a model that fails six times, for more than a minute


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    return tmp_path


async def opened(client: AsyncClient, repository: Path) -> AsyncSession:
    """A session of opencode in this folder."""
    return await client.create_session(workspace={"kind": "folder", "path": str(repository)})


async def begin(session: AsyncSession, task: str, *kinds: str) -> int:
    """Start a run, and wait for one of these events; the cursor before it."""
    seen = (await session.info()).seq
    await session.start(task)
    if kinds:
        await until(session, *kinds, after=seen, seconds=60)
    return seen


async def answer(session: AsyncSession, reply: str, message: str | None = None) -> e.PermissionAsked:
    await stands(session, lambda info: info.pending == 1, seconds=60)
    (entry,) = await session.pending()
    await session.reply_to_permission(entry.request, reply, message=message)  # pyright: ignore[reportArgumentType]
    assert isinstance(entry.asked, e.PermissionAsked)
    return entry.asked


async def test_a_file_is_written_and_a_command_run_when_a_person_allows_it(
    client: AsyncClient, repository: Path
) -> None:
    session = await opened(client, repository)
    task = f"TASK=write {repository}"
    watched, asked = list[bytes](), list[e.PermissionAsked]()

    async def watch() -> None:
        watched.extend([bytes(event.raw) async for event in session.events(until=("run-complete",))])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        await begin(session, task)
        asked += [await answer(session, "once"), await answer(session, "always")]
    edit, bash = asked
    assert (edit.permission, edit.patterns) == ("edit", ("made.txt",))
    assert (bash.permission, bash.patterns) == ("bash", ("cat made.txt",))
    assert (repository / "made.txt").read_text() == "made\n"
    message = (await session.messages())[-1]
    write, look = (part for part in message.parts if isinstance(part, ToolPart))
    assert (write.tool, write.state.status, look.tool, look.state.status) == ("edit", "completed", "bash", "completed")
    assert write.state.metadata is not UNSET
    assert write.state.metadata["diffs"][0]["newText"] == "made\n"
    assert look.state.output is not UNSET
    assert "made" in look.state.output
    assert message.info.tokens == e.Tokens(input=1200, output=34)
    assert message.info.cost
    assert watched == [bytes(event.raw) for event in (await session.read(limit=5000)).events]
    assert await bodies(session, e.Native) == []

    (repository / "made.txt").unlink()  # the same again: the command has been granted for good
    seen = await begin(session, task)
    await answer(session, "once")
    await until(session, "run-complete", after=seen, seconds=60)
    assert (await bodies(session, e.PermissionReplied))[-1].why == "granted"


async def test_a_rejection_ends_the_run_or_with_words_goes_on(client: AsyncClient, repository: Path) -> None:
    session = await opened(client, repository)
    seen = await begin(session, f"TASK=write {repository}")
    await answer(session, "reject")
    await until(session, "run-aborted", after=seen)
    seen = await begin(session, f"TASK=write {repository}")
    await answer(session, "reject", "look only")
    await answer(session, "once")  # what the fake model does next
    await until(session, "run-complete", after=seen, seconds=60)
    assert not (repository / "made.txt").exists()
    assert "look only" in (await session.send("TASK=recall")).text


async def test_an_abort_leaves_no_process_of_the_run(client: AsyncClient, repository: Path) -> None:
    session = await opened(client, repository)
    seen = await begin(session, "TASK=slow", "text-delta")
    await session.abort()
    await until(session, "run-aborted", after=seen)
    before = sorted(commands(session))
    seen = await begin(session, "TASK=wait")
    await answer(session, "once")
    await comes_true(lambda: any("919" in command for command in commands(session)), seconds=30)
    await session.abort()
    await until(session, "run-aborted", after=seen)
    assert sorted(commands(session)) == before


async def test_the_conversation_outlives_agent_host_hub_and_sleep(
    hub: HubProcess, client: AsyncClient, repository: Path
) -> None:
    session = await opened(client, repository)
    await session.send("TASK=remember blue")
    seen = await begin(session, "TASK=slow", "text-delta")
    for process in marked(HOST_MARK, lambda mark: session_of(mark) == session.id):
        if "opencode" in " ".join(process.cmdline()):
            process.kill()
    end = await until(session, "run-error", after=seen)
    assert isinstance(end.body, e.RunError)
    assert end.body.error.code == "agent_gone"
    assert "blue" in (await session.send("TASK=recall")).text
    await begin(session, "TASK=slow", "text-delta")
    await hub.kill()
    for process in marked(HOST_MARK, lambda mark: session_of(mark) == session.id):
        process.kill()
    await hub.start()
    await until(session, "session-paused", after=seen)
    assert "blue" in (await session.send("TASK=recall")).text
    await session.pause()
    await comes_true(lambda: not commands(session))
    assert "blue" in (await session.send("TASK=recall")).text
    states = [state.taken_up for state in await bodies(session, e.AgentState) if state.taken_up is not UNSET]
    assert states == ["new", "resumed", "resumed", "resumed"]


async def test_its_mode_is_set_and_an_error_of_the_model_is_the_runs(client: AsyncClient, repository: Path) -> None:
    session = await opened(client, repository)
    failed = await session.send("TASK=fail")
    assert failed.error and failed.error.code == "agent_failed"
    assert "no such model today" in failed.error.message
    await session.configure(mode="plan")
    await session.send("TASK=recall")
    (mode,) = (option for option in (await session.info()).capabilities["options"] if option["id"] == "mode")
    assert mode["currentValue"] == "plan"
