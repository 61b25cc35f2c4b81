"""The REST routes: what they take, what they answer, and what they refuse."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from anyio.lowlevel import checkpoint
from msgspec import UNSET

from roost.core.decisions import HUB, Decision
from roost.core.hub import Hub
from roost.core.session import Session
from roost.model import events as e
from roost.model.agents import Agent
from roost.model.envelope import draft
from roost.model.ids import RequestId
from tests.api.served import Served, served

pytestmark = pytest.mark.anyio


def refusal(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert (answer.status_code, told["status"], told["code"]) == (status, status, code), told
    return told


async def ask(api: Served, session: Session, body: e.PermissionAsked | e.QuestionAsked) -> None:
    run = session.record_now.run
    assert run is not UNSET
    await api.say(session, [draft(body, run=run.run)])


async def test_a_session_is_created_read_changed_listed_and_deleted(api: Served) -> None:
    made = await api.http.post("/v1/sessions", json={"agent": "scripted", "task": "say hello", "tags": ["a"]})
    assert made.status_code == 201
    told = made.json()
    assert (told["phase"], told["label"], told["task"], told["tags"]) == ("creating", "say hello", "say hello", ["a"])
    path = f"/v1/sessions/{told['session']}"
    assert (await api.http.get(path)).json()["session"] == told["session"]
    changed = await api.http.patch(path, json={"label": "other", "metadata": {"k": 1}})
    assert (changed.status_code, changed.json()["label"], changed.json()["metadata"]) == (200, "other", {"k": 1})
    listed = (await api.http.get("/v1/sessions")).json()
    assert (listed["total"], [entry["label"] for entry in listed["sessions"]]) == (1, ["other"])
    gone = await api.http.delete(path)
    assert (gone.status_code, gone.json()["session"], gone.json()["kept"]) == (200, told["session"], "elsewhere")
    refusal(await api.http.get(path), 404, "session_not_found")


async def test_no_field_is_ever_null(api: Served) -> None:
    session = await api.live(task="hello")
    for path in ("", "/snapshot", "/messages", "/events", "/pending"):
        assert b"null" not in (await api.http.get(f"/v1/sessions/{session.id}{path}")).content
    for path in ("/v1/sessions", "/v1/feed", "/v1/agents"):
        assert b"null" not in (await api.http.get(path)).content


async def test_a_session_is_found_by_its_short_id(api: Served) -> None:
    session = await api.create()
    short = session.id.removeprefix("codesess_")
    assert (await api.http.get(f"/v1/sessions/{short}")).json()["session"] == session.id


async def test_lists_filter_order_and_page(api: Served) -> None:
    made = [(await api.create(label=name)).id for name in ("one", "two", "three")]
    assert (await api.http.post(f"/v1/sessions/{made[0]}/archive")).status_code == 200
    assert (await api.http.patch(f"/v1/sessions/{made[1]}", json={"hidden": True})).status_code == 200

    async def labels(query: str) -> list[str]:
        return [entry["label"] for entry in (await api.http.get(f"/v1/sessions?{query}")).json()["sessions"]]

    assert set(await labels("")) == {"one", "three"}
    assert set(await labels("hidden=true")) == {"one", "two", "three"}
    assert await labels("archived=false") == ["three"]
    assert await labels("phase=archived") == ["one"]
    assert set(await labels("phase=archived&phase=creating&hidden=1")) == {"one", "two", "three"}
    assert await labels("agent=nobody") == []
    assert len(await labels("limit=1")) == 1
    assert await labels("offset=2") == []
    assert (await api.http.get("/v1/sessions?limit=1")).json()["total"] == 2


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("phase=sleepy", "phase"),
        ("order=random", "order"),
        ("limit=-1", "limit"),
        ("limit=many", "limit"),
        ("offset=9007199254740993", "offset"),
        ("hidden=perhaps", "hidden"),
    ],
)
async def test_a_wrong_parameter_is_named(api: Served, query: str, named: str) -> None:
    told = refusal(await api.http.get(f"/v1/sessions?{query}"), 400, "invalid_request")
    assert named in told["detail"]


async def test_input_starts_a_run_and_a_second_finds_the_session_busy(api: Served) -> None:
    session = await api.live()
    path = f"/v1/sessions/{session.id}/input"
    first = await api.http.post(path, json={"text": "hello"})
    assert first.status_code == 202
    assert first.json()["run"].startswith("run_")
    told = refusal(await api.http.post(path, json={"text": "again"}), 409, "session_busy")
    assert told["run"] == first.json()["run"]
    steered = await api.http.post(path, json={"command": "send", "text": "left", "delivery": "steer"})
    assert (steered.status_code, steered.json()["run"]) == (202, first.json()["run"])
    queued = await api.http.post(path, json={"input": [{"type": "text", "text": "later"}], "delivery": "queue"})
    assert queued.status_code == 202


async def test_an_abort_answers_once_the_session_is_idle_or_at_once(api: Served) -> None:
    session = await api.live(task="hello")
    path = f"/v1/sessions/{session.id}/abort"
    soon = await api.http.post(f"{path}?wait=false", json={"reason": "enough"})
    run = session.info().run
    assert run is not UNSET
    assert (soon.status_code, soon.json()["run"]) == (202, run.run)
    answers: list[httpx.Response] = []
    async with anyio.create_task_group() as tasks:

        async def abort() -> None:
            answers.append(await api.http.post(path))

        tasks.start_soon(abort)
        signal = api.hub.log._bell.ticket(session.id)
        await api.say(session, [draft(e.RunAborted(), run=soon.json()["run"])])
        await signal.wait()
    assert answers[0].status_code == 200
    assert session.info().status == "idle"
    assert (await api.http.post(path)).status_code == 200


@pytest.mark.parametrize("verb", ["pause", "resume", "archive"])
async def test_lifecycle_calls_need_no_body_and_can_be_repeated(api: Served, verb: str) -> None:
    session = await api.create()
    for _ in range(2):
        answer = await api.http.post(f"/v1/sessions/{session.id}/{verb}")
        assert (answer.status_code, answer.json()["session"]) == (200, session.id)


async def test_nothing_is_added_to_an_archived_session(api: Served) -> None:
    session = await api.create()
    await api.http.post(f"/v1/sessions/{session.id}/archive")
    refusal(await api.http.post(f"/v1/sessions/{session.id}/input", json={"text": "x"}), 410, "session_archived")


async def test_a_permission_is_listed_and_answered_once(api: Served) -> None:
    session = await api.live(task="hello")
    await ask(api, session, e.PermissionAsked(request=RequestId("req_1"), permission="bash", patterns=("ls",)))
    pending = (await api.http.get(f"/v1/sessions/{session.id}/pending")).json()["pending"]
    assert [(entry["request"], entry["asked"]["permission"]) for entry in pending] == [("req_1", "bash")]
    path = f"/v1/sessions/{session.id}/permissions/req_1"
    assert (await api.http.post(path, json={"reply": "once"})).status_code == 200
    refusal(await api.http.post(path, json={"reply": "once"}), 404, "permission_not_found")
    refusal(await api.http.post(path, json={"reply": "interrupted"}), 400, "invalid_body")


async def test_a_question_is_answered_or_rejected(api: Served) -> None:
    session = await api.live(task="hello")
    for request, body in (("req_1", {"answers": [["red"]]}), ("req_2", {"reply": "reject"})):
        asked = e.QuestionAsked(request=RequestId(request), questions=(e.Question(question="colour?"),))
        await ask(api, session, asked)
        answer = await api.http.post(f"/v1/sessions/{session.id}/questions/{request}", json=body)
        assert answer.status_code == 200, answer.text
    assert session.pending() == ()


async def test_snapshot_messages_and_events_tell_the_same_story(api: Served) -> None:
    session = await api.live(task="hello")
    path = f"/v1/sessions/{session.id}"
    snapshot = (await api.http.get(f"{path}/snapshot")).json()
    events = (await api.http.get(f"{path}/events")).json()
    messages = (await api.http.get(f"{path}/messages")).json()["messages"]
    assert snapshot["seq"] == events["head"] == len(events["events"]) == 4
    assert [message["info"]["role"] for message in messages] == ["user"]
    assert snapshot["messages"] == messages
    assert events["ended"] is False
    page = (await api.http.get(f"{path}/events?after=1&limit=2")).json()
    assert [event["seq"] for event in page["events"]] == [2, 3]
    before = (await api.http.get(f"{path}/messages?before={messages[0]['info']['first']}")).json()
    assert before == {"messages": []}


async def test_the_feed_is_paged_by_position(api: Served) -> None:
    await api.create()
    await api.create()
    everything = (await api.http.get("/v1/feed")).json()
    positions = [entry["pos"] for entry in everything["entries"]]
    assert (len(positions), everything["head"]) == (4, positions[-1])
    rest = (await api.http.get(f"/v1/feed?after={positions[1]}&limit=1")).json()
    assert [entry["pos"] for entry in rest["entries"]] == positions[2:3]
    assert (await api.http.get("/v1/feed?after=now")).json()["entries"] == []


async def test_agents_are_listed_and_a_session_without_one_says_so(api: Served) -> None:
    api.hub.survey = lambda: (Agent(name="scripted", drivers=("scripted",)),)
    told = {"name": "scripted", "default": False, "drivers": ["scripted"], "installed": True, "outdated": False}
    assert (await api.http.get("/v1/agents")).json() == {"agents": [told]}
    refusal(await api.http.post("/v1/sessions", json={}), 400, "agent_not_configured")
    told = refusal(await api.http.post("/v1/sessions", json={"agent": "nobody"}), 400, "agent_unknown")
    assert told["known"] == ["scripted"]


async def test_unsaved_work_is_kept_unless_forced(api: Served) -> None:
    session = await api.create()
    api.workspaces.unsaved = True
    refusal(await api.http.delete(f"/v1/sessions/{session.id}"), 409, "workspace_dirty")
    assert (await api.http.delete(f"/v1/sessions/{session.id}?force=true")).status_code == 200


async def test_the_same_idempotency_key_changes_nothing_the_second_time(api: Served) -> None:
    headers = {"Idempotency-Key": "k-1"}
    first = await api.http.post("/v1/sessions", json={"agent": "scripted"}, headers=headers)
    again = await api.http.post("/v1/sessions", json={"agent": "scripted"}, headers=headers)
    assert first.json()["session"] == again.json()["session"]
    other = await api.http.post("/v1/sessions", json={"agent": "scripted", "label": "x"}, headers=headers)
    refusal(other, 409, "idempotency_mismatch")
    path = f"/v1/sessions/{first.json()['session']}/input"
    sent = [await api.http.post(path, json={"text": "x"}, headers={"Idempotency-Key": "k-2"}) for _ in range(2)]
    assert sent[0].json() == sent[1].json()
    for key in ("", "x" * 201, "tab\there"):
        answer = await api.http.post(path, json={"text": "x"}, headers={"Idempotency-Key": key})
        refusal(answer, 400, "invalid_request")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "body"),
        (b"{", "truncated"),
        (b"\xff", "malformed"),
        (b"null", "null"),
        (b"[]", "array"),
        (b'{"text": 7}', "$.text"),
        (b'{"text": "x", "delivery": "fast"}', "$.delivery"),
        (b'{"input": [{"type": "text"}]}', "$.input[0]"),
        (b'{"input": [{"type": "image", "text": "x"}]}', "$.input[0].type"),
        (b'{"text": "x", "colour": "red"}', "colour"),
        (b'{"command": "abort"}', "$.command"),
        (b'{"text": "x"} {}', "trailing"),
        (b'{"text": "   "}', "empty"),
    ],
)
async def test_a_body_that_does_not_fit_is_refused_by_field(api: Served, body: bytes, named: str) -> None:
    session = await api.live()
    answer = await api.http.post(f"/v1/sessions/{session.id}/input", content=body)
    assert named in (refusal(answer, 400, "invalid_body"))["detail"]
    assert session.info().status == "idle"


async def test_a_body_over_the_limit_is_refused_with_and_without_a_length(tmp_path: Path) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100

    async with served(tmp_path, max_body_bytes=1000) as api:
        for content in (b"x" * 1001, pieces()):
            told = refusal(await api.http.post("/v1/sessions", content=content), 413, "body_too_large")
            assert told["limit_bytes"] == 1000
        assert (await api.http.get("/v1/agents")).status_code == 200


async def test_unknown_routes_and_methods_are_told_apart(api: Served) -> None:
    for path in ("/", "/v1", "/v1/nothing", "/v1/sessions/a/b/c", "/v2/sessions", "/link"):
        refusal(await api.http.get(path), 404, "route_not_found")
    for method, path, allow in (
        ("PUT", "/v1/sessions", "GET, POST"),
        ("OPTIONS", "/v1/sessions", "GET, POST"),
        ("HEAD", "/v1/sessions", "GET, POST"),
        ("POST", "/v1/sessions/x", "DELETE, GET, PATCH"),
        ("GET", "/v1/sessions/x/input", "POST"),
        ("POST", "/healthz", "GET, HEAD"),
        ("DELETE", "/readyz", "GET, HEAD"),
        ("POST", "/openapi.json", "GET"),
    ):
        answer = await api.http.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allow)


async def test_health_is_told_to_probes_that_want_no_body(api: Served) -> None:
    answer = await api.http.head("/healthz")
    assert (answer.status_code, answer.content) == (200, b"")


async def test_a_hub_that_is_not_ready_says_when_to_come_back(api: Served) -> None:
    api.hub.ready = False
    assert (await api.http.get("/healthz")).status_code == 200
    for path in ("/readyz", "/v1/sessions", "/v1/feed"):
        answer = await api.http.get(path)
        refusal(answer, 503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
    api.hub.stopping.set()
    refusal(await api.http.get("/readyz"), 503, "hub_stopping")


async def test_what_nobody_expected_is_told_without_details(api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Hub) -> None:
        raise ZeroDivisionError("agc_secret")

    monkeypatch.setattr(api.hub, "survey", lambda: broken(api.hub))
    answer = await api.http.get("/v1/agents")
    assert "secret" not in str(refusal(answer, 500, "internal"))
    monkeypatch.setattr(Hub, "authenticate", broken)
    refusal(await api.http.get("/v1/agents"), 500, "internal")


async def test_a_client_that_dies_in_mid_request_changes_nothing_and_is_no_surprise(
    api: Served, capfd: pytest.CaptureFixture[str]
) -> None:
    head = f"POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nx-roost-key: {api.key}\r\nContent-Length: 99\r\n\r\n"
    async with await anyio.connect_tcp("127.0.0.1", api.port) as client:
        await client.send(head.encode() + b'{"agent": "scripted"')
        assert (await api.http.get("/v1/agents")).status_code == 200
    out = ""
    with anyio.fail_after(5):
        while "status=400" not in out:
            out += capfd.readouterr().out
            await checkpoint()
    assert "unexpected" not in out
    assert (await api.http.get("/v1/sessions")).json()["total"] == 0


async def test_keys_are_never_logged(api: Served, capfd: pytest.CaptureFixture[str]) -> None:
    session = await api.create()
    await api.http.get(f"/v1/sessions/{session.id}/events?key={api.key}&limit=1")
    await api.http.get(f"/v1/nothing?key={api.key}", headers={"x-roost-key": api.key})
    async with api.client() as nobody:
        await nobody.get(f"/v1/sessions?key={api.key}")
    out = "".join(capfd.readouterr())
    assert "route=unknown" in out
    assert api.key not in out


async def test_a_shutdown_puts_sessions_to_sleep_and_asks_for_the_end(api: Served) -> None:
    session = await api.create()
    await session.decide(lambda _: Decision([draft(e.SessionPaused(), by=HUB)]))
    answer = await api.http.post("/v1/shutdown")
    assert (answer.status_code, answer.json()) == (202, {"status": "stopping"})
    assert api.hub.ending.wanted.is_set()
