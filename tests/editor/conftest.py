"""An editor: the published Python client of the protocol, with `roost acp` as its agent, beside a real hub."""

import json
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import anyio
import pytest
from acp import PROTOCOL_VERSION, spawn_agent_process, text_block
from acp.client.connection import ClientSideConnection
from acp.connection import StreamDirection, StreamEvent
from acp.schema import AllowedOutcome, DeniedOutcome, PermissionOption, RequestPermissionResponse, ToolCallUpdate

from roost.client import AsyncClient
from roost.testing import HubProcess, hub_process

AGENT = Path(__file__).parents[1] / "acp" / "agent.py"
SECONDS = 40.0


@pytest.fixture(scope="module")
async def hub(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[HubProcess]:
    """Its agents: `scripted`, one that can be set in many ways, and one that is nowhere."""
    folder = tmp_path_factory.mktemp("agents")
    config = folder / "config.toml"
    command = json.dumps([sys.executable, str(AGENT), "resume", "image"])
    config.write_text(
        f'[agents.settable]\ncommand = {command}\nenv = {{ ACP_AGENT_HOME = "{folder}" }}\n'
        '[agents.missing]\ncommand = ["no-such-agent"]\n'
    )
    async with hub_process(config=config) as running:
        yield running


@pytest.fixture
async def client(hub: HubProcess) -> AsyncIterator[AsyncClient]:
    async with hub.client() as opened:
        yield opened


class Editor:
    """What an editor is told, raw and in order, and what it answers. `choose`: which option, by its title; None waits
    for ever."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.choose: Callable[[str, list[PermissionOption]], str | None] = lambda _title, options: options[0].option_id
        self.asked: list[tuple[str, list[str]]] = []
        self.agent: ClientSideConnection
        self.pid = 0
        self._news = anyio.Event()

    def on_connect(self, conn: object) -> None:
        pass

    def observe(self, event: StreamEvent) -> None:
        if event.direction == StreamDirection.INCOMING:
            self.heard.append(event.message)
            self._news.set()

    async def session_update(self, session_id: str, update: object, **more: Any) -> None:
        pass  # the library hands these over in any order: `observe` has them as they came

    async def request_permission(
        self, session_id: str, tool_call: ToolCallUpdate, options: list[PermissionOption], **more: Any
    ) -> RequestPermissionResponse:
        title = tool_call.title or ""
        self.asked.append((title, [option.name for option in options]))
        chosen = self.choose(title, options)
        if chosen is None:
            await anyio.sleep_forever()
        if chosen == "cancelled":
            return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))
        return RequestPermissionResponse(outcome=AllowedOutcome(outcome="selected", option_id=str(chosen)))

    async def ext_method(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        return {}

    async def ext_notification(self, method: str, params: dict[str, Any]) -> None:
        pass

    # --- what was told ---

    def notes(self, session: str | None = None) -> list[dict[str, Any]]:
        """The parameters of every `session/update`, in order."""
        found = [each["params"] for each in self.heard if each.get("method") == "session/update"]
        return [each for each in found if session in (None, each["sessionId"])]

    def updates(self, session: str | None = None) -> list[dict[str, Any]]:
        return [each["update"] for each in self.notes(session)]

    def text(self, kind: str = "agent_message_chunk") -> str:
        found = [each["content"] for each in self.updates() if each["sessionUpdate"] == kind]
        return "".join(content.get("text", "") for content in found)

    async def hears(self, matches: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first message that matches; waits for it."""
        at = 0
        with anyio.fail_after(SECONDS):
            while True:
                self._news = anyio.Event()
                while at < len(self.heard):
                    at += 1
                    if matches(self.heard[at - 1]):
                        return self.heard[at - 1]
                await self._news.wait()

    async def hears_text(self, text: str) -> None:
        await self.hears(lambda _: text in self.text())

    # --- what it does ---

    async def new(self, folder: Path, **about: Any) -> str:
        """A session in this folder."""
        made = await self.agent.new_session(cwd=str(folder), mcp_servers=[], **about)
        return made.session_id

    async def says(self, session: str, text: str, *more: Any) -> str:
        """Why the turn ended."""
        with anyio.fail_after(SECONDS):
            done = await self.agent.prompt(session_id=session, prompt=[text_block(text), *more])
        return done.stop_reason


@pytest.fixture(scope="module")
async def shared(hub: HubProcess) -> AsyncIterator[Editor]:
    async with editor(hub) as opened:
        yield opened


@pytest.fixture
def one(shared: Editor) -> Editor:
    """An editor that has heard nothing yet. Its process is that of the tests before."""
    shared.heard.clear()
    shared.asked.clear()
    shared.choose = lambda _title, options: options[0].option_id
    return shared


@asynccontextmanager
async def editor(hub: HubProcess, *arguments: str) -> AsyncGenerator[Editor]:
    """Started, and introduced."""
    opened = Editor()
    command = ("-m", "roost", "acp", "--data", str(hub.data), *arguments)
    spawned = spawn_agent_process(
        cast(Any, opened), sys.executable, *command, env=dict(os.environ), observers=[opened.observe],
        transport_kwargs={"stderr": None, "limit": 64 * 1024 * 1024},
    )  # fmt: skip
    async with spawned as (connection, process):
        opened.agent, opened.pid = connection, process.pid
        await connection.initialize(protocol_version=PROTOCOL_VERSION)
        yield opened


def script(*steps: object) -> str:
    return "script:" + json.dumps(steps)
