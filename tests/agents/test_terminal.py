"""Real agents on a screen of their own, with a model that is not: typed to, aborted, left by a host, put to sleep."""

import json
import os
import signal
import subprocess
from pathlib import Path

import anyio
import pytest

from roost.client import AsyncClient, AsyncSession
from roost.drivers.acp.agents import AGENTS, AcpAgent
from roost.installs.places import Installs
from roost.processes import SCREEN_MARK, marked, screen_folder
from roost.testing import HubProcess
from tests.agents import installed
from tests.behaviour.conftest import comes_true, until

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(AGENTS[name], id=name, marks=pytest.mark.xdist_group(name)) for name in ("claude", "codex", "pi")
    ],
)
def agent(request: pytest.FixtureRequest) -> AcpAgent:
    found = Installs(installed.CACHE).find(request.param.name)
    assert found and found.current, f"{request.param.name} is not installed: run this by `make test-agents`"
    return request.param


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    return tmp_path


async def shows(session: AsyncSession, words: str) -> None:
    """Wait until these words are on the screen."""
    seen = b""
    async with session.terminal(columns=120, rows=40, watch=True) as it:
        with anyio.fail_after(60):
            while words.encode() not in seen:
                piece = await it.read()
                assert piece
                seen += piece


async def test_an_agent_works_on_its_own_screen_over_aborts_lost_hosts_and_sleep(
    agent: AcpAgent, hub: HubProcess, client: AsyncClient, repository: Path
) -> None:
    session = await client.create_session(
        agent=agent.name, driver="terminal", workspace={"kind": "folder", "path": str(repository)}
    )
    assert "TASK=recall blue" in (await session.send("TASK=recall blue")).text
    seen = (await session.info()).seq
    await session.start("TASK=slow")
    await shows(session, "word9")
    await session.abort()
    await until(session, "run-aborted", after=seen)
    assert "word300" not in (await session.screen()).text
    before = {process.pid for process in marked(SCREEN_MARK, session.id.__eq__)}
    os.kill(json.loads((hub.data / "hosts" / f"{session.id}.json").read_bytes())["pid"], signal.SIGKILL)
    await until(session, "session-paused", after=seen)
    assert "blue" in (await session.send("TASK=recall")).text
    assert before & {process.pid for process in marked(SCREEN_MARK, session.id.__eq__)}
    await session.pause()
    await comes_true(lambda: not marked(SCREEN_MARK, session.id.__eq__), seconds=30)
    assert not screen_folder(hub.data, session.id).exists()
    assert "blue" in (await session.send("TASK=recall")).text
