"""Roost in an editor that is written with the published TypeScript library of the protocol."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.streams.text import TextReceiveStream

from roost.model.errors import AgentInstallFailed
from roost.testing import RunningHub, running_hub
from tests.interop.acp import packages

pytestmark = [pytest.mark.process, pytest.mark.timeout(240)]  # the first time it installs the library
SECONDS = 60.0


@pytest.fixture(scope="module")
def modules() -> Path:
    """Of npm. Without them there is nothing to prove: the test fails, in one line."""
    try:
        return packages.install() / "node_modules"
    except AgentInstallFailed as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
async def hub() -> AsyncIterator[RunningHub]:
    async with running_hub() as running:
        yield running


async def lines(process: anyio.abc.Process) -> AsyncIterator[tuple[str, Any]]:
    """What the editor says, as it says it."""
    assert process.stdout is not None
    text = ""
    async for piece in TextReceiveStream(process.stdout):
        *whole, text = (text + piece).split("\n")
        for line in whole:
            what, value = json.loads(line)
            yield what, value


async def test_the_published_typescript_library_opens_drives_loads_and_resumes(
    hub: RunningHub, modules: Path, tmp_path: Path
) -> None:
    said: list[tuple[str, Any]] = []
    roost = [sys.executable, "-m", "roost", "acp", "--data", str(hub.data), "--agent", "scripted"]
    command = [str(packages.node() / "bin" / "node"), str(packages.HERE / "editor.mjs"), str(modules), str(tmp_path)]
    async with hub.client() as client, await anyio.open_process([*command, *roost], stderr=subprocess.PIPE) as process:
        with anyio.fail_after(SECONDS):
            async for what, value in lines(process):
                said.append((what, value))
                if what == "asked":
                    (entry,) = await client.pending()
                    await client.session(entry.session).reply_to_permission(value, "once")
        assert await process.wait() == 0
    found = {what: value for what, value in said if what != "update"}
    assert found["can"]["loadSession"] is True
    assert found["withdrawn"] == found["asked"], "the library takes the request back by itself"
    assert (found["prompt"]["stopReason"], found["cancelled"]["stopReason"]) == ("end_turn", "cancelled")
    assert found["error"] == ["it broke", {"code": "scripted_failure"}]
    assert found["listed"] == [found["left"]]
    assert (tmp_path / "made.txt").read_text() == "x"
    updates = [value["update"]["sessionUpdate"] for what, value in said if what == "update"]
    assert {"agent_message_chunk", "tool_call", "tool_call_update", "plan", "user_message_chunk"} <= set(updates)
    after = said[next(n for n, (what, _) in enumerate(said) if what == "loaded") :]
    resumed = [value["_meta"]["roost"]["seq"] for what, value in after if what == "update"]
    assert resumed == sorted(resumed)
    assert min(resumed) > 6
    assert found["resumed"]["_meta"]["roost"]["seq"] == found["loaded"]["_meta"]["roost"]["seq"]
