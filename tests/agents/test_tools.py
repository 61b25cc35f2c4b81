"""Roost's own tools, used by the real agents: as a server of tools, or where an agent takes none, as files."""

from pathlib import Path

import anyio
import pytest

from roost.client import AsyncClient
from roost.drivers.acp.agents import AcpAgent
from roost.model import events as e
from tests.acp.conftest import bodies
from tests.agents.test_agents import SECONDS
from tests.behaviour.conftest import until

pytestmark = pytest.mark.timeout(300)


async def test_an_agent_says_that_its_goal_is_reached(client: AsyncClient, agent: AcpAgent, tmp_path: Path) -> None:
    session = await client.create_session(workspace=tmp_path, task="TASK=goal", policy={"headless": "allow"})
    with anyio.fail_after(SECONDS):
        await until(session, "run-complete", seconds=SECONDS)
    assert await bodies(session, e.GoalUpdated) == [e.GoalUpdated(status="complete", summary="all green")]
    asked = {body.permission for body in await bodies(session, e.PermissionAsked)}
    assert asked <= {"bash"}  # nobody is asked whether it may say so, but for leaving it in a file
