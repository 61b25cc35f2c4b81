"""The Coder wire with a real agent: what the published client waits for, in the order in which it waits."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from roost.api.coder.watcher import MAX_RUNNING
from roost.testing import HubProcess
from tests.api.coder.watching import Wire, attached, command, say, until
from tests.behaviour.conftest import comes_true, script
from tests.githttp import make_served


@pytest.fixture
async def coder(hub: HubProcess) -> AsyncIterator[httpx.AsyncClient]:
    key = (hub.data / "api_key").read_text().strip()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=f"{hub.url}/api/hub", headers=headers, timeout=20, trust_env=False) as http:
        yield http


async def told(coder: httpx.AsyncClient, session: str, path: str = "", *, method: str = "GET") -> Any:
    answer = await coder.request(method, f"/session/{session}{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def polled(coder: httpx.AsyncClient, session: str, **wanted: Any) -> Any:
    """The session once it is as it is wanted: clients poll, too."""
    while True:
        detail = await told(coder, session)
        if all(detail[name] == value for name, value in wanted.items()):
            return detail


async def test_a_session_works_sleeps_wakes_and_becomes_history(coder: httpx.AsyncClient, hub: HubProcess) -> None:
    task = script({"bash": {"command": "echo $GREETING > out; cat out"}}, {"text": "All done."})
    made = (await coder.post("/session", json={"task": task, "env": {"GREETING": "salve"}, "label": "life"})).json()
    session = made["sessionId"]
    await polled(coder, session, status="active", runtimeAvailable=True, controlAvailable=True)
    while (await told(coder, session))["agentActivity"]["scripted"]["status"] != "idle":
        continue
    (lead,) = (await told(coder, session, "/participants"))["participants"]
    assert (lead["role"], lead["agentRole"]) == ("lead", "scripted")
    replay = (await told(coder, session, "/replay"))["entries"]
    assert [(entry["type"], entry.get("content")) for entry in replay] == [
        ("user_prompt", task), ("tool_call", None), ("tool_result", "salve\n"), ("message", "All done."),
    ]  # fmt: skip
    assert (await coder.post(f"{hub.url}/v1/sessions/{session}/pause")).status_code == 200
    await polled(coder, session, status="paused", runtimeAvailable=False, wakeAvailable=True)
    assert (await told(coder, session, "/resume", method="POST"))["resumed"] is True
    await polled(coder, session, status="active", runtimeAvailable=True)
    assert (await told(coder, session, "/archive", method="POST"))["status"] == "archived"
    history = await polled(coder, session, status="archived", historyOnly=True)
    assert (history["label"], history["bucket"]) == ("life", "history")
    assert (await told(coder, session, "/replay"))["entries"] == replay


async def test_a_repository_is_cloned_where_it_is_pinned_or_it_is_said_why_not(
    coder: httpx.AsyncClient, tmp_path: Path
) -> None:
    make_served(tmp_path / "served")
    repository = tmp_path / "served" / "repo.git"
    task = script({"bash": {"command": "cat file"}})

    async def made(repo: dict[str, str]) -> str:
        answer = await coder.post("/session", json={"task": task, "repo": repo})
        assert answer.status_code == 201, answer.text
        session: str = answer.json()["sessionId"]
        return session

    cloned = await made({"url": f"file://{repository}", "branch": "feature/x"})
    while len(entries := (await told(coder, cloned, "/replay"))["entries"]) < 3:
        continue
    assert entries[2]["content"] == "feature/x\n"
    detail = await told(coder, cloned)
    assert detail["repo"] == {"url": f"file://{repository}", "branch": "feature/x"}
    assert Path(detail["context"]["workingDirectory"], "file").read_text() == "feature/x\n"
    nowhere = await made({"url": f"file://{tmp_path}/nowhere"})
    while "error" not in (detail := await told(coder, nowhere)):
        continue
    assert (detail["error"]["code"], detail["historyOnly"]) == ("workspace_invalid", False), "it can be tried again"
    assert "nowhere" in detail["error"]["message"]


async def test_a_controller_uses_the_shell_of_the_workspace(coder: httpx.AsyncClient, hub: HubProcess) -> None:
    session = (await coder.post("/session", json={"task": "hello"})).json()["sessionId"]
    async with attached(Wire(hub), session) as socket:
        done = await command(socket, "bash", command="echo out; echo err >&2; exit 3")
        assert done["data"] == {"output": "out\nerr\n", "exitCode": 3, "cancelled": False, "truncated": False}
        await say(socket, type="rpc_command", command={"type": "bash", "id": "lasts", "command": "sleep 60"})
        assert (await command(socket, "get_state"))["success"]  # nothing waits for it
        await say(socket, type="rpc_command", command={"type": "abort_bash"})
        cancelled = await until(socket, lambda frame: frame.get("response", {}).get("id") == "lasts")
        assert cancelled[-1]["response"]["data"]["cancelled"] is True


async def test_so_many_commands_of_the_shell_run_at_a_time_and_behind_the_next_everything_waits(
    coder: httpx.AsyncClient, hub: HubProcess, tmp_path: Path
) -> None:
    session = (await coder.post("/session", json={"task": "hello"})).json()["sessionId"]

    async def start(number: int) -> None:
        running = f"touch {tmp_path}/{number}; until [ -e {tmp_path}/go{number} ]; do sleep 0.02; done"
        await say(socket, type="rpc_command", command={"type": "bash", "id": number, "command": running})
        await comes_true((tmp_path / str(number)).exists, seconds=30)

    async with attached(Wire(hub), session) as socket:
        for number in range(MAX_RUNNING):
            await start(number)
        assert (await command(socket, "get_state"))["success"], "nothing waits for these"
        await start(MAX_RUNNING)
        await say(socket, type="rpc_command", command={"type": "get_state", "id": "behind"})
        for number in reversed(range(MAX_RUNNING + 1)):
            (tmp_path / f"go{number}").touch()
            done = await until(socket, lambda frame: frame["type"] == "rpc_response")
            assert done[-1]["response"]["id"] == number
            if number == MAX_RUNNING:
                behind = await until(socket, lambda frame: frame["type"] == "rpc_response")
                assert behind[-1]["response"]["id"] == "behind"
