"""`roost acp` as an editor finds it: the published Python client of the protocol, real processes, a real hub."""

import base64
import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from acp import RequestError, image_block, resource_link_block
from acp.helpers import embedded_text_resource, resource_block
from acp.schema import EnvVariable, McpServerStdio, SessionNotification

from roost.client import AsyncClient
from roost.editor.telling import joined
from roost.model import events as e
from roost.processes import birth
from roost.testing import HubProcess
from tests.behaviour.conftest import comes_true, stands, until
from tests.editor.conftest import SECONDS, Editor, editor, script

ALL = script(
    {"reasoning": "let me see"},
    {"text": "hello there"},
    {"todos": ["look", {"id": "2", "content": "leap", "status": "cancelled"}]},
    {"write": {"path": "made.py", "content": "1\n"}},
    {"bash": {"command": "echo out; exit 3"}},
    {"ask": {"permission": "bash", "patterns": ["rm *"], "always": ["rm *"]}},
    {"question": {"question": "Which?", "options": ["red", "blue"]}},
    {"usage": {"input": 10, "output": 5, "cost": 0.01}},
)


def told(notes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What an editor makes of it: whole texts, and without what it has said itself."""
    updates = joined([each["update"] for each in notes])
    return [each for each in updates if each["sessionUpdate"] != "user_message_chunk"]


def seqs(notes: list[dict[str, Any]]) -> list[int]:
    """The cursors behind whole events."""
    return [each["_meta"]["roost"]["seq"] for each in notes if "more" not in each["_meta"]["roost"]]


async def test_a_prompt_is_told_as_it_happens_and_found_again_by_another_editor(
    one: Editor, hub: HubProcess, client: AsyncClient, tmp_path: Path
) -> None:
    async with editor(hub) as first:
        first.choose = lambda title, _options: "1" if title == "Which?" else "always"
        session = await first.new(tmp_path)
        assert await first.says(session, ALL) == "end_turn"
        assert first.asked == [("bash rm *", ["Allow once", "Always allow rm *", "Reject"]),
                               ("Which?", ["red", "blue", "Do not answer"])]  # fmt: skip
        assert first.text("agent_thought_chunk") == "let me see"
        assert first.text() == "hello there" + "bash: allowed always" + "answered: blue"
        kinds = [each["sessionUpdate"] for each in told(first.notes())]
        assert kinds.count("tool_call") == 2 and "user_message_chunk" not in kinds
        plan = next(each for each in first.updates() if each["sessionUpdate"] == "plan")
        assert [entry["status"] for entry in plan["entries"]] == ["pending", "completed"]
        wrote, ran = (each for each in first.updates() if each.get("status") in ("completed", "failed"))
        diff = {"type": "diff", "path": str(tmp_path / "made.py"), "newText": "1\n"}
        assert (wrote["status"], diff in wrote["content"]) == ("completed", True)
        assert wrote["locations"] == [{"path": str(tmp_path / "made.py")}]
        assert ran["status"] == "failed" and "out" in ran["content"][0]["content"]["text"]
        for note in first.notes():
            SessionNotification.model_validate(note)
    assert (await client.get_session(session)).label == ALL[:80]

    # the first has gone; its session has not
    (listed,) = [each for each in (await one.agent.list_sessions()).sessions if each.session_id == session]
    assert (listed.cwd, listed.title) == (str(tmp_path), ALL[:80])
    assert [each.session_id for each in (await one.agent.list_sessions(cwd=str(tmp_path))).sessions] == [session]
    await one.agent.load_session(cwd=str(tmp_path), session_id=session, mcp_servers=[])
    assert one.text("user_message_chunk") == ALL
    named = [each for each in told(one.notes()) if each["sessionUpdate"] != "session_info_update"]
    assert named == [each for each in told(first.notes()) if each["sessionUpdate"] != "session_info_update"]
    heard = len(one.heard)
    assert await one.says(session, "again") == "end_turn"
    assert one.text().endswith("again")
    await one.agent.resume_session(cwd=str(tmp_path), session_id=session)
    assert one.updates(session)[-1]["content"]["text"] == "again", "resuming tells nothing of what was"
    assert len(one.heard) > heard


async def test_pictures_files_and_links_of_a_prompt_reach_the_agent(
    one: Editor, client: AsyncClient, tmp_path: Path
) -> None:
    picture = base64.b64encode(b"\x89PNG" + bytes(40_000)).decode()
    session = await one.new(tmp_path)
    notes = embedded_text_resource("file:///x/notes%20of%20mine.md", "# notes", mime_type="text/markdown")
    blocks = [
        image_block(picture, "image/png", uri="file:///x/shot.png"),
        resource_block(notes),
    ]
    assert await one.says(session, script({"files": "in"}), *blocks) == "end_turn"
    assert (tmp_path / "in" / "shot.png").read_bytes() == base64.b64decode(picture)
    assert (tmp_path / "in" / "notes of mine.md").read_text() == "# notes"
    handle = client.session(session)
    given = (await handle.run((await handle.runs())[0].run)).input
    assert [part.url[:9] for part in given if isinstance(part, e.FileInput)] == ["blob:sha2", "data:text"]
    await one.says(session, "look at", resource_link_block("main.py", "file:///x/main.py"))
    assert "[@main.py](file:///x/main.py)" in one.text()


async def test_an_editor_that_was_killed_goes_on_after_its_cursor_and_misses_nothing(
    one: Editor, hub: HubProcess, client: AsyncClient, tmp_path: Path
) -> None:
    steps = script({"deltas": {"count": 300, "bytes": 10, "per_second": 300}}, {"bash": {"command": "echo end"}})
    async with editor(hub) as first:
        session = await first.new(tmp_path)
        await client.session(session).start(steps)
        await first.hears_text("00000060")
        os.kill(first.pid, signal.SIGKILL)
        seen = first.notes(session)
    after = seqs(seen)[-1]
    answer = await one.agent.ext_method("roost/session/resume", {"sessionId": session, "after": after})
    assert answer["_meta"]["roost"]["seq"] >= after
    await until(client.session(session), "run-complete")
    await one.hears(lambda each: "completed" in str(each.get("params", {}).get("update", {}).get("status")))
    missed = one.notes(session)
    assert seqs(missed)[0] > after
    await one.agent.load_session(cwd=str(tmp_path), session_id=session, mcp_servers=[])
    whole = one.notes(session)[len(missed) :]
    assert told([*seen, *missed]) == told(whole)
    numbers = "".join(f"{n:08}.." for n in range(300))
    text = [each["content"]["text"] for each in told(whole) if each["sessionUpdate"] == "agent_message_chunk"]
    assert text == [numbers]


async def test_a_session_goes_on_when_its_editor_leaves_in_the_middle(
    hub: HubProcess, client: AsyncClient, tmp_path: Path
) -> None:
    steps = script({"deltas": {"count": 400, "bytes": 10, "per_second": 400}})
    asked = [("initialize", {"protocolVersion": 1}), ("session/new", {"cwd": str(tmp_path), "mcpServers": []})]
    command = [sys.executable, "-m", "roost", "acp", "--data", str(hub.data)]
    async with await anyio.open_process(command) as process:
        assert process.stdin and process.stdout and process.stderr
        for number, (method, params) in enumerate(asked):
            await process.stdin.send(line(number, method, params))
        heard = b""
        while not (found := re.search(rb"codesess_[0-9a-f]{12}", heard)):
            heard += await process.stdout.receive()
        session = found[0].decode()
        prompt = {"sessionId": session, "prompt": [{"type": "text", "text": steps}]}
        await process.stdin.send(line(9, "session/prompt", prompt))
        while b"00000020" not in heard:
            heard += await process.stdout.receive()
        await process.stdin.aclose()
        with anyio.fail_after(40):
            assert b"".join([piece async for piece in process.stderr]) == b""
            assert await process.wait() == 0
    end = await until(client.session(session), "run-complete")
    assert end.seq > 400


def line(number: int, method: str, params: dict[str, Any]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode() + b"\n"


async def test_who_asks_and_says_no_more_is_told_all_that_was_asked(
    hub: HubProcess, client: AsyncClient, tmp_path: Path
) -> None:
    session = await client.create_session(task="hello", workspace=str(tmp_path))
    await until(session, "run-complete")
    load = {"sessionId": session.id, "cwd": str(tmp_path), "mcpServers": []}
    asked = line(0, "initialize", {"protocolVersion": 1}) + line(1, "session/load", load)
    command = [sys.executable, "-m", "roost", "acp", "--data", str(hub.data)]
    with anyio.fail_after(60):
        said = [json.loads(each) for each in (await anyio.run_process(command, input=asked)).stdout.splitlines()]
    texts = [each["params"]["update"]["content"]["text"] for each in said if "method" in each]
    assert (texts, said[-1]["id"]) == (["hello", "hello"], 1), "its history, then the answer"


async def test_the_stream_of_an_editor_goes_on_by_itself_when_the_hub_was_killed(
    one: Editor, hub: HubProcess, tmp_path: Path
) -> None:
    session = await one.new(tmp_path)
    reasons = list[str]()

    async def prompt() -> None:
        reasons.append(await one.says(session, script({"deltas": {"count": 200, "bytes": 10, "per_second": 200}})))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(prompt)
        await one.hears_text("00000020")
        await hub.restart()
    assert reasons == ["end_turn"]
    assert one.text() == "".join(f"{n:08}.." for n in range(200))
    assert seqs(one.notes()) == sorted(set(seqs(one.notes())))
    assert await one.says(session, "and on") == "end_turn"


async def test_a_permission_that_is_answered_elsewhere_is_withdrawn_and_one_that_is_open_is_asked_again(
    one: Editor, hub: HubProcess, client: AsyncClient, tmp_path: Path
) -> None:
    ask = script({"ask": {"permission": "bash", "patterns": ["ls"]}})

    def waits(*_: object) -> None:
        return None

    async with editor(hub) as two:
        one.choose = two.choose = waits
        session = await one.new(tmp_path)
        handle = client.session(session)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one.says, session, ask)
            asked = await one.hears(lambda each: each.get("method") == "session/request_permission")
            await two.agent.resume_session(cwd=str(tmp_path), session_id=session)
            await two.hears(lambda each: each.get("method") == "session/request_permission")
            (entry,) = await handle.pending()
            await handle.reply_to_permission(entry.request, "once")
            for each in (one, two):
                back = await each.hears(lambda heard: heard.get("method") == "$/cancel_request")
                if each is one:
                    assert back["params"] == {"requestId": asked["id"]}
        one.choose = lambda _title, _options: "reject"
        assert await one.says(session, ask) == "cancelled", "a rejection without a word ends the run"
        replies = [event.body for event in (await handle.read()).events if isinstance(event.body, e.PermissionReplied)]
        assert [reply.reply for reply in replies] == ["once", "reject"]


async def test_a_cancelled_turn_ends_and_what_was_queued_behind_it_is_given_up(
    one: Editor, client: AsyncClient, tmp_path: Path
) -> None:
    session = await one.new(tmp_path)
    reasons = dict[str, str]()

    async def prompt(name: str, text: str) -> None:
        reasons[name] = await one.says(session, text)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(prompt, "first", script({"bash": {"command": "echo $$ > pid; sleep 1000"}}))
        await comes_true(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
        tasks.start_soon(prompt, "second", "never")
        await stands(client.session(session), lambda info: info.queued == 1)
        await one.agent.cancel(session_id=session)
    assert reasons == {"first": "cancelled", "second": "cancelled"}
    pid = int((tmp_path / "pid").read_text())
    await comes_true(lambda: birth(pid) is None)
    assert await one.says(session, "still here") == "end_turn"
    assert "never" not in one.text()


async def test_how_the_agent_of_a_session_is_set_is_shown_and_changed(one: Editor, tmp_path: Path) -> None:
    key = EnvVariable(name="KEY", value="s3cret")
    server = McpServerStdio(name="my tools", command="tools", args=["-x"], env=[key])
    made = await one.agent.new_session(cwd=str(tmp_path), mcp_servers=[server], roost={"agent": "settable"})
    session = made.session_id
    assert made.modes and [mode.id for mode in made.modes.available_modes] == ["ask", "plan"]
    for _ in range(2):  # the second time it is so already
        with anyio.fail_after(15):
            await one.agent.set_session_mode(session_id=session, mode_id="plan")
    changed = {"sessionUpdate": "current_mode_update", "currentModeId": "plan"}
    await one.hears(lambda each: each.get("params", {}).get("update") == changed)
    done = await one.agent.set_config_option(config_id="model", session_id=session, value="large")
    assert done and [option.current_value for option in done.config_options] == ["large"]
    with pytest.raises(RequestError, match="it has: small, large"):
        await one.agent.set_config_option(config_id="model", session_id=session, value="huge")
    commands = '[{"update": {"sessionUpdate": "available_commands_update", "availableCommands": '
    await one.says(session, commands + '[{"name": "review", "description": "Look at it"}]}}, {"usage": 0.5}]')
    await one.hears(lambda each: "availableCommands" in each.get("params", {}).get("update", {}))
    used = await one.hears(lambda each: "used" in each.get("params", {}).get("update", {}))
    assert (used["params"]["update"]["used"], used["params"]["update"]["size"]) == (500, 1000)
    assert await one.says(session, "/review this") == "end_turn"
    assert one.text().strip().endswith("reviewed this")
    await one.says(session, '[{"config": 1}]')
    assert '"name": "my-tools"' in one.text() and "s3cret" in one.text(), "the agent is given the servers of the editor"


async def test_what_cannot_be_done_is_an_error_that_says_why(one: Editor, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="missing is not installed"):
        await one.new(tmp_path, roost={"agent": "missing"})
    with pytest.raises(RequestError, match="no agent is called 'nobody'") as unknown:
        await one.new(tmp_path, roost={"agent": "nobody"})
    assert (unknown.value.code, dict(unknown.value.data or {})["code"]) == (-32602, "agent_unknown")
    with pytest.raises(RequestError) as missing:
        await one.agent.load_session(cwd="/", session_id="codesess_000000000000", mcp_servers=[])
    assert (missing.value.code, dict(missing.value.data or {})["code"]) == (-32002, "session_not_found")
    with pytest.raises(RequestError, match="Invalid params"):
        await one.says("codesess_000000000000", "hello")
    session = await one.new(tmp_path)
    with pytest.raises(RequestError, match="it broke") as failed:
        await one.says(session, script({"fail": "it broke"}))
    assert failed.value.data == {"code": "scripted_failure"}
    with pytest.raises(RequestError, match="Method not found"):
        await one.agent.ext_method("roost/no/such", {})
    await one.agent.close_session(session_id=session)
    with pytest.raises(RequestError, match="Invalid params"):
        await one.says(session, "hello")


@pytest.mark.long
async def test_without_a_hub_one_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOST_PORT", "0")
    monkeypatch.setenv("ROOST_WARM_HOSTS", "0")
    alone = HubProcess(tmp_path / "data", {})
    try:
        async with editor(alone, "--agent", "scripted", "--worktree") as one:
            assert await one.says(await one.new(tmp_path), "hi") == "end_turn"
            assert one.text() == "hi"
    finally:
        await down(alone)


async def down(hub: HubProcess) -> None:
    """What was started in the background is gone."""
    with anyio.fail_after(40):
        await anyio.run_process([sys.executable, "-m", "roost", "down", "--data", str(hub.data)], check=False)


async def test_a_hub_that_is_not_there_is_told_of_and_waited_for() -> None:
    command = [sys.executable, "-m", "roost", "acp", "--url", "http://127.0.0.1:9"]
    async with await anyio.open_process(command) as process:
        assert process.stderr is not None
        with anyio.fail_after(SECONDS):
            said = b""
            while b"\n" not in said:
                said += await process.stderr.receive()
        assert process.returncode is None
        process.kill()
    assert said.startswith(b"roost acp: No hub answers at http://127.0.0.1:9 (ConnectError). It is waited for.\n")
