"""A hub with the real agents, and a model that is not: in a world that ends at this machine (`make test-agents`)."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from subprocess import DEVNULL, PIPE

import anyio
import psutil
import pytest

from roost.client import AsyncClient, AsyncSession
from roost.processes import HOST_MARK, marked, session_of
from roost.testing import HubProcess, hub_process
from tests.agents import installed
from tests.interop.coder.packages import node

PORT = 4010
"""Of the model. Nobody else is in this network."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.agents)


@pytest.fixture(scope="session")
def alone() -> None:
    """Real agents call home if they can: without this certainty nothing is started."""
    others = set(psutil.net_if_addrs()) - {"lo"}
    assert not others, f"there is a network ({', '.join(sorted(others))}): run this by `make test-agents`"
    assert installed.opencode().exists(), "the real agents are not installed: run this by `make test-agents`"


@pytest.fixture(scope="module")
async def model(alone: None) -> AsyncIterator[str]:
    """Its address."""
    script = Path(__file__).with_name("fake_model.mjs")
    command = [str(node()), str(script), str(installed.home() / "node_modules"), str(PORT)]
    async with await anyio.open_process(command, stdin=DEVNULL, stdout=PIPE, stderr=None) as process:
        assert process.stdout is not None
        with anyio.fail_after(20):
            assert await process.stdout.receive() == b"up\n"
        yield f"http://127.0.0.1:{PORT}"
        process.kill()


@pytest.fixture(scope="module")
async def hub(model: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[HubProcess]:
    folder = tmp_path_factory.mktemp("agents")
    env = {"HOME": folder / "home", "XDG_CONFIG_HOME": folder / "config", "XDG_DATA_HOME": folder / "data"}
    env |= {"XDG_STATE_HOME": folder / "state", "XDG_CACHE_HOME": folder / "cache"}
    for path in env.values():
        path.mkdir()
    settings = folder / "config" / "opencode" / "opencode.json"
    settings.parent.mkdir()
    settings.write_text(json.dumps(opencode_settings(model)))
    off = {f"OPENCODE_DISABLE_{name}": "1" for name in ("MODELS_FETCH", "LSP_DOWNLOAD", "DEFAULT_PLUGINS")}
    given = ", ".join(f'{name} = "{value}"' for name, value in (env | off).items())
    config = folder / "config.toml"
    config.write_text(f'[agents.opencode]\ncommand = ["{installed.opencode()}", "acp"]\nenv = {{ {given} }}\n')
    async with hub_process(config=config, agent="opencode") as running:
        yield running


def opencode_settings(model: str) -> dict[str, object]:
    fake = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Fake",
        "options": {"baseURL": f"{model}/v1", "apiKey": "x"},
        "models": {
            "fake-1": {
                "name": "Fake 1",
                "tool_call": True,
                "limit": {"context": 100000, "output": 8000},
                "cost": {"input": 1, "output": 2},
            }
        },
    }
    chosen = {"model": "fake/fake-1", "small_model": "fake/fake-1", "enabled_providers": ["fake"]}
    return {
        **chosen,
        "autoupdate": False,
        "share": "disabled",
        "permission": {"edit": "ask", "bash": "ask"},
        "provider": {"fake": fake},
    }


@pytest.fixture
async def client(hub: HubProcess) -> AsyncIterator[AsyncClient]:
    async with hub.client() as opened:
        yield opened


def commands(session: AsyncSession) -> list[str]:
    """What runs for this session, as command lines."""
    found = marked(HOST_MARK, lambda mark: session_of(mark) == session.id)
    return [" ".join(process.cmdline()) for process in found if process.pid != os.getpid()]
