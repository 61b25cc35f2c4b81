"""A hub whose agents are the one beside this file, in its several characters."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from roost.client import AsyncClient, AsyncSession
from roost.model import events as e
from roost.processes import HOST_MARK, marked, session_of
from roost.testing import HubProcess, hub_process

B = TypeVar("B", bound=e.Body)
AGENT = Path(__file__).with_name("agent.py")
TOOLS = Path(__file__).with_name("tools.py")
CHARACTERS = {
    "resumes": ("resume", "http"),
    "loads": ("load",),
    "forgets": (),
    "sees": ("image",),
    "ends": ("end_on_reject",),
    "dies": ("dies",),
    "old": ("old",),
    "locked": ("locked",),
}
"""Names of agents, and their flags."""


@pytest.fixture(scope="module")
async def hub(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[HubProcess]:
    folder = tmp_path_factory.mktemp("agents")
    config = folder / "config.toml"
    tables = [
        '[agents.missing]\ncommand = ["no-such-agent"]\n',
        f"[agents.enclosed]\ncommand = {json.dumps([sys.executable, str(AGENT)])}\n",
    ]
    for name, flags in CHARACTERS.items():
        command = json.dumps([sys.executable, str(AGENT), *flags])
        tables.append(f'[agents.{name}]\ncommand = {command}\nenv = {{ ACP_AGENT_HOME = "{folder}" }}\n')
    config.write_text("\n".join(tables))
    async with hub_process(config=config, agent="resumes") as running:
        yield running


@pytest.fixture(scope="module")
def http_tools() -> Iterator[str]:
    """The address of a server of tools."""
    with subprocess.Popen([sys.executable, TOOLS, "--http"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}/mcp"
        server.kill()


@pytest.fixture
async def client(hub: HubProcess) -> AsyncIterator[AsyncClient]:
    async with hub.client() as opened:
        yield opened


def script(*steps: Mapping[str, object]) -> str:
    return json.dumps(steps)


async def bodies(session: AsyncSession, kind: type[B]) -> list[B]:
    """All events of this kind."""
    return [event.body for event in (await session.read(limit=5000)).events if isinstance(event.body, kind)]


def processes(session: AsyncSession) -> list[psutil.Process]:
    """All that the session's hosts have started, and they themselves."""
    return marked(HOST_MARK, lambda mark: session_of(mark) == session.id)


def agents(session: AsyncSession) -> list[psutil.Process]:
    """Its agents."""
    return [process for process in processes(session) if str(AGENT) in process.cmdline()]
