"""What can be asked about a session: runs, one message, counts, plan, who is here, how its host does."""

from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from roost.api.v1.sessions import MAX_SEARCH_CHARS
from roost.core.session import Session
from roost.model import events as e
from roost.model.envelope import Draft, draft
from roost.model.ids import MessageId, PartId, RunId
from roost.model.knowing import LOG_TAIL_BYTES, MAX_LOG_TAIL_BYTES
from tests.api.served import Served

M, P = MessageId("msg_1"), PartId("part_1")


async def ask(api: Served, session: Session, path: str, status: int = 200, **params: Any) -> Any:
    answer = await api.http.get(f"/v1/sessions/{session.id}{path}", params=params)
    assert answer.status_code == status, answer.text
    return answer.json()


async def run_once(api: Served, session: Session, text: str, *said: e.Body, end: e.Body | None = None) -> str:
    """A run that is over, and its id."""
    answer = await api.http.post(f"/v1/sessions/{session.id}/input", json={"text": text})
    run = RunId(answer.json()["run"])
    await api.say(
        session, [draft(body, run=run) for body in (*said, end or e.RunComplete(result=e.RunResult(text=text)))]
    )
    return run


def spoken(text: str, message: MessageId = M) -> list[e.Body]:
    return [
        e.MessageStart(message=message, role="assistant"),
        e.PartStart(message=message, part=P, kind="text"),
        e.TextDelta(message=message, part=P, delta=text),
    ]


async def test_runs_come_newest_first_in_pages_and_one_by_one(api: Served) -> None:
    session = await api.live()
    failed = e.RunError(error=e.Failure(code="broken", message="it broke"))
    ids = [await run_once(api, session, "one"), await run_once(api, session, "two", end=failed)]
    ids.append((await api.http.post(f"/v1/sessions/{session.id}/input", json={"text": "three"})).json()["run"])
    listed = (await ask(api, session, "/runs"))["runs"]
    assert [run["run"] for run in listed] == ids[::-1]
    assert [run["status"] for run in listed] == ["created", "failed", "completed"]
    assert [run.get("error", {}).get("code") for run in listed] == [None, "broken", None]
    assert listed[2]["result"]["text"] == "one"
    assert not any("input" in run for run in listed)
    first = (await ask(api, session, "/runs", limit=2))["runs"]
    rest = (await ask(api, session, "/runs", before=first[-1]["start"]))["runs"]
    assert first + rest == listed
    assert (await ask(api, session, f"/runs/{ids[0]}"))["input"] == [{"type": "text", "text": "one"}]
    assert (await ask(api, session, f"/runs/{ids[2]}"))["status"] == "created"
    assert (await ask(api, session, "/runs/run_nowhere", 404))["code"] == "run_not_found"
    other = await api.live()
    assert (await ask(api, other, f"/runs/{ids[0]}", 404))["code"] == "run_not_found"
    for limit, status in ((0, 400), (1, 200), (500, 200), (501, 400)):
        await ask(api, session, "/runs", status, limit=limit)


async def test_a_runs_own_events_come_by_page_until_they_end(api: Served) -> None:
    session = await api.live()
    await run_once(api, session, "before")
    run = await run_once(api, session, "x", *spoken("hello"))
    await api.http.patch(f"/v1/sessions/{session.id}", json={"label": "not of a run"})
    await run_once(api, session, "after")
    whole = await ask(api, session, f"/runs/{run}/events")
    assert [event["body"]["type"] for event in whole["events"]] == [
        "run-start", "message-start", "part-start", "text-delta", "run-complete",
    ]  # fmt: skip
    assert whole["ended"] is True
    after, events = 0, []
    while True:
        page = await ask(api, session, f"/runs/{run}/events", limit=2, after=after)
        assert len(page["events"]) <= 2
        events += page["events"]
        after = page["after"]
        if page["ended"]:
            break
    assert events == whole["events"]
    for limit, status in ((0, 400), (5000, 200), (5001, 400)):
        await ask(api, session, f"/runs/{run}/events", status, limit=limit)


async def test_a_message_is_served_while_it_is_said_and_afterwards(api: Served) -> None:
    session = await api.live()
    answer = await api.http.post(f"/v1/sessions/{session.id}/input", json={"text": "x"})
    run = RunId(answer.json()["run"])
    await api.say(session, [draft(body, run=run) for body in spoken("hel")])
    assert (await ask(api, session, f"/messages/{M}"))["parts"][0]["text"] == "hel"
    rest: list[Draft] = [
        draft(e.TextDelta(message=M, part=P, delta="lo"), run=run),
        draft(e.PartDone(message=M, part=P), run=run),
        draft(e.MessageDone(message=M), run=run),
        draft(e.RunComplete(result=e.RunResult()), run=run),
    ]
    await api.say(session, rest)
    told = await ask(api, session, f"/messages/{M}")
    assert (told["info"]["id"], told["parts"][0]["text"]) == (M, "hello")
    assert told in (await ask(api, session, "/messages"))["messages"]
    assert (await ask(api, session, "/messages/msg_nowhere", 404))["code"] == "message_not_found"


async def test_metrics_and_todos_are_those_of_the_log(api: Served) -> None:
    session = await api.live()
    todo = e.Todo(id="1", content="first")
    tools: list[e.Body] = []
    for call, tool, failed in (("a", "bash", False), ("b", "bash", True), ("c", "read", False)):
        part = PartId(call)
        tools.append(e.ToolStart(message=M, part=part, call=call, tool=tool, input={}))
        over = e.ToolError(message=M, part=part, call=call, error="no") if failed else None
        tools.append(over or e.ToolComplete(message=M, part=part, call=call, output="ok"))
    tokens = e.Tokens(input=3, output=4)
    steps = [e.StepFinish(message=M, part=PartId(n), reason="stop", tokens=tokens, cost=0.5) for n in ("s1", "s2")]
    await run_once(api, session, "x", *spoken("hi"), *tools, *steps, e.TodosUpdated(todos=(todo,)))
    told = await ask(api, session, "/metrics")
    metrics = told["metrics"]
    assert metrics["tool_usage"] == {"bash": 2, "read": 1}
    assert metrics["tool_calls"] == sum(metrics["tool_usage"].values())
    assert (metrics["steps"], metrics["tokens"]["input"], metrics["cost"]) == (2, 6, 1.0)
    assert metrics["messages"] == len((await ask(api, session, "/messages"))["messages"])
    assert told["seq"] == session.seq
    assert [entry["content"] for entry in (await ask(api, session, "/todos"))["todos"]] == ["first"]


async def log_of(api: Served, session: Session, text: bytes) -> None:
    folder = anyio.Path(api.hub.settings.data) / "logs"
    await folder.mkdir(exist_ok=True)
    await (folder / f"{session.id}.log").write_bytes(text)


async def test_diagnostics_show_the_end_of_the_log_without_secrets_and_the_last_errors(api: Served) -> None:
    session = await api.live(env={"TOKEN": "hush-hush", "LONGER": "hush-hush-more", "TINY": "abc"})
    broke = e.RunError(error=e.Failure(code="broken", message="it broke"))
    run = await run_once(api, session, "x", end=broke)
    await log_of(api, session, b"first\nusing hush-hush and hush-hush-more and abc \xff\n")
    told = await ask(api, session, "/diagnostics")
    assert told["log"] == "first\nusing *** and *** and abc �\n"
    assert told["host"] == {"linked": True}
    assert [(error["error"]["code"], error["run"]) for error in told["errors"]] == [("broken", run)]
    assert (told["phase"], told["epoch"]) == ("active", session.epoch)


async def test_diagnostics_are_bounded_and_begin_with_a_line(api: Served) -> None:
    session = await api.live()
    assert (await ask(api, session, "/diagnostics"))["log"] == ""
    line = b"0123456789abcde\n"
    await log_of(api, session, line * (MAX_LOG_TAIL_BYTES // 16 * 2))
    for size in (LOG_TAIL_BYTES, MAX_LOG_TAIL_BYTES):
        told = await ask(api, session, "/diagnostics", log_bytes=size)
        assert size - 16 <= len(told["log"]) <= size
        assert told["log"].startswith("0123")
        assert told["log_bytes"] == 2 * MAX_LOG_TAIL_BYTES
    assert (await ask(api, session, "/diagnostics", log_bytes=0))["log"] == ""
    await ask(api, session, "/diagnostics", 400, log_bytes=MAX_LOG_TAIL_BYTES + 1)


async def test_a_log_is_followed_in_whole_lines_and_no_secret_is_cut_in_two(api: Served) -> None:
    session = await api.live(env={"KEY": "first line\nsecond line"})
    begun = b"one\nfirst line\n"
    await log_of(api, session, begun + b"second l")
    told = await ask(api, session, "/diagnostics")
    assert (told["log"], told["log_end"]) == ("one\n***\nsecond l", len(begun))
    told = await ask(api, session, "/diagnostics", log_after=told["log_end"])
    assert (told["log"], told["log_end"]) == ("", len(begun))
    await log_of(api, session, begun + b"second line\ntwo\nthree\n")
    told = await ask(api, session, "/diagnostics", log_after=told["log_end"], log_bytes=17)
    assert told["log"] == "***\ntwo\n"
    told = await ask(api, session, "/diagnostics", log_after=told["log_end"], log_bytes=3)
    assert told["log"] == "thr"  # a line that is longer than what may be read
    told = await ask(api, session, "/diagnostics", log_after=told["log_end"])
    assert (told["log"], told["log_end"]) == ("ee\n", told["log_bytes"])
    assert (await ask(api, session, "/diagnostics", log_after=10**9))["log"] == ""


async def test_the_host_of_a_session_is_named_by_what_the_runtime_noted(api: Served) -> None:
    session = await api.live()
    folder = Path(api.hub.settings.data) / "hosts"
    await anyio.Path(folder).mkdir()
    await anyio.Path(folder / f"{session.id}.json").write_text('{"pid": 7, "started": "x", "epoch": 1}')
    told = await ask(api, session, "/diagnostics")
    assert told["host"] == {"linked": True, "alive": True, "pid": 7, "epoch": 1}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"q": "x" * MAX_SEARCH_CHARS}, 200), ({"q": "x" * (MAX_SEARCH_CHARS + 1)}, 400), ({"q": ""}, 200),
        ({"status": "nowhere"}, 400), ({"bucket": "x"}, 400), ({"visibility": "x"}, 400), ({"created_from": -1}, 400),
        ({"tag": ["a", "b"], "status": ["active", "paused"], "bucket": "running", "created_from": 0}, 200),
    ],
)  # fmt: skip
async def test_filters_of_a_list_have_their_values_and_limits(api: Served, query: dict[str, Any], status: int) -> None:
    assert (await api.http.get("/v1/sessions", params=query)).status_code == status


async def test_metadata_is_merged_and_found(api: Served) -> None:
    session = await api.create(metadata={"a": "first", "b": 1})
    path = f"/v1/sessions/{session.id}"
    await api.http.patch(path, json={"metadata": {"b": "second", "c": True}})
    assert (await api.http.get(path)).json()["metadata"] == {"a": "first", "b": "second", "c": True}
    for term in ("FIRST", "second", "c"):
        assert (await api.http.get("/v1/sessions", params={"q": term})).json()["total"] == 1


async def test_of_many_who_tag_a_session_at_once_all_are_heard(api: Served) -> None:
    session = await api.create(tags=["old", "stays"])
    added = [f"tag {number}" for number in range(20)]

    async def change(**tags: list[str]) -> None:
        answer = await api.http.patch(f"/v1/sessions/{session.id}", json=tags)
        assert answer.status_code == 200, answer.text

    async with anyio.create_task_group() as tasks:
        for each in added:
            tasks.start_soon(partial(change, add_tags=[each]))
        tasks.start_soon(partial(change, remove_tags=["old"]))
    assert sorted(session.info().tags) == sorted(["stays", *added])
    head = session.seq
    await change(add_tags=["stays", "stays"], remove_tags=["old"])
    assert session.seq == head
    await change(tags=["a", "b"], add_tags=["c", "a"], remove_tags=["b"])
    assert session.info().tags == ("a", "c")
