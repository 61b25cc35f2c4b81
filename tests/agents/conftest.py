"""A hub with the real agents, and a model that is not: in a world that ends at this machine (`make test-agents`)."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from subprocess import DEVNULL, PIPE

import anyio
import psutil
import pytest

from roost.client import AsyncClient
from roost.drivers.acp.agents import AGENTS, AcpAgent
from roost.installs.places import FOLDER, Installs
from roost.testing import HubProcess, hub_process
from tests.agents import installed
from tests.agents.worlds import furnish
from tests.interop.coder.packages import node

KEPT = ("GIT_CONFIG", "HOME", "LANG", "LC_", "PATH", "PYTHON", "PYTEST", "ROOST_", "TERM", "TMPDIR", "VIRTUAL_ENV")
"""Beginnings of variables that the hub sees. Agents heed hundreds of others, of whoever runs the tests."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.agents)


@pytest.fixture(scope="session")
def alone() -> None:
    """Real agents call home if they can: without this certainty nothing is started."""
    others = set(psutil.net_if_addrs()) - {"lo"}
    assert not others, f"there is a network ({', '.join(sorted(others))}): run this by `make test-agents`"


@pytest.fixture(scope="module")
async def model(alone: None) -> AsyncIterator[str]:
    """Its address."""
    script, modules = Path(__file__).with_name("fake_model.mjs"), installed.model_modules()
    assert modules.exists(), "the fake model is not installed: run this by `make test-agents`"
    async with await anyio.open_process(
        [str(node()), str(script), str(modules)], stdin=DEVNULL, stdout=PIPE, stderr=None
    ) as process:
        assert process.stdout is not None
        try:
            with anyio.fail_after(60):
                address = (await process.stdout.receive()).decode().strip()
            yield address
        finally:
            process.kill()


@pytest.fixture(
    scope="module",
    params=[pytest.param(row, id=name, marks=pytest.mark.xdist_group(name)) for name, row in AGENTS.items()],
)
def agent(request: pytest.FixtureRequest) -> AcpAgent:
    """Each in turn; side by side with `-n`."""
    found = Installs(installed.CACHE).find(request.param.name)
    assert found and found.current, f"{request.param.name} is not installed: run this by `make test-agents`"
    return request.param


@pytest.fixture(scope="module")
async def hub(agent: AcpAgent, model: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[HubProcess]:
    folder = tmp_path_factory.mktemp(agent.name)
    data, config = folder / "data", folder / "config.toml"
    data.mkdir()
    (data / FOLDER).symlink_to(installed.CACHE)
    given = ", ".join(f"{name} = {json.dumps(value)}" for name, value in furnish(agent.name, folder, model).items())
    config.write_text(f"[agents.{agent.name}]\nenv = {{ {given} }}\nhosts = {json.dumps([model])}\ninsist = true\n")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if not name.startswith(KEPT)]:
            patch.delenv(name)
        async with hub_process(data, config=config, agent=agent.name) as running:
            yield running


@pytest.fixture
async def client(hub: HubProcess) -> AsyncIterator[AsyncClient]:
    async with hub.client() as opened:
        yield opened
