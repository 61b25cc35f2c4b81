"""Sessions of a real hub in a sandbox: on by itself, chosen, refused, and what its agents can do in it."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import psutil
import pytest
from msgspec import UNSET

from roost.client import AsyncClient, AsyncSession
from roost.model import events as e
from roost.model.errors import InvalidBody, SandboxUnavailable, WorkspaceDirty
from roost.processes import (
    COMMAND_MARK,
    RUN_MARK,
    WALL_MARK,
    living,
    marked,
    session_of,
    wait_until_gone,
    with_descendants,
)
from roost.testing import HubProcess, hub_process

AGENT = Path(__file__).parents[1] / "acp" / "agent.py"


@pytest.fixture(scope="module")
async def hub(bubblewrap: None, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[HubProcess]:
    folder = tmp_path_factory.mktemp("agents")
    command = json.dumps([sys.executable, str(AGENT), "resume"])
    (folder / "config.toml").write_text("".join(f"[agents.{name}]\ncommand = {command}\n" for name in ("acp", "pi")))
    async with hub_process(sandbox="auto", config=folder / "config.toml") as running:
        yield running


@pytest.fixture
async def client(hub: HubProcess) -> AsyncIterator[AsyncClient]:
    async with hub.client() as opened:
        yield opened


def bash(*commands: str) -> str:
    return "script: " + json.dumps([{"bash": {"command": command}} for command in commands])


def processes(session: AsyncSession) -> list[psutil.Process]:
    """Of its agent, but for the walls around them and the host."""
    found = marked(COMMAND_MARK, lambda mark: session_of(mark) == session.id)
    return [process for process in found if WALL_MARK not in process.environ()]


async def begun(session: AsyncSession) -> None:
    """A tool has made the file `begun`."""
    await session.shell("until test -e begun; do sleep 0.02; done", timeout=30_000)


async def printed(session: AsyncSession) -> str:
    """What all tools of the last run have printed."""
    events = (await session.read(limit=5000)).events
    return "".join(body.delta for event in events if isinstance(body := event.body, e.ToolDelta))


async def test_a_session_is_enclosed_by_itself_and_says_so(hub: HubProcess, client: AsyncClient) -> None:
    session = await client.create_session()
    await session.send(bash(f"cat {hub.data}/api_key {hub.data}/hub.json; ls {hub.data}; echo $HOME > home"))
    assert "agc_" not in await printed(session) and "http://" not in await printed(session)
    info = await session.info()
    assert info.sandbox is not UNSET and (info.sandbox.kind, info.sandbox.network) == ("bubblewrap", "none")
    ready = [body for event in (await session.read()).events if isinstance(body := event.body, e.RuntimeReady)]
    assert ready[0].sandbox == info.sandbox, "the log says what was in force"
    assert (await session.shell("cat home")).stdout.strip() == str(Path.home())


async def test_a_persons_own_shell_is_outside(hub: HubProcess, client: AsyncClient) -> None:
    session = await client.create_session()
    assert (await session.shell(f"test -r {hub.data}/hub.json")).exit_code == 0


async def test_a_session_may_choose(client: AsyncClient) -> None:
    free = await client.create_session(sandbox={"kind": "none"})
    await free.send(bash("true"))
    found = (await free.info()).sandbox
    assert found is not UNSET and (found.kind, found.reason) == ("none", UNSET)
    asked = {"network": "full", "processes": 100, "memory": 200_000_000}
    wide = await client.create_session(sandbox=asked)
    await wide.send(bash("true"))
    found = (await wide.info()).sandbox
    assert found is not UNSET and (found.network, found.processes, found.memory) == ("full", 100, 200_000_000)
    assert (await wide.snapshot()).record.sandbox.processes == 100


async def test_a_limit_that_nothing_starts_with_is_refused(client: AsyncClient) -> None:
    with pytest.raises(InvalidBody):
        await client.create_session(sandbox={"memory": 1000})


async def test_wishes_of_the_other_wire_are_in_force(client: AsyncClient) -> None:
    wishes = {"resources": {"memory": "256Mi", "cpu": "500m"}, "network": {"enabled": False}}
    session = await client.create_session(kit={"wishes": wishes})
    await session.send(bash("true"))
    found = (await session.info()).sandbox
    assert found is not UNSET and (found.memory, found.cpus, found.network) == (256 * 2**20, 0.5, "none")


async def test_an_abort_kills_what_a_tool_has_started_inside(client: AsyncClient) -> None:
    session = await client.create_session()
    run = (await session.start(bash("env -i setsid sleep 300 & echo begun > begun; sleep 300"))).run
    await begun(session)
    walls = with_descendants(marked(RUN_MARK, f"{session.id}.{run}".__eq__))
    await session.abort()
    await anyio.to_thread.run_sync(wait_until_gone, walls, 30.0)
    assert len(walls) >= 4 and not living(walls)
    assert (await session.send("and on")).text == "and on"


async def test_an_agent_and_its_tools_are_inside_and_it_lives_on_when_they_are_killed(
    hub: HubProcess, client: AsyncClient
) -> None:
    session = await client.create_session(agent="acp")
    key = f"{hub.data}/api_key"
    tools = [{"bash": f"cat {key} > seen 2>&1; ps ax >> seen; true"}, {"terminal": f"cat {key}"}, {"read": key}]
    result = await session.send(json.dumps([*tools, {"say": "done"}]))
    assert not result.error and "done" in result.text
    log = str([event.body for event in (await session.read(limit=5000)).events])
    assert "agc_" not in log + (await session.shell("cat seen")).stdout
    (agent,) = processes(session)
    await session.start(json.dumps([{"bash": "echo begun > begun; sleep 300"}]))
    await begun(session)
    await session.abort()
    assert [each.pid for each in processes(session)] == [agent.pid], "the same agent, and nothing beside it"
    assert "again" in (await session.send(json.dumps([{"say": "again"}]))).text


async def test_an_agent_that_never_asks_runs_in_a_sandbox_and_not_without(client: AsyncClient) -> None:
    session = await client.create_session(agent="pi")
    assert "hi" in (await session.send(json.dumps([{"say": "hi"}]))).text
    found = (await session.info()).sandbox
    assert found is not UNSET and (found.kind, found.network) == ("bubblewrap", "model"), (
        "it is known where its models are"
    )
    result = await (await client.create_session(agent="pi", sandbox={"kind": "none"})).send("hello")
    assert result.error and result.error.code == "agent_unattended"


async def test_a_deleted_session_leaves_no_home(hub: HubProcess, client: AsyncClient) -> None:
    session = await client.create_session()
    await session.send(bash("touch ~/left"))
    place = hub.data / "sandboxes" / session.id
    assert (place / "home" / "left").exists()
    await session.delete(force=True)
    assert not place.exists()


async def test_a_worktree_of_a_session_takes_commits_and_is_merged(client: AsyncClient, tmp_path: Path) -> None:
    who = ["git", "-c", "user.name=A", "-c", "user.email=a@b"]
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    subprocess.run([*who, "commit", "--quiet", "--allow-empty", "-m", "first"], cwd=tmp_path, check=True)
    session = await client.create_session(workspace=str(tmp_path))
    await session.send(bash("echo x > file; git add file; " + " ".join(who) + " commit --quiet -m inside"))
    assert [file.path for file in (await session.diff()).files] == ["file"]
    await session.send(bash("echo y > more"))
    merged = await session.merge(message="the rest")
    assert merged.changed and (tmp_path / "file").exists() and (tmp_path / "more").exists()
    await session.send(bash("echo z > file"))
    await session.discard(force=True)
    assert (await session.shell("cat file; git status --porcelain")).stdout == "x\n"


async def test_git_that_looks_at_an_agents_work_runs_what_that_says_inside_too(
    client: AsyncClient, tmp_path: Path
) -> None:
    """Filters, monitors and hooks of a repository are programs, and hosts and hubs look at it with git."""
    who = ["git", "-c", "user.name=A", "-c", "user.email=a@b"]
    origin, outside = tmp_path / "origin", tmp_path / "outside"
    subprocess.run(["git", "init", "--quiet", str(origin)], check=True)
    subprocess.run([*who, "commit", "--quiet", "--allow-empty", "-m", "first"], cwd=origin, check=True)
    session = await client.create_session(workspace={"url": str(origin), "kind": "clone"})
    evil = f'touch {outside}; echo ran >> "$HOME"/ran; cat'
    await session.send(
        bash(
            f"printf '%s\\n' '#!/bin/sh' '{evil}' > evil && chmod +x evil",
            "git config core.fsmonitor $PWD/evil && git config filter.evil.clean $PWD/evil",
            "echo '* filter=evil' > .gitattributes && echo x > file",
        )
    )
    assert {file.path for file in (await session.diff()).files} == {".gitattributes", "evil", "file"}
    with pytest.raises(WorkspaceDirty):
        await client.delete_session(session.id)
    await session.send(bash("cat ~/ran"))
    assert "ran" in await printed(session), "it was run, but"
    assert not outside.exists()


async def test_without_bubblewrap_one_that_asked_for_it_is_refused_and_others_say_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("git", "sh", "bash", "env", "true"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    monkeypatch.setenv("PATH", str(tmp_path))
    async with hub_process(sandbox="auto") as hub, hub.client() as client:
        with pytest.raises(SandboxUnavailable, match="bwrap"):
            await client.create_session(sandbox={"kind": "bubblewrap"})
        session = await client.create_session()
        await session.send(bash("true"))
        found = (await session.info()).sandbox
    assert found is not UNSET and found.kind == "none" and "not installed" in str(found.reason)
