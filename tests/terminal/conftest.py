"""A hub whose agents are the program beside this file, each on a screen of its own."""

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from roost.client import AsyncClient, AsyncSession
from roost.model import events as e
from roost.processes import SCREEN_MARK, marked
from roost.testing import HubProcess, hub_process

B = TypeVar("B", bound=e.Body)
PROGRAM = Path(__file__).with_name("program.py")
CHARACTERS = {"shown": (), "whole": ("--whole",), "stubborn": ("--stubborn",), "dies": ("--dies",)}
"""Names of agents, and their flags."""


def settings(folder: Path) -> str:
    """`plain` says nothing of how its screen looks when it waits."""
    tables = [f"[agents.plain]\nterminal = {json.dumps([sys.executable, str(PROGRAM)])}\n"]
    tables.append('[agents.absent]\nterminal = ["no-such-agent"]\n')
    for name, flags in CHARACTERS.items():
        command = json.dumps([sys.executable, str(PROGRAM), *flags])
        tables.append(f"[agents.{name}]\nterminal = {command}\nready = '^>$'\n")
    return "\n".join(tables)


@pytest.fixture(scope="module")
async def hub(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[HubProcess]:
    config = tmp_path_factory.mktemp("screens") / "config.toml"
    config.write_text(settings(config.parent))
    async with hub_process(config=config, agent="shown") as running:
        yield running


@pytest.fixture
async def client(hub: HubProcess) -> AsyncIterator[AsyncClient]:
    async with hub.client() as opened:
        yield opened


async def bodies(session: AsyncSession, kind: type[B]) -> list[B]:
    """All events of this kind."""
    return [event.body for event in (await session.read(limit=5000)).events if isinstance(event.body, kind)]


def on_screen(session: AsyncSession) -> list[psutil.Process]:
    """The screen's server, and what runs on it."""
    return marked(SCREEN_MARK, session.id.__eq__)


def agent(session: AsyncSession) -> psutil.Process:
    """The agent on it."""
    (found,) = [process for process in on_screen(session) if str(PROGRAM) in process.cmdline()]
    return found
