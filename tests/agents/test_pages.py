"""The page of each agent: who does what it says, and has an account, gets there."""

import os
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from roost.drivers.acp.agents import AcpAgent
from roost.testing import HubProcess
from tests.docs.pages import ROOT, snippets
from tests.docs.reader import write_shims

PAGES = {
    "claude": "use-claude-code",
    "codex": "use-codex",
    "gemini": "use-gemini-cli",
    "opencode": "use-opencode",
    "pi": "use-pi",
}
RUN_HERE = "tests/agents/test_pages.py runs it"
SECONDS = 240
pytestmark = pytest.mark.timeout(300)


async def test_what_the_page_of_an_agent_says_works(hub: HubProcess, agent: AcpAgent, tmp_path: Path) -> None:
    """With the model that is not instead of an account, and an agent that has been installed before."""
    shims, repository = tmp_path / "bin", tmp_path / "repository"
    shims.mkdir()
    write_shims(shims)
    who = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
    subprocess.run(["git", "init", "-q", repository], check=True)
    subprocess.run(["git", *who, "commit", "-q", "--allow-empty", "-m", "first"], cwd=repository, check=True)
    ours = {"PAGES_PYTHON": sys.executable, "PAGES_ROOT": str(ROOT), "PYTHONPATH": str(ROOT / "src")}
    path = f"{shims}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | ours | {"PATH": path, "ROOST_DATA": str(hub.data)}
    wanted = [
        each for each in snippets(f"docs/howto/{PAGES[agent.name]}.md") if RUN_HERE in each.marks.get("no-run", "")
    ]
    with anyio.fail_after(SECONDS):
        told = [await anyio.run_process(["bash", "-euc", each.text], cwd=repository, env=env) for each in wanted]
    installed, answered = (each.stdout.decode() for each in told)
    assert agent.name in installed
    assert "ok" in answered.split(), "the fake model's answer to what is no task of the tests"
