"""Event streams as Coder's clients read them: snapshot, hydration, presence and broadcasts."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from roost.api.coder.connection import Connection
from roost.api.coder.live import PAGE_BYTES, RING_BYTES, Frame, Lives, Page
from roost.api.framing import FRAMES, framed
from roost.model import commands as c
from roost.model import events as e
from roost.model.conversation import KEPT
from roost.model.errors import StreamLost
from roost.model.ids import MessageId, TaskId
from tests.api.coder.asking import ask
from tests.api.coder.watching import MESSAGE, PART, Json, speak, streaming, told, words
from tests.api.served import Served, served

pytestmark = pytest.mark.anyio
FIELDS = {"type", "event", "data", "category", "sessionId", "timestamp"}


def names(frames: list[Json]) -> list[str]:
    return [frame["event"] for frame in frames if frame["type"] == "broadcast"]


async def test_a_stream_begins_with_a_snapshot_and_a_hydration(hub: Served) -> None:
    session = await hub.live(task="hello", label="greeting")
    await speak(hub, session, *words("I s", "ee"))
    async with streaming(hub, session.id) as frames:
        snapshot, hydration = await told(frames, "hydration")
    assert (snapshot["type"], snapshot["status"], snapshot["mode"]) == ("snapshot", "active", "sandbox")
    assert (snapshot["label"], snapshot["taskCount"]) == ("greeting", 0)
    assert {one["role"] for one in snapshot["participants"]} == {"lead", "observer"}
    assert snapshot["agentActivity"]["scripted"]["status"] == "running"
    assert hydration["stream"] == snapshot["stream"] == {"output": "I see", "thinking": "", "tasks": {}}
    assert [(entry["type"], entry["content"]) for entry in hydration["entries"]] == [
        ("user_prompt", "hello"),
        ("message", "I see"),
    ]
    assert hydration["task"] == "hello"


async def test_a_hydration_holds_what_was_finished_while_an_older_message_is_open(hub: Served) -> None:
    session = await hub.live(task="hello")
    await speak(hub, session, *words("open"))
    for number in range(KEPT + 10):  # more than the snapshot keeps
        crew = MessageId(f"msg_{number:03}")
        said = e.TextDelta(message=crew, part=PART, delta=f"{number}", task=TaskId("t1"))
        await speak(hub, session, said, e.MessageDone(message=crew, task=TaskId("t1")))
    async with streaming(hub, session.id) as frames:
        entries = (await told(frames, "hydration"))[-1]["entries"]
    assert [entry["content"] for entry in entries] == ["hello", "open", *(str(n) for n in range(KEPT + 10))]


async def test_a_run_is_told_in_the_order_of_its_turn(hub: Served) -> None:
    session = await hub.live()
    async with streaming(hub, session.id) as frames:
        await told(frames, "hydration")
        await session.handle(c.Send(text="go"), e.Principal(user="ann"))
        await speak(hub, session, *words("Hi"), e.MessageDone(message=MESSAGE), e.RunComplete())
        frames_told = await told(frames, "agent_end")
    assert names(frames_told) == [
        "user_prompt", "agent_start", "turn_start", "message_start", "message_update", "message_end", "turn_end",
        "agent_end",
    ]  # fmt: skip
    broadcasts = [frame for frame in frames_told if frame["type"] == "broadcast"]
    assert all(set(frame) == FIELDS and frame["sessionId"] == session.id for frame in broadcasts)
    times = [frame["timestamp"] for frame in broadcasts]
    assert all(earlier < later for earlier, later in pairwise(times))
    assert broadcasts[0]["data"]["author"]["userId"] == "ann"


async def test_hydration_and_what_follows_is_all_that_was_said_once(hub: Served) -> None:
    """Of a sub-agent every delta is told, so a gap or a repetition shows."""
    session = await hub.live(task="hello")
    said = [f"{number} " for number in range(300)]
    heard: list[str] = []

    async def watch(cuts: list[int]) -> None:
        """Comes back again and again, each time to a fresh hydration."""
        for cut in cuts:
            async with streaming(hub, session.id) as frames:
                hydration = (await told(frames, "hydration"))[-1]
                text = hydration["stream"]["tasks"].get("t1", {"output": ""})["output"]
                for _ in range(cut):
                    text += (await told(frames, "agent_progress"))[-1]["data"]["delta"]
                heard.append(text)

    async with anyio.create_task_group() as tasks:
        with anyio.fail_after(20):
            for cuts in ([5, 20, 40], [50, 100], [1, 1, 1, 1]):
                tasks.start_soon(watch, cuts)
            for delta in said:
                await speak(hub, session, *words(delta, task="t1"))
                await anyio.lowlevel.checkpoint()
            while len(heard) < 9:
                await speak(hub, session, *words("x ", task="t1"))
    whole = "".join(said) + "x " * 1000
    assert all(whole.startswith(text) for text in heard)


@pytest.mark.parametrize(
    ("subscribe", "expected"),
    [
        ("*", ["session_label_updated", "user_prompt", "agent_start", "turn_start", "turn_end", "agent_end"]),
        ("agent_*,session_*", ["session_label_updated", "agent_start", "agent_end"]),
        ("user_prompt, turn_end", ["user_prompt", "turn_end"]),
        ("agent", ["agent_start", "turn_start", "turn_end", "agent_end"]),
        ("message", ["user_prompt"]),
    ],
)
async def test_patterns_choose_among_broadcasts(hub: Served, subscribe: str, expected: list[str]) -> None:
    session = await hub.live()
    async with streaming(hub, session.id, subscribe=f"{subscribe},runtime_*,session_complete") as frames:
        assert [frame["type"] for frame in await told(frames, "hydration")] == ["snapshot", "hydration"]
        by = e.Principal(user="ann", kind="service")
        await session.handle(c.Update(label="new"), by)
        await session.handle(c.Send(text="go"), by)
        await speak(hub, session, e.RunComplete())
        await session.handle(c.Archive(), by)
        assert names(await told(frames, "session_complete"))[:-1] == expected


async def test_who_comes_and_goes_is_told(hub: Served) -> None:
    session = await hub.live()
    async with streaming(hub, session.id) as frames:
        await told(frames, "hydration")
        async with streaming(hub, session.id, subscribe="task_*") as others:
            await told(others, "hydration")
            joined = (await told(frames, "session_join"))[-1]
            while joined["participants"][-1]["id"] != joined["participant"]["id"] or len(joined["participants"]) < 3:
                joined = (await told(frames, "session_join"))[-1]
        left = (await told(frames, "session_leave"))[-1]
    assert joined["type"] == left["type"] == "presence"
    assert left["participant"]["id"] == joined["participant"]["id"]
    assert joined["participant"]["role"] == "observer" and joined["participant"]["transport"] == "sse"
    assert isinstance(joined["participant"]["connectedAt"], int) and joined["participant"]["subscriptions"] == []


async def test_the_agent_comes_and_goes_with_its_link(hub: Served) -> None:
    session = await hub.live()
    async with streaming(hub, session.id) as frames:
        await told(frames, "hydration")
        session.linked = False
        await session.handle(c.Update(label="a bell rings"), e.Principal(user="ann", kind="service"))
        left = (await told(frames, "session_leave"))[-1]
    assert left["participant"]["role"] == "lead"


async def put_to_sleep(hub: Served, session: Any) -> None:
    await session.handle(c.Pause(), e.Principal(user="ann", kind="service"))
    session.linked = False
    await session.settle()


async def archive(hub: Served, session: Any) -> None:
    await session.handle(c.Archive(), e.Principal(user="ann", kind="service"))


async def nothing(hub: Served, session: Any) -> None:
    pass


@pytest.mark.parametrize(("change", "status"), [(put_to_sleep, "paused"), (archive, "archived"), (nothing, "active")])
async def test_a_session_is_watched_in_every_phase_and_not_woken(
    hub: Served, change: Callable[..., Any], status: str
) -> None:
    session = await hub.live()
    await change(hub, session)
    async with streaming(hub, session.id) as frames:
        assert (await told(frames, "hydration"))[0]["status"] == status
        await session.handle(c.Update(label="still here"), e.Principal(user="ann", kind="service"))
        assert (await told(frames, "session_label_updated"))[-1]["data"] == {"label": "still here"}
    assert session.record_now.phase.value == status


async def test_a_session_that_is_created_just_now_can_be_watched(hub: Served) -> None:
    session = await hub.create(task="hello")
    async with streaming(hub, session.id) as frames:
        assert (await told(frames, "hydration"))[0]["status"] == "creating"
        await hub.come(session)
        assert names(await told(frames, "rpc_ready")) == ["rpc_ready"]


async def test_a_deleted_session_ends_its_streams(hub: Served) -> None:
    session = await hub.live()
    async with streaming(hub, session.id) as frames:
        await told(frames, "hydration")
        await ask(hub, "DELETE", f"/session/{session.id}")
        with anyio.fail_after(5):
            assert [frame async for frame in frames if frame["type"] != "presence"] == []
    answer = await hub.http.get(f"/api/hub/session/{session.id}/events")
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({"Authorization": "Bearer KEY"}, "", 200),
        ({"x-agentuity-auth-api-key": "KEY"}, "", 200),
        ({}, "api_key=KEY&org_id=org_1", 200),
        ({}, "", 401),
        ({}, "api_key=agc_wrong", 401),
    ],
)
async def test_a_stream_takes_every_form_of_a_key(
    hub: Served, headers: dict[str, str], query: str, status: int
) -> None:
    session = await hub.live()
    given = {name: value.replace("KEY", hub.key) for name, value in headers.items()}
    path = f"/api/hub/session/{session.id}/events?{query.replace('KEY', hub.key)}"
    async with hub.client(**given) as http, http.stream("GET", path) as answer:
        assert answer.status_code == status
        if status == 401:
            told = httpx.Response(200, content=await answer.aread()).json()
            assert told["error"] == told["message"] != ""
        else:
            assert answer.headers["content-type"] == "text/event-stream"


async def test_a_hub_that_stops_says_so(tmp_path: Path) -> None:
    async with served(tmp_path, agent="scripted", max_streams=1) as hub:
        session = await hub.live()
        async with streaming(hub, session.id) as frames:
            await told(frames, "hydration")
            answer = await hub.http.get(f"/api/hub/session/{session.id}/events")
            assert (answer.status_code, answer.json()["code"]) == (429, "too_many_streams")
            hub.hub.stop()
            assert (await told(frames, "session_shutdown"))[-1]["category"] == "session"


# --- the ring ---------------------------------------------------------------------------------------------------------


async def test_whoever_is_too_slow_is_let_go_and_everybody_else_is_not(hub: Served) -> None:
    session = await hub.live(task="hello")
    with Lives(hub.hub).watched(session) as live:
        _, cursor = await live.join()
        quick, got = live.follow(cursor), 0
        for _ in range(RING_BYTES // 100_000 + 2):
            await speak(hub, session, *words("x" * 100_000, task="t1"))
            with anyio.fail_after(5):
                got += sum(frame.name == "agent_progress" for frame in (await anext(quick)).frames)
        slow = live.follow(cursor)
        with pytest.raises(StreamLost):
            await anext(slow)
        assert got >= RING_BYTES // 100_000


async def test_who_comes_a_little_later_is_given_the_same_hydration_unless_the_ring_has_moved_on(hub: Served) -> None:
    session = await hub.live(task="hello")
    with Lives(hub.hub).watched(session) as live:
        first, cursor = await live.join()
        await speak(hub, session, *words("x", task="t1"))
        watching = live.follow(cursor)
        await anext(watching)
        again, same = await live.join()
        assert again is first and same == cursor
        for _ in range(RING_BYTES // 100_000 + 2):  # few frames, but large
            await speak(hub, session, *words("x" * 100_000, task="t1"))
            await anext(watching)
        fresh, cursor = await live.join()
        assert fresh is not first
        await speak(hub, session, *words("y", task="t1"))
        assert b'"delta":"y"' in (await anext(live.follow(cursor))).frames[-1].data


async def test_a_page_is_bounded_and_rendered_once_for_all_who_want_the_same(hub: Served) -> None:
    session = await hub.live(task="hello")
    with Lives(hub.hub).watched(session) as live:
        _, cursor = await live.join()
        await speak(hub, session, *words("x" * 200_000, "y" * 200_000, "z" * 200_000, task="t1"))
        first = await anext(live.follow(cursor))
        while len(first.frames) < 2:
            first = await anext(live.follow(cursor))
        calls: list[int] = []

        def render(frames: list[Frame]) -> int:
            calls.append(len(frames))
            return len(frames)

        again = await anext(live.follow(cursor))
        assert again is first and sum(len(frame.data) for frame in first.frames) <= PAGE_BYTES
        assert [page.rendered("a", frozenset({"agent_*"}), render) for page in (first, again, first)] == [2, 2, 2]
        assert first.rendered("a", frozenset({"loop"}), render) == 0
        assert calls == [2, 0]


async def test_a_page_goes_out_in_one_write_or_message_by_message_where_the_server_takes_no_more(hub: Served) -> None:
    page = Page([Frame("broadcast", "a_b", b'{"n":1}'), Frame("broadcast", "a_c", b'{"n":2}')], 2)
    for scope, expected in (
        ({}, ['{"n":1}', '{"n":2}']),
        ({"extensions": {FRAMES: {}}}, [framed([b'{"n":1}', b'{"n":2}'])]),
    ):
        sent: list[Any] = []

        async def send(message: Any, sent: list[Any] = sent) -> None:
            sent.append(message.get("text") or message["data"])

        async def receive() -> Any:
            raise NotImplementedError

        await Connection(hub.hub, scope, receive, send).tell_page(page, frozenset({"a_*"}))
        assert sent == expected


async def test_nobody_who_watches_costs_nothing(hub: Served) -> None:
    session = await hub.live()
    lives = Lives(hub.hub)
    with lives.watched(session) as live:
        await live.join()
        assert session.id in hub.hub.log.watched
    with anyio.fail_after(5):
        while session.id in hub.hub.log.watched:
            await anyio.lowlevel.checkpoint()
    assert live.ended


async def test_a_message_that_grows_is_told_after_a_while_though_nothing_else_happens(hub: Served) -> None:
    session = await hub.live(task="hello")
    async with streaming(hub, session.id, subscribe="message_update") as frames:
        await told(frames, "hydration")
        await speak(hub, session, *words("one", " two", " three"))
        texts = [(await told(frames, "message_update"))[-1]["data"]["text"] for _ in range(2)]
    assert "".join(texts) == "one two three"
