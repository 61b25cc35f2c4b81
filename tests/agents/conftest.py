"""A hub with the real agents, and a model that is not: in a world that ends at this machine (`make test-agents`)."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import psutil
import pytest
from xdist.scheduler import LoadScopeScheduling

from roost.client import AsyncClient
from roost.drivers.acp.agents import AGENTS, AcpAgent
from roost.installs.places import Installs
from roost.testing import HubProcess, hub_process
from tests.agents.installed import CACHE
from tests.agents.worlds import environment_of, fake_model, settle


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.agents)


class ByAgent(LoadScopeScheduling):
    """The tests of one agent stay together, whatever file they are in. xdist's own groups do not, with pytest 9."""

    def _split_scope(self, nodeid: str) -> str:
        named = set(nodeid.rpartition("[")[2].rstrip("]").split("-")) & AGENTS.keys()
        return named.pop() if named else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByAgent:
    return ByAgent(config, log)


@pytest.fixture(scope="session")
def alone() -> None:
    """Real agents call home if they can: without this certainty nothing is started."""
    others = set(psutil.net_if_addrs()) - {"lo"}
    assert not others, f"there is a network ({', '.join(sorted(others))}): run this by `make test-agents`"


@pytest.fixture(scope="module")
async def model(alone: None) -> AsyncGenerator[str]:
    """Its address."""
    async with fake_model() as address:
        yield address


@pytest.fixture(scope="module", params=list(AGENTS.values()), ids=list(AGENTS))
def agent(request: pytest.FixtureRequest) -> AcpAgent:
    """Each in turn; side by side with `-n`."""
    found = Installs(CACHE).find(request.param.name)
    assert found and found.current, f"{request.param.name} is not installed: run this by `make test-agents`"
    return request.param


@pytest.fixture(scope="module", params=["bubblewrap", pytest.param("none", marks=pytest.mark.long)])
def sandbox(request: pytest.FixtureRequest) -> str:
    """Sessions are in one, as people's are; and with `make test-agents ALL=1` all of it again without."""
    return request.param


@pytest.fixture(scope="module")
async def hub(
    agent: AcpAgent, model: str, sandbox: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[HubProcess]:
    folder = tmp_path_factory.mktemp(agent.name)
    data, config = settle(agent.name, folder, model)
    if sandbox == "none":
        config.write_text(config.read_text() + "insist = true\n")
    with environment_of(folder / "home"):
        async with hub_process(data, config=config, agent=agent.name, sandbox=sandbox) as running:
            yield running


@pytest.fixture
async def client(hub: HubProcess) -> AsyncGenerator[AsyncClient]:
    async with hub.client() as opened:
        yield opened
