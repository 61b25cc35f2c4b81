"""What the records of each agent say, as events. A golden file holds these line by line, ids in order of use.

`ROOST_TEST_GOLDEN=write` writes the files anew; read the difference before you commit it.
"""

import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roost.model import events as e
from roost.model.conversation import Conversation
from roost.model.envelope import Draft, committed, decode_body, draft
from roost.model.ids import SessionId
from roost.model.messages import Message, ToolPart
from roost.model.snapshot import Fold
from roost.natives.database import open_database
from roost.natives.history import carrying, reading
from roost.natives.history.carrying import carry
from roost.natives.history.reading import AGENTS, MAX_PROMPT_CHARS, history, lines, look, told
from roost.natives.history.telling import MAX_PICTURES, MAX_PROMPT_BYTES, MAX_TEXT_CHARS
from roost.natives.history.values import MAX_FIELD_BYTES
from roost.natives.places import NativeSession, homes_of, sessions_of
from tests.natives.recorded import make_home

SAMPLES = Path(__file__).parents[1] / "golden" / "native"
WRITE = os.environ.get("ROOST_TEST_GOLDEN") == "write"
FILES = {"claude": "claude-code.jsonl", "codex": "codex.jsonl", "opencode": "opencode.sql", "pi": "pi.jsonl"}
OPENCODE_ID = "ses_e081d9845ffe1FLwhsD8EfD0vx"
_OURS = re.compile(r"\b(msg|part|run|task)_[0-9a-f]{16}\b")


def recorded(agent: str, tmp_path: Path) -> NativeSession:
    path = SAMPLES / FILES[agent]
    if agent == "opencode":
        script, path = path.read_text(encoding="utf-8"), tmp_path / "opencode.db"
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA synchronous = OFF")
            database.executescript(f"BEGIN; {script} COMMIT;")
    return session_in(path, agent, OPENCODE_ID if agent == "opencode" else "one")


def session_in(path: Path, agent: str = "claude", name: str = "one") -> NativeSession:
    size = 0 if agent == "opencode" else path.stat().st_size
    return NativeSession(agent=agent, id=name, path=path, changed_at=0, size_bytes=size)


def written(path: Path, *records: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def folded(drafts: Iterator[Draft]) -> tuple[Fold, list[Message]]:
    """The log of an import: every event may follow those before it."""
    fold, messages = Fold.empty(), dict[str, Message]()
    owner = e.Principal(user="owner")
    created = e.SessionCreated(
        session=SessionId("codesess_0"), label="", agent="claude", workspace=e.WorkspaceSpec(kind="folder"), owner=owner
    )
    begin = [draft(created), draft(e.SessionImported(origin=e.Origin(agent="claude", id="one")))]
    end = [draft(e.SessionPaused(reason="imported"))]
    conversation = Conversation(storing=False)
    for seq, each in enumerate([*begin, *drafts, *end], 1):
        assert decode_body(each.raw) == each.body  # whoever reads the log sees what was folded here
        event = committed(each, seq=seq, at=seq)
        conversation.apply(event, fold.record if seq > 1 else None)
        fold.apply(event)
        messages |= {message.info.id: message for message in conversation.messages}
    return fold, list(messages.values())


def named(line: str, names: dict[str, str]) -> str:
    def name(found: re.Match[str]) -> str:
        known = sum(given.startswith(f"{found[1]}_") for given in names.values())
        return names.setdefault(found[0], f"{found[1]}_{known + 1}")

    return _OURS.sub(name, line)


def events(records: list[dict[str, Any]], agent: str = "claude") -> list[e.Body]:
    """What these records say."""
    return [each.body for each in told(iter(records), AGENTS[agent][0]()) if isinstance(each.body, e.Body)]


def of(kind: type[e.Body], bodies: list[e.Body]) -> list[Any]:
    return [body for body in bodies if isinstance(body, kind)]


# --- recorded sessions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("agent", list(FILES))
def test_a_recorded_session_says_exactly_this(agent: str, tmp_path: Path) -> None:
    names: dict[str, str] = {}
    _, drafts = history(recorded(agent, tmp_path))
    told = [named(json.dumps([str(each.run), json.loads(each.raw)]), names) for each in drafts]
    path = SAMPLES / "events" / f"{agent}.jsonl"
    if WRITE:
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(told) + "\n", encoding="utf-8")
    assert told == path.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(("agent", "steps", "tokens", "cost"), [
    ("claude", 7, (7200, 204), 0.0548), ("codex", 5, (6000, 170), 0.0),
    ("opencode", 5, (6000, 170), 0.00634), ("pi", 5, (6000, 170), 0.00634),
])  # fmt: skip
def test_the_history_of_each_is_a_log_that_may_stand_with_usage_counted_once(
    agent: str, steps: int, tokens: tuple[int, int], cost: float, tmp_path: Path
) -> None:
    teller, drafts = history(recorded(agent, tmp_path))
    fold, messages = folded(drafts)
    metrics = fold.record.metrics
    assert (metrics.steps, (metrics.tokens.input, metrics.tokens.output)) == (steps, tokens)
    assert metrics.cost == pytest.approx(cost)
    assert teller.telling.cost == pytest.approx(cost)
    asked = [message.text.partition(" ")[0] for message in messages if message.info.role == "user"]
    assert asked == ["TASK=write", "TASK=perm", "TASK=slow", "TASK=badreq"]
    assert all(message.info.completed for message in messages)
    tools = [part for message in messages for part in message.parts if isinstance(part, ToolPart)]
    assert [part.state.status for part in tools] == ["completed"] * 3
    assert fold.record.last_run and fold.record.last_run.status == "failed"


@pytest.mark.parametrize("agent", list(FILES))
def test_a_list_says_how_a_session_began_and_how_long_it_is(agent: str, tmp_path: Path) -> None:
    session = recorded(agent, tmp_path)
    found = look(session)
    assert found.prompt == "TASK=write CWD=/workspace please write hello.txt"
    assert found.began_at and found.began_at > 1_700_000_000_000
    fold, _ = folded(history(session)[1])
    assert found.messages == fold.record.metrics.messages


def test_of_a_large_session_a_list_says_only_how_it_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = recorded("claude", tmp_path)
    monkeypatch.setattr(reading, "MAX_COUNTED_BYTES", session.size_bytes)
    assert look(session).messages == 11
    monkeypatch.setattr(reading, "MAX_COUNTED_BYTES", session.size_bytes - 1)
    found = look(session)
    assert not found.messages and found.prompt.startswith("TASK=write")


# --- records that are torn, unknown, or hostile -----------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(agent=st.sampled_from([agent for agent in FILES if agent != "opencode"]), at=st.integers(0, 60_000))
def test_a_file_cut_anywhere_is_a_history_that_ends_there(
    agent: str, at: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("cut") / "one.jsonl"
    path.write_bytes((SAMPLES / FILES[agent]).read_bytes()[:at])
    fold, _ = folded(history(session_in(path, agent))[1])
    assert fold.record.run == fold.record.open_from  # both absent: nothing is open


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(agent=st.sampled_from(list(FILES)), data=st.data())
def test_records_of_any_other_shape_make_a_log_that_may_stand(agent: str, data: st.DataObject) -> None:
    """Recorded ones with some of their values replaced by whatever there is."""
    if agent == "opencode":
        records: list[Any] = [
            {"message": "m", "data": {"role": "assistant"}},
            {"part": "p", "data": {"type": "tool", "tool": "bash", "callID": "c", "state": {"status": "completed"}}},
            {"part": "p", "data": {"type": "step-finish", "tokens": {"input": 1}, "cost": 1}},
        ]
    else:
        records = list(lines(SAMPLES / FILES[agent]))
    chosen = data.draw(st.lists(st.sampled_from(records), max_size=6))
    changed = [_changed(json.loads(json.dumps(record)), data) for record in chosen]
    folded(told(iter(changed), AGENTS[agent][0]()))


def _changed(value: Any, data: st.DataObject) -> Any:
    """With one value in it, at any depth, replaced."""
    at, steps = value, data.draw(st.integers(1, 5))
    for _ in range(steps):
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            return value
        key = data.draw(st.sampled_from(keys))
        if isinstance(at[key], dict | list) and data.draw(st.booleans()):
            at = at[key]
            continue
        at[key] = data.draw(JSON)
        return value
    return value


def test_what_is_not_known_is_kept_as_it_is() -> None:
    strange = {"type": "brand-new", "sessionId": "s", "more": [1, {"a": None}]}
    (kept,) = events([strange])
    assert isinstance(kept, e.Native)
    assert (kept.raw, kept.source) == (strange, "claude")
    (block,) = of(e.Native, events([_assistant({"type": "hologram", "data": 1})]))
    assert block.raw == {"type": "hologram", "data": 1}


def test_a_line_that_is_no_record_is_told_of_and_a_torn_last_one_is_not(tmp_path: Path) -> None:
    path = written(tmp_path / "one.jsonl", _user("hello"))
    path.write_bytes(path.read_bytes() + b'{"type": \xff\n' + b"[1, 2]\n\n" + b'{"type": "user", "mess')
    assert [record["type"] for record in lines(path)] == ["user", "unreadable", "unreadable"]
    bodies = events(list(lines(path)))
    assert len(of(e.Native, bodies)) == 2


def test_a_line_that_is_too_long_is_left_out_and_the_next_one_read(tmp_path: Path) -> None:
    short = _user("x")
    path = written(tmp_path / "one.jsonl", _user("y" * 5000), short)
    fits = len(json.dumps(_user("y" * 5000)))
    assert [record["type"] for record in lines(path, fits)] == ["user", "user"]
    first, second = lines(path, fits - 1)
    assert (first, second) == ({"type": "unreadable", "bytes": fits + 1}, short)


def test_a_hundred_megabytes_are_read_line_by_line(tmp_path: Path) -> None:
    """Of a file that large nothing but the lines that are asked for is read."""
    path = written(tmp_path / "one.jsonl", *[_user(f"{number}") for number in range(5)])
    with path.open("ab") as file:
        file.truncate(100 * 1024 * 1024)
    assert len(list(islice(lines(path), 5))) == 5


@pytest.mark.parametrize("more", [0, 1])
def test_a_text_is_told_up_to_its_limit(more: int) -> None:
    said = of(e.TextDelta, events([_user("go"), _assistant({"type": "text", "text": "x" * (MAX_TEXT_CHARS + more)})]))
    text = "".join(delta.delta for delta in said)
    assert text == "x" * MAX_TEXT_CHARS + "\n[truncated]" * more


def test_a_prompt_and_a_tool_are_cut_where_an_event_could_not_hold_them() -> None:
    whole, long = "x" * (MAX_PROMPT_BYTES - 2), "\x01" * MAX_PROMPT_BYTES
    (one, other) = of(e.RunStart, events([_user(whole), _user(long)]))
    assert one.input == (e.TextInput(text=whole),)
    assert other.input[0].text.endswith("\n[truncated]")
    assert len(json.dumps(other.input[0].text)) <= MAX_PROMPT_BYTES
    given = {"content": "x" * MAX_FIELD_BYTES}
    (start,) = of(e.ToolStart, events([_user("go"), _assistant(_call("c", "Write", given))]))
    assert start.input["truncated"].endswith("[truncated]")


def test_what_is_nested_too_deeply_is_kept_as_text() -> None:
    deep: Any = 0
    for _ in range(200):
        deep = [deep]
    fold, _ = folded(told(iter([_user("go"), _assistant(_call("c", "X", {"deep": deep}))]), AGENTS["claude"][0]()))
    assert fold.record.metrics.tool_calls == 1


def test_no_more_pictures_than_a_prompt_may_hold() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "AAAA"}
    picture = {"type": "image", "source": source}
    (all_,) = of(e.RunStart, events([_user([picture] * MAX_PICTURES)]))
    assert [part.url for part in all_.input] == ["data:image/png;base64,AAAA"] * MAX_PICTURES
    (more,) = of(e.RunStart, events([_user([picture] * (MAX_PICTURES + 1))]))
    assert more.input[0].text == "\n[1 more files]"


# --- Claude Code ------------------------------------------------------------------------------------------------------


def _user(content: Any, **more: Any) -> dict[str, Any]:
    return {
        "type": "user",
        "message": {"role": "user", "content": content},
        "timestamp": "2026-11-20T07:00:00Z",
        **more,
    }


def _assistant(*blocks: dict[str, Any], name: str = "msg_1", stop: str = "end_turn", **more: Any) -> dict[str, Any]:
    usage = {"input_tokens": 10, "output_tokens": 1}
    message = {"id": name, "role": "assistant", "content": list(blocks), "stop_reason": stop, "usage": usage}
    return {"type": "assistant", "message": message, **more}


def _call(call: str, name: str, given: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_use", "id": call, "name": name, "input": given}


def _done(call: str, content: Any, **more: Any) -> dict[str, Any]:
    return _user([{"type": "tool_result", "tool_use_id": call, "content": content}], **more)


def test_the_calls_of_one_reply_may_have_their_results_between_them() -> None:
    records = [
        _user("go"),
        _assistant(_call("a", "Bash", {"command": "ls"}), stop="tool_use"),
        _done("a", [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]),
        _assistant(_call("b", "Read", {"file_path": "/x"}), stop="tool_use"),
        _user([{"type": "tool_result", "tool_use_id": "b", "content": "no such file", "is_error": True}]),
        _assistant({"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "so"}, name="msg_2"),
    ]
    fold, messages = folded(told(iter(records), AGENTS["claude"][0]()))
    first, second = messages[1:]
    one, two = (part.state for part in first.parts if isinstance(part, ToolPart))
    assert (one.status, one.output) == ("completed", "one\ntwo")
    assert (two.status, two.error) == ("error", "no such file")
    assert (second.text, fold.record.metrics.tokens.input) == ("so", 20)
    assert fold.record.last_run and fold.record.last_run.status == "completed"


def test_edits_are_told_with_what_they_changed_and_plans_as_plans() -> None:
    edit = {"filePath": "/x", "oldString": "a", "newString": "b"}
    plan = {"todos": [{"content": "first", "status": "in_progress"}, {"content": "then", "status": "odd"}]}
    bodies = events([
        _user("go"),
        _assistant(_call("a", "Edit", {"file_path": "/x"}), _call("b", "TodoWrite", plan), stop="tool_use"),
        _done("a", "ok", toolUseResult=edit),
    ])  # fmt: skip
    (done,) = of(e.ToolComplete, bodies)
    assert done.metadata == {"diffs": [{"path": "/x", "oldText": "a", "newText": "b"}]}
    (todos,) = of(e.TodosUpdated, bodies)
    assert [(item.id, item.content, item.status) for item in todos.todos] == [
        ("1", "first", "in_progress"), ("2", "then", "pending"),
    ]  # fmt: skip


def test_a_sub_agent_from_a_file_of_its_own_says_its_words_before_its_result(tmp_path: Path) -> None:
    path = written(
        tmp_path / "one.jsonl",
        _user("go"),
        _assistant(_call("t", "Task", {"prompt": "look"}), stop="tool_use"),
        _done("t", "found", toolUseResult={"agentId": "a1", "content": [{"type": "text", "text": "found"}]}),
        _assistant({"type": "text", "text": "done"}, name="msg_2"),
    )
    (tmp_path / "one" / "subagents").mkdir(parents=True)
    written(
        tmp_path / "one" / "subagents" / "agent-a1.jsonl",
        _user("look", isSidechain=True, agentId="a1"),
        _assistant(_call("g", "Grep", {"pattern": "x"}), name="msg_s", stop="tool_use"),
        _done("g", "y"),
        _assistant({"type": "text", "text": "found"}, name="msg_s2"),
    )
    fold, messages = folded(history(session_in(path))[1])
    (task,) = fold.record.tasks
    assert (task.prompt, task.status, task.result) == ("look", "completed", "found")
    assert [message.text for message in messages if message.info.task == task.task] == ["", "found"]
    assert messages[1].info.task == messages[-1].info.task != task.task
    assert fold.record.last_run and fold.record.last_run.status == "completed"


def test_another_file_than_that_of_the_sub_agent_is_never_read(tmp_path: Path) -> None:
    (tmp_path / "secret.jsonl").write_text(json.dumps(_user("hidden")) + "\n")
    (tmp_path / "agent-link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    for name in ("../secret", "link", "x" * 65, ""):
        path = written(tmp_path / "one.jsonl", _done("t", "found", toolUseResult={"agentId": name}))
        assert "hidden" not in json.dumps(list(lines_of(path)))


def lines_of(path: Path) -> Iterator[dict[str, Any]]:
    return AGENTS["claude"][1](session_in(path))


def test_a_command_is_a_prompt_if_the_model_answers_it_and_what_the_program_says_is_none() -> None:
    command = "<command-name>/review</command-name><command-args>all</command-args>"
    bodies = events([
        _user("<command-name>/clear</command-name>"),
        _user("<local-command-stdout>cleared</local-command-stdout>"),
        _user(command),
        _user("You are to review ...", isMeta=True),
        _assistant({"type": "text", "text": "fine"}),
    ])  # fmt: skip
    (start,) = of(e.RunStart, bodies)
    assert start.input == (e.TextInput(text="/review all"),)
    assert len(of(e.Native, bodies)) == 2
    assert len(of(e.RunComplete, bodies)) == 1


def test_words_said_while_it_works_begin_another_run_and_a_torn_turn_is_interrupted() -> None:
    joined = {"type": "attachment", "attachment": {"type": "queued_command", "prompt": "also", "commandMode": "prompt"}}
    bodies = events([_user("go"), _assistant(stop="tool_use"), joined, _assistant(name="msg_2", stop="tool_use")])
    ends = [body for body in bodies if isinstance(body, e.RunComplete | e.RunError)]
    assert isinstance(ends[0], e.RunComplete)
    assert isinstance(ends[1], e.RunError) and ends[1].error.code == "interrupted"


def test_a_conversation_that_was_summed_up_says_so() -> None:
    boundary = {"type": "system", "subtype": "compact_boundary"}
    records = [_user("go"), _assistant({"type": "text", "text": "on it"}), boundary]
    records += [_user("So far: nothing.", isCompactSummary=True), _user("on"), _assistant(name="msg_2")]
    fold, messages = folded(told(iter(records), AGENTS["claude"][0]()))
    (summary,) = (message for message in messages if message.info.summary)
    assert (summary.text, summary.info.role) == ("So far: nothing.", "system")
    assert not fold.record.compacting


# --- the others -------------------------------------------------------------------------------------------------------


def _codex(kind: str, **payload: Any) -> dict[str, Any]:
    outer, _, inner = kind.partition("/")
    return {"type": outer, "timestamp": "2026-11-20T07:00:00Z", "payload": {"type": inner, **payload}}


def test_an_older_record_of_codex_is_understood_too() -> None:
    """Prompts as `user_message`, usage as a running total that is told more than once."""
    use = {"last_token_usage": {"input_tokens": 9, "cached_input_tokens": 4, "output_tokens": 2}}
    counted = _codex("event_msg/token_count", info={"total_token_usage": {"total_tokens": 11}, **use})
    call = _codex("response_item/function_call", name="shell", call_id="c", arguments='{"command": ["ls", "-l"]}')
    output = _codex("response_item/function_call_output", call_id="c", output='{"output": "x"}')
    plan = {"plan": [{"step": "first", "status": "pending"}]}
    records = [
        _codex("response_item/message", role="user", content=[{"type": "input_text", "text": "<environment_context>"}]),
        _codex("event_msg/user_message", message="go", images=["data:image/png;base64,AAAA", "https://elsewhere"]),
        call, counted, output, counted,
        _codex("response_item/function_call", name="update_plan", call_id="p", arguments=json.dumps(plan)),
        _codex("response_item/function_call_output", call_id="p", output="ok"),
        _codex("response_item/reasoning", summary=[{"type": "summary_text", "text": "hm"}]),
        _codex("response_item/message", role="assistant", content=[{"type": "output_text", "text": "done"}]),
    ]  # fmt: skip
    fold, messages = folded(told(iter(records), AGENTS["codex"][0]()))
    assert len(messages[0].parts) == 2
    assert [message.text for message in messages] == ["go", "", "", "done"]
    assert fold.record.metrics.tokens == e.Tokens(input=5, output=2, cache_read=4)
    assert [todo.content for todo in fold.record.todos] == ["first"]
    assert fold.record.last_run and fold.record.last_run.status == "completed"


def test_a_sub_agent_of_opencode_says_its_words_in_its_task(tmp_path: Path) -> None:
    path = tmp_path / "opencode.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE message (id, session_id, time_created, data)")
        database.execute("CREATE TABLE part (id, message_id, data)")

        def add(session: str, name: str, data: dict[str, Any], *parts: dict[str, Any]) -> None:
            database.execute("INSERT INTO message VALUES (?, ?, ?, ?)", (name, session, 1, json.dumps(data)))
            for number, part in enumerate(parts):
                database.execute("INSERT INTO part VALUES (?, ?, ?)", (f"{name}{number}", name, json.dumps(part)))

        state = {"status": "completed", "output": "ok", "metadata": {"sessionId": "child"}}
        say, hidden = {"type": "text", "text": "go"}, {"type": "text", "text": "added", "synthetic": True}
        picture = {"type": "file", "url": "data:image/png;base64,AAAA", "mime": "image/png", "filename": "a.png"}
        add("top", "m1", {"role": "user"}, say, hidden, picture, {"type": "file", "url": "file:///b"})
        call = {"type": "tool", "tool": "task", "callID": "c", "state": state}
        again = {"type": "tool", "tool": "task", "callID": "d", "state": state}  # a loop of sessions ends
        end = {"role": "assistant", "finish": "stop"}
        add("top", "m2", end, {"type": "text", "text": "asking"}, call, {"type": "text", "text": "done"})
        add("child", "c1", {"role": "user"}, {"type": "text", "text": "look"})
        add("child", "c2", end, {"type": "text", "text": "found"}, again)
        database.commit()
    fold, messages = folded(history(session_in(path, "opencode", "top"))[1])
    (task,) = fold.record.tasks
    assert (task.prompt, task.status) == ("look", "completed")
    assert [(message.text, message.info.task == task.task) for message in messages] == [
        ("go\n[file:///b]", False), ("askingdone", False), ("found", True),
    ]  # fmt: skip
    assert fold.record.last_run and fold.record.last_run.status == "completed"


# --- files that are another program's ---------------------------------------------------------------------------------


WRITER = """
import sqlite3, sys
agent = sqlite3.connect(sys.argv[1])
for command in ("PRAGMA journal_mode = WAL", "CREATE TABLE kept (a)", "INSERT INTO kept VALUES (1)"):
    agent.execute(command)
agent.commit()
print("up", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("state", ["written to", "left by a crash", "its index is lost", "closed"])
def test_a_database_is_read_with_all_that_is_in_it_and_nothing_beside_it_changes(state: str, tmp_path: Path) -> None:
    place = tmp_path / "live"
    place.mkdir()
    command = [sys.executable, "-c", WRITER, str(place / "x.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as agent:
        assert agent.stdout and agent.stdin
        assert agent.stdout.readline() == b"up\n"
        if state != "written to":
            place = Path(shutil.copytree(place, tmp_path / "left"))
        if state == "its index is lost":
            (place / "x.db-shm").unlink()
        if state == "closed":
            with closing(sqlite3.connect(place / "x.db")) as last:
                last.execute("SELECT * FROM kept").fetchall()
        before = content(place)
        with closing(open_database(place / "x.db")) as reader:
            assert reader.execute("SELECT a FROM kept").fetchall() == [(1,)]
        assert content(place) == before
        agent.stdin.close()


def content(place: Path) -> dict[str, tuple[str, int]]:
    return {
        path.name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in sorted(place.iterdir())
    }


def test_what_a_sub_agent_said_and_secrets_beside_it_are_not_taken_for_sessions(tmp_path: Path) -> None:
    """Nothing but the records is opened: a neighbour that nobody may read stays unread."""
    home = tmp_path / "claude"
    project = home / "projects" / "-work"
    project.mkdir(parents=True)
    path = written(project / "one.jsonl", _user("go", cwd="/work"), _assistant())
    (home / "sessions").mkdir()
    os.mkfifo(home / "sessions" / "1.key")
    os.mkfifo(project / "two.jsonl")  # whoever opened one of these would wait for ever
    (found,) = sessions_of("claude", homes_of({"CLAUDE_CONFIG_DIR": str(home)}))
    assert (found.id, found.path, look(found).messages) == ("one", path, 2)


# --- a home of its own ------------------------------------------------------------------------------------------------


def test_the_record_of_a_session_is_carried_into_another_home_alone(tmp_path: Path) -> None:
    """And what it says there is the same."""
    home, own = make_home(tmp_path), tmp_path / "own"
    for agent, files in (("claude", 1), ("codex", 1), ("pi", 1), ("opencode", 1)):
        (there,) = sessions_of(agent, homes_of({"HOME": str(home)}))
        other = there.path.with_name("other.jsonl")
        other.write_text("{}\n")
        assert carry(there, home, own / agent)
        assert len([path for path in (own / agent).rglob("*") if path.is_file()]) == files
        (here,) = sessions_of(agent, homes_of({"HOME": str(own / agent)}))
        names, again = dict[str, str](), dict[str, str]()
        told = [named(each.raw.decode(), names) for each in history(there)[1]]
        assert [named(each.raw.decode(), again) for each in history(here)[1]] == told
        assert not carry(there, tmp_path / "elsewhere", own / "no")
    assert not (own / "no").exists()


def test_what_sub_agents_said_is_carried_too_but_no_links(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    path = written(tmp_path / "home" / "one.jsonl", _user("go"))
    (tmp_path / "secret").write_text("hidden")
    (tmp_path / "home" / "one" / "subagents").mkdir(parents=True)
    written(tmp_path / "home" / "one" / "subagents" / "agent-a.jsonl", _user("look"))
    (tmp_path / "home" / "one" / "link").symlink_to(tmp_path / "secret")
    assert carry(session_in(path), tmp_path / "home", tmp_path / "own")
    found = sorted(str(path.relative_to(tmp_path / "own")) for path in (tmp_path / "own").rglob("*") if path.is_file())
    assert found == ["one.jsonl", "one/subagents/agent-a.jsonl"]


def test_of_a_database_no_other_session_and_no_secret_is_carried(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    (native,) = sessions_of("opencode", homes_of({"HOME": str(home)}))
    with closing(sqlite3.connect(native.path)) as agent:
        agent.execute("INSERT INTO account VALUES ('a', 'mail', 'url', 'TOKEN', 'TOKEN', 0, 0, 0)")
        agent.execute(
            "INSERT INTO credential (id, label, value, time_created, time_updated) VALUES ('c', 'l', 'TOKEN', 0, 0)"
        )
        for name, parent in (("ses_child", native.id), ("ses_other", None)):
            agent.execute("CREATE TEMP TABLE one AS SELECT * FROM session WHERE id = ?", (native.id,))
            agent.execute("UPDATE one SET id = ?, parent_id = ?", (name, parent))
            agent.execute("INSERT INTO session SELECT * FROM one")
            agent.execute("DROP TABLE one")
        agent.commit()
    assert carry(native, home, tmp_path / "own")
    copy = tmp_path / "own" / native.path.relative_to(home)
    with closing(sqlite3.connect(copy)) as carried:
        assert {name for (name,) in carried.execute("SELECT id FROM session")} == {native.id, "ses_child"}
        assert carried.execute("SELECT count(*) FROM account").fetchone() == (0,)
        assert carried.execute("SELECT count(*) FROM part").fetchone() == (25,)
    assert b"TOKEN" not in copy.read_bytes()


def test_no_more_files_are_carried_than_may_lie_beside_a_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home" / "one").mkdir(parents=True)
    path = written(tmp_path / "home" / "one.jsonl", _user("go"))
    for name in ("a", "b", "c"):
        (tmp_path / "home" / "one" / name).touch()
    monkeypatch.setattr(carrying, "MAX_FILES", 2)
    assert carry(session_in(path), tmp_path / "home", tmp_path / "own")
    assert sorted(each.name for each in (tmp_path / "own").rglob("*") if each.is_file()) == ["a", "b", "one.jsonl"]


@pytest.mark.parametrize("more", [0, 1])
def test_a_list_has_the_beginning_of_a_first_prompt_if_it_comes_early_enough(
    more: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "x" * (MAX_PROMPT_CHARS + more)
    path = written(tmp_path / "one.jsonl", {"type": "mode"}, _user(words))
    assert look(session_in(path)).prompt == "x" * MAX_PROMPT_CHARS
    monkeypatch.setattr(reading, "MAX_COUNTED_BYTES", 0)
    monkeypatch.setattr(reading, "MAX_PEEKED", 2 - more)
    assert bool(look(session_in(path)).prompt) is not bool(more)


def test_sub_agents_of_sub_agents_are_followed_so_deep_and_no_deeper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "opencode.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE message (id, session_id, time_created, data)")
        database.execute("CREATE TABLE part (id, message_id, data)")
        for depth in range(4):
            state = {"status": "completed", "output": "ok", "metadata": {"sessionId": f"s{depth + 1}"}}
            call = {"type": "tool", "tool": "task", "callID": f"c{depth}", "state": state}
            for name, role, part in (("u", "user", {"type": "text", "text": "go"}), ("a", "assistant", call)):
                data = json.dumps({"role": role, "finish": "stop"})
                database.execute("INSERT INTO message VALUES (?, ?, 1, ?)", (f"m{depth}{name}", f"s{depth}", data))
                database.execute("INSERT INTO part VALUES (?, ?, ?)", ("p", f"m{depth}{name}", json.dumps(part)))
        database.execute("UPDATE message SET id = replace(id, 'u', '0')")
        database.execute("UPDATE part SET message_id = replace(message_id, 'u', '0')")
        database.commit()
    monkeypatch.setattr(reading, "MAX_NESTED", 2)
    fold, _ = folded(history(session_in(path, "opencode", "s0"))[1])
    assert len(fold.record.tasks) == 2
