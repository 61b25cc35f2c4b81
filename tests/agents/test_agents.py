"""Every real agent, with a model that is not: what Roost promises of each, and where one does otherwise, that it does
(`docs/reference/agents.md`, the table of what they were seen to do)."""

import subprocess
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import psutil
import pytest
from msgspec import UNSET

from roost.client import AsyncClient, AsyncSession
from roost.client.runs import RUN_ENDS
from roost.drivers.acp.agents import AcpAgent, Quirk
from roost.model import events as e
from roost.model.errors import OptionUnknown
from roost.model.messages import Message, ToolPart
from roost.processes import COMMAND_MARK, HOST_MARK, marked, session_of
from roost.testing import HubProcess
from tests.acp.conftest import bodies
from tests.behaviour.conftest import comes_true, stands, until

COMMAND = "git add made.txt && git commit -q -m made && git log --format=%s"
TAKEN_UP = {"resume": "resumed", "load": "loaded", "seed": "seeded"}
PLAN = {"codex": "read-only"}
"""The mode in which it changes nothing, where that is not `plan`."""
WAITING = "tail -f /dev/null"
"""What the fake model has the agent run when it is to wait."""
pytestmark = pytest.mark.timeout(300)
SECONDS = 120
"""For whatever an agent has to do, on a machine that does five other things."""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """With a commit, so that each session works in a worktree of its own."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    who = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
    subprocess.run(["git", *who, "commit", "-q", "--allow-empty", "-m", "first"], cwd=tmp_path, check=True)
    for name in ("name", "email"):
        subprocess.run(["git", "config", f"user.{name}", "t@localhost"], cwd=tmp_path, check=True)
    return tmp_path


async def place(session: AsyncSession) -> Path:
    """Where it works."""
    root = (await session.info()).workspace.root
    assert isinstance(root, str)
    return Path(root)


async def begin(session: AsyncSession, task: str, *kinds: str) -> int:
    """Start a run, and wait for one of these events; the cursor before it."""
    seen = (await session.info()).seq
    await session.start(task)
    if kinds:
        await until(session, *kinds, after=seen, seconds=SECONDS)
    return seen


async def answer(session: AsyncSession, reply: str, message: str | None = None) -> e.PermissionAsked:
    info = await stands(session, lambda info: info.pending == 1 or info.run is UNSET, seconds=SECONDS)
    assert info.pending, f"nothing is asked any more: {info.last_run}"
    (entry,) = await session.pending()
    await session.reply_to_permission(entry.request, reply, message=message)  # pyright: ignore[reportArgumentType]
    assert isinstance(entry.asked, e.PermissionAsked)
    return entry.asked


def asks(agent: AcpAgent) -> bool:
    return Quirk.NEVER_ASKS not in agent.quirks


def edit_of(agent: AcpAgent) -> str:
    """How it writes a file: Codex has no tool for that which a model that it does not know could call."""
    return "bash" if agent.name == "codex" else "edit"


def commits(folder: Path) -> list[str]:
    """Their titles, the last first."""
    return subprocess.check_output(["git", "log", "--format=%s"], cwd=folder, text=True).splitlines()


def tools(messages: tuple[Message, ...]) -> list[ToolPart]:
    return [part for part in messages[-1].parts if isinstance(part, ToolPart)]


async def allow(session: AsyncSession, enough: Callable[[], object]) -> None:
    """Answer whatever is asked, until this is true of the machine or the run is over."""
    with anyio.fail_after(SECONDS):
        while not enough() and (await session.info()).run is not UNSET:
            for entry in await session.pending():
                await session.reply_to_permission(entry.request, "once")
            await anyio.sleep(0.05)


@asynccontextmanager
async def watched(session: AsyncSession) -> AsyncGenerator[list[bytes]]:
    """What an observer sees live, to the next end of a run."""
    seen: list[bytes] = []

    async def watch() -> None:
        seen.extend([bytes(event.raw) async for event in session.events(until=RUN_ENDS)])

    with anyio.fail_after(SECONDS):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            yield seen


async def log(session: AsyncSession) -> list[bytes]:
    return [bytes(event.raw) for event in (await session.read(limit=5000)).events]


def processes(session: AsyncSession) -> list[psutil.Process]:
    """The agent's, and whatever it has started."""
    return marked(COMMAND_MARK, lambda mark: session_of(mark) == session.id)


def hosts(session: AsyncSession) -> list[psutil.Process]:
    agents = processes(session)
    found = marked(HOST_MARK, lambda mark: session_of(mark) == session.id)
    return [process for process in found if process not in agents]


def line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def kill(found: list[psutil.Process]) -> None:
    for process in found:
        with suppress(psutil.NoSuchProcess):  # it ended with the one before
            process.kill()


def waits(session: AsyncSession) -> list[psutil.Process]:
    """The tool that never ends."""
    return [process for process in processes(session) if WAITING in line(process)]


# --- work, and who decides ---


async def test_a_file_is_written_and_committed_as_a_person_allows(
    client: AsyncClient, agent: AcpAgent, repository: Path
) -> None:
    """Once, and always; and all observers, then and later, see the same."""
    session = await client.create_session(workspace=repository)
    folder, task, asked = await place(session), f"TASK=write {await place(session)}", list[e.PermissionAsked]()
    async with watched(session) as seen:
        await begin(session, task)
        if asks(agent):
            asked += [await answer(session, "once"), await answer(session, "always")]
    assert seen == await log(session)
    assert (folder / "made.txt").read_text() == "made\n"
    assert commits(folder) == ["made", "first"]
    write, run = tools(await session.messages())
    assert (write.tool, write.state.status, run.state.status) == (edit_of(agent), "completed", "completed")
    assert ("made" in (run.state.output or "")) == (Quirk.NO_OUTPUT not in agent.quirks)
    assert await bodies(session, e.PermissionAsked) == asked
    if not asks(agent):
        return
    assert [one.permission for one in asked] == [edit_of(agent), "bash"]
    assert asked[1].patterns == (COMMAND,)
    subprocess.run(["git", "reset", "-q", "--hard", "HEAD^"], cwd=folder, check=True)
    seen_before = await begin(session, task)  # the same again: the command has been granted for good
    await answer(session, "once")
    await until(session, "run-complete", after=seen_before, seconds=SECONDS)
    assert [reply.why for reply in await bodies(session, e.PermissionReplied)][-1] == "granted"
    assert commits(folder) == ["made", "first"]


async def test_a_rejection_ends_the_run_or_with_words_goes_on(
    client: AsyncClient, agent: AcpAgent, repository: Path
) -> None:
    session = await client.create_session(workspace=repository)
    folder, task = await place(session), f"TASK=write {await place(session)}"
    if not asks(agent):
        assert (await session.info()).capabilities.get("asks", False) is False
        assert (await session.send(task)).error is UNSET
        assert await bodies(session, e.PermissionAsked) == []
        return
    seen = await begin(session, task)
    await answer(session, "reject")
    await until(session, "run-aborted", after=seen, seconds=SECONDS)
    seen = await begin(session, task)
    await answer(session, "reject", "look only")
    await allow(session, lambda: False)
    await until(session, "run-complete", after=seen, seconds=SECONDS)
    assert not (folder / "made.txt").exists()
    assert "look only" in (await session.send("TASK=recall")).text


# --- stopping ---


async def test_an_abort_leaves_no_process_of_the_run(client: AsyncClient, repository: Path) -> None:
    session = await client.create_session(workspace=repository)
    seen = await begin(session, "TASK=slow", "text-delta")
    await session.abort()
    await until(session, "run-aborted", after=seen, seconds=SECONDS)
    await session.send("TASK=nothing")  # one that did not obey soon enough has been killed, and is started again
    before = set(processes(session))
    seen = await begin(session, "TASK=wait")
    await allow(session, lambda: waits(session))
    assert waits(session)
    await session.abort()
    await until(session, "run-aborted", after=seen, seconds=SECONDS)
    assert set(processes(session)) <= before
    assert "done" in (await session.send("TASK=nothing")).text


async def test_input_that_joins_a_run_is_its_next_turn_and_what_is_queued_the_next_run(
    client: AsyncClient, repository: Path, tmp_path: Path
) -> None:
    session, gone = await client.create_session(workspace=repository), tmp_path / "gone"
    await begin(session, f"TASK=hold {gone}", "run-start")
    await session.start("TASK=recall second", delivery="steer")
    queued = await session.start("TASK=recall third", delivery="queue")
    gone.touch()
    await session.result(await session.run_of(queued))
    first, second, third = [message for message in await session.messages() if message.info.role == "assistant"]
    assert first.text.endswith("held")
    assert "second" in second.text
    assert "third" not in second.text
    assert "third" in third.text
    assert first.info.run == second.info.run != third.info.run


# --- going on ---


async def test_the_conversation_outlives_agent_host_hub_and_sleep(
    hub: HubProcess, client: AsyncClient, agent: AcpAgent, repository: Path
) -> None:
    session = await client.create_session(workspace=repository)
    await session.send("TASK=remember blue")
    seen = await begin(session, "TASK=slow", "text-delta")
    kill(processes(session))
    end = await until(session, "run-error", after=seen, seconds=SECONDS)
    assert isinstance(end.body, e.RunError)
    assert end.body.error.code == "agent_gone"
    assert "blue" in (await session.send("TASK=recall")).text

    seen = await begin(session, "TASK=slow", "text-delta")
    kill(hosts(session))
    await until(session, "session-paused", after=seen, seconds=SECONDS)
    assert "blue" in (await session.send("TASK=recall")).text

    seen = await begin(session, "TASK=slow", "text-delta")
    await hub.restart()
    await until(session, "text-delta", after=(await session.info()).seq, seconds=SECONDS)
    await session.abort()
    assert "blue" in (await session.send("TASK=recall")).text

    await session.pause()
    await comes_true(lambda: not processes(session), seconds=SECONDS)
    assert "blue" in (await session.send("TASK=recall")).text
    states = [state.taken_up for state in await bodies(session, e.AgentState) if state.taken_up is not UNSET]
    assert agent.can
    assert states[0] == "new"
    assert states[1:] == [TAKEN_UP[agent.can.wakes]] * len(states[1:])
    assert len(states) in (4, 5), "also after the abort, if it did not obey soon enough"


# --- what it tells of itself ---


async def test_an_error_of_the_model_is_the_runs(client: AsyncClient, agent: AcpAgent) -> None:
    failed = await (await client.create_session()).send("TASK=fail")
    assert failed.error and failed.error.code == "agent_failed"
    said = "without a word" if Quirk.SILENT_FAILURE in agent.quirks else "no such model today"
    assert said in failed.error.message


async def test_it_can_what_the_table_of_agents_says(client: AsyncClient, agent: AcpAgent) -> None:
    """Its modes, servers of tools and what it tells of its use."""
    assert agent.can
    session = await client.create_session()
    await session.send("TASK=usage")
    told, message = (await session.info()).capabilities, (await session.messages())[-1]
    servers = {kind for kind, able in told["acp"].get("mcpCapabilities", {}).items() if able is True}
    assert servers == set(agent.can.mcp) - {"stdio"}
    assert (message.info.tokens == e.Tokens(input=1200, output=34)) == (agent.can.usage in ("tokens", "cost"))
    assert bool(message.info.cost) == (agent.can.usage == "cost")
    if not agent.can.modes:
        with pytest.raises(OptionUnknown):
            await session.configure(mode="plan")
        return
    await session.configure(mode=PLAN.get(agent.name, "plan"))
    await session.send("TASK=nothing")
    assert (await bodies(session, e.AgentConfigured))[-1].settings["mode"] == PLAN.get(agent.name, "plan")
