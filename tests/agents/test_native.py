"""Sessions that the real agents had by themselves, brought into a hub and gone on with there."""

import os
import subprocess
import tomllib
from pathlib import Path

import pytest
from anyio import to_thread
from msgspec import UNSET

from roost.client import AsyncClient
from roost.drivers.acp.agents import AGENTS, AcpAgent
from roost.installs.places import Installs
from roost.model import events as e
from roost.model.errors import SessionExists
from roost.model.messages import ToolPart
from roost.testing import HubProcess
from tests.acp.conftest import bodies
from tests.agents import installed

HEADLESS = {
    "claude": ("claude", "--permission-mode", "bypassPermissions", "-p"),
    "codex": ("codex", "exec", "--skip-git-repo-check", "--sandbox", "danger-full-access"),
    "opencode": ("opencode", "run", "--auto"),
    "pi": ("pi", "-p"),
}
"""How each is run without Roost and without a person: these words, then the prompt."""
ALLOWED = {"IS_SANDBOX": "1", "OPENCODE_PERMISSION": '{"edit": "allow", "bash": "allow"}'}
"""What lets them, as their user, do what the test says."""
REFUSED = {"codex": "approval policy is Never"}
"""What it says of a command that needs an approval, where nobody could give one; the fake model asks for one."""
TAKEN_UP = {"claude": "resumed", "codex": "resumed", "opencode": "resumed", "pi": "loaded"}
"""How each goes on with its own session."""
SECONDS = 120
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(
    scope="module",
    params=[pytest.param(AGENTS[name], id=name, marks=pytest.mark.xdist_group(name)) for name in HEADLESS],
)
def agent(request: pytest.FixtureRequest) -> AcpAgent:
    """Those whose records can be read."""
    found = Installs(installed.CACHE).find(request.param.name)
    assert found and found.current, f"{request.param.name} is not installed: run this by `make test-agents`"
    return request.param


def env_of(agent: AcpAgent, hub: HubProcess) -> dict[str, str]:
    """What the hub's settings say of its environment."""
    return tomllib.loads((hub.data.parent / "config.toml").read_text())["agents"][agent.name]["env"]


def run_without_roost(agent: AcpAgent, hub: HubProcess, folder: Path, prompt: str) -> str:
    """As the agent's user would."""
    found = Installs(installed.CACHE).find(agent.name)
    assert found
    kept = {name: value for name, value in os.environ.items() if name in ("LANG", "PATH", "TERM")}
    env = found.env({**kept, **env_of(agent, hub), **ALLOWED})
    command, *words = HEADLESS[agent.name]
    said = prompt.split() if agent.name == "opencode" else [prompt]  # it would put quotes around one with blanks
    done = subprocess.run(
        [str(found.bin / command), *words, *said],
        cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{agent.name} failed: {done.stdout[-1000:]} {done.stderr[-1000:]}"
    return done.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for words in (("init", "-q"), ("config", "user.name", "t"), ("config", "user.email", "t@localhost")):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return tmp_path


async def test_a_session_that_was_had_without_roost_goes_on_in_a_sandbox(
    agent: AcpAgent, hub: HubProcess, client: AsyncClient, repository: Path
) -> None:
    """In there the agent finds nothing of its user's home but what the import has carried into it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", env_of(agent, hub)["HOME"])  # its user, and the hub's, are one
        await hub.restart(sandbox="bubblewrap")
    printed = await to_thread.run_sync(run_without_roost, agent, hub, repository, f"TASK=write {repository}")
    assert (repository / "made.txt").exists() == (agent.name not in REFUSED), printed[-2000:]
    (native,) = (await client.natives(agent=agent.name, folder=str(repository))).natives
    assert native.prompt and native.prompt.startswith("TASK=write")

    session = await client.import_native(agent.name, native.id)
    asked, *replies = await session.messages()
    assert (asked.text, asked.info.role) == (f"TASK=write {repository}", "user")
    tools = [part for reply in replies for part in reply.parts if isinstance(part, ToolPart)]
    assert [part.state.status for part in tools] == ["completed", "completed"]
    assert tools[-1].tool == "bash" and REFUSED.get(agent.name, "made") in str(tools[-1].state.output)
    assert replies[-1].text == "done"
    (run,) = await session.runs()
    assert run.status == "completed"
    assert replies[-1].info.tokens and replies[-1].info.tokens.output == 34
    assert await bodies(session, e.Native) == []
    with pytest.raises(SessionExists):
        await client.import_native(agent.name, native.id)

    result = await session.send("TASK=recall")
    sandbox = (await session.info()).sandbox
    assert sandbox is not UNSET and sandbox.kind == "bubblewrap"
    assert f"TASK=write {repository}" in result.text
    (state,) = [state for state in await bodies(session, e.AgentState) if state.taken_up is not UNSET]
    assert (state.taken_up, state.state["session"]) == (TAKEN_UP[agent.name], native.id)
    assert "This conversation began earlier" not in result.text
