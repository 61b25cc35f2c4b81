"""Event streams over real sockets: nothing missed, nothing repeated, and they end when they should."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import anyio
import httpx
import pytest
from anyio.lowlevel import checkpoint
from msgspec import UNSET

from roost.core.decisions import HUB, Decision
from roost.core.session import Session
from roost.model import events as e
from roost.model.envelope import draft
from roost.model.ids import MessageId, PartId
from tests.api.served import Served, blocks, served

pytestmark = pytest.mark.anyio
MESSAGE, PART = MessageId("msg_a"), PartId("part_a")


async def opened(api: Served) -> Session:
    """A live session whose assistant has begun to say something: its log ends at seq 6."""
    session = await api.live(task="count")
    await said(api, session, e.MessageStart(message=MESSAGE), e.PartStart(message=MESSAGE, part=PART))
    assert session.seq == 6
    return session


async def said(api: Served, session: Session, *bodies: e.Body) -> None:
    run = session.record_now.run
    assert run is not UNSET
    await api.say(session, [draft(body, run=run.run) for body in bodies])


async def speak(api: Served, session: Session, *words: str) -> None:
    await said(api, session, *(e.TextDelta(message=MESSAGE, part=PART, delta=word) for word in words))


@asynccontextmanager
async def watching(
    api: Served, session: Session, *, query: str = "", **headers: str
) -> AsyncGenerator[AsyncGenerator[dict[str, str]]]:
    """The stream's blocks; the first, `retry`, is taken off."""
    async with stream(api, f"/v1/sessions/{session.id}/events{query}", **headers) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"] == "text/event-stream"
        reader = blocks(response)
        assert await anext(reader) == {"retry": "1000"}
        yield reader


def stream(api: Served, path: str, **headers: str) -> AbstractAsyncContextManager[httpx.Response]:
    accept = {"Accept": "text/event-stream"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return api.http.stream("GET", path, headers=accept)


async def ids(reader: AsyncGenerator[dict[str, str]], count: int) -> list[int]:
    return [int((await anext(reader))["id"]) for _ in range(count)]


async def test_replay_and_live_come_on_one_stream_without_a_seam(api: Served) -> None:
    session = await opened(api)
    async with watching(api, session) as reader:
        assert await ids(reader, 6) == [1, 2, 3, 4, 5, 6]
        for seq in range(7, 20):
            await speak(api, session, "word")
            assert await ids(reader, 1) == [seq]


async def test_a_block_is_the_event_as_the_log_holds_it(api: Served) -> None:
    session = await opened(api)
    await speak(api, session, "Grüße\n")
    page = (await api.http.get(f"/v1/sessions/{session.id}/events?after=6")).json()
    async with watching(api, session, query="?after=6") as reader:
        found = await anext(reader)
    assert found["event"] == "text-delta"
    assert httpx.Response(200, text=found["data"]).json() == page["events"][0]


async def test_last_event_id_beats_after(api: Served) -> None:
    session = await opened(api)
    async with watching(api, session, query="?after=1", Last_Event_ID="4") as reader:
        assert await ids(reader, 2) == [5, 6]
    async with watching(api, session, query="?after=1") as reader:
        assert await ids(reader, 2) == [2, 3]


async def test_observers_that_reconnect_at_every_event_see_each_once(api: Served) -> None:
    session = await opened(api)
    seen: list[int] = []
    for _ in range(6):
        async with watching(api, session, query=f"?after={seen[-1] if seen else 0}") as reader:
            seen += await ids(reader, 1)
    assert seen == [1, 2, 3, 4, 5, 6]


async def test_a_key_in_the_query_opens_a_stream_and_nothing_else(api: Served) -> None:
    session = await opened(api)
    path = f"/v1/sessions/{session.id}/events?key={api.key}"
    async with api.client() as nobody:
        async with nobody.stream("GET", path, headers={"Accept": "text/event-stream"}) as response:
            assert response.status_code == 200
        assert (await nobody.get(path)).status_code == 401
        assert (await nobody.post(f"/v1/sessions/{session.id}/pause?key={api.key}")).status_code == 401


async def test_what_is_wrong_is_told_before_the_first_byte(api: Served) -> None:
    session = await opened(api)
    await api.store.trim(session.id, before=4)
    wrong = [
        (f"/v1/sessions/{session.id}/events?after=99", 400, "cursor_ahead", {"head": 6}),
        (f"/v1/sessions/{session.id}/events?after=2", 410, "cursor_trimmed", {"first": 4}),
        (f"/v1/sessions/{session.id}/events?after=x", 400, "invalid_cursor", {}),
        ("/v1/sessions/codesess_ffffffffffff/events", 404, "session_not_found", {}),
        ("/v1/feed?after=9999", 400, "cursor_ahead", {"head": await api.hub.feed.head()}),
        ("/v1/feed?after=-1", 400, "invalid_cursor", {}),
    ]
    for path, status, code, details in wrong:
        answer = await api.http.get(path, headers={"Accept": "text/event-stream"})
        assert (answer.status_code, answer.json()["code"]) == (status, code), path
        assert answer.json() | details == answer.json()


async def test_an_ended_session_ends_its_stream_and_a_reconnect_is_told_to_stop(api: Served) -> None:
    session = await api.create()
    async with watching(api, session) as reader:
        assert await ids(reader, 2) == [1, 2]
        await session.decide(lambda _: Decision([draft(e.SessionEnded(), by=HUB)]))
        assert [block["id"] async for block in reader] == ["3"]
    again = await api.http.get(f"/v1/sessions/{session.id}/events?after=3", headers={"Accept": "text/event-stream"})
    assert (again.status_code, again.content) == (204, b"")
    before = await api.http.get(f"/v1/sessions/{session.id}/events?after=2", headers={"Accept": "text/event-stream"})
    assert before.status_code == 200


async def test_a_deleted_session_ends_its_stream_and_a_reconnect_is_not_found(api: Served) -> None:
    session = await api.create()
    async with watching(api, session) as reader:
        await ids(reader, 2)
        assert (await api.http.delete(f"/v1/sessions/{session.id}")).status_code == 200
        assert [block async for block in reader] == []
    again = await api.http.get(f"/v1/sessions/{session.id}/events", headers={"Accept": "text/event-stream"})
    assert again.status_code == 404


async def test_a_hub_that_stops_ends_its_streams_properly(api: Served) -> None:
    session = await opened(api)
    async with watching(api, session) as reader, stream(api, "/v1/feed?after=now") as feed:
        await ids(reader, 6)
        api.hub.stop()
        assert [block async for block in reader] == []
        assert [block async for block in blocks(feed)] == [{"retry": "1000"}]


async def test_an_idle_stream_is_told_that_the_hub_is_there(tmp_path: Path) -> None:
    async with served(tmp_path, sse_heartbeat_seconds=0.02) as api:
        session = await opened(api)
        async with watching(api, session, query="?after=6") as reader:
            assert [await anext(reader) for _ in range(3)] == [{"": "beat"}] * 3
            await speak(api, session, "word")
            while "id" not in (found := await anext(reader)):
                assert found == {"": "beat"}
            assert found["id"] == "7"


async def test_a_type_filter_leaves_out_events_but_not_their_cursor(api: Served) -> None:
    session = await opened(api)
    async with watching(api, session, query="?types=run-start,session-created") as reader:
        first, second = await anext(reader), await anext(reader)
        assert [first["event"], second["event"]] == ["session-created", "run-start"]
        assert await anext(reader) == {"id": "6"}
        await speak(api, session, "word")
        assert await anext(reader) == {"id": "7"}


async def test_a_client_that_leaves_takes_its_tasks_with_it(api: Served) -> None:
    session = await opened(api)
    before = len(asyncio.all_tasks())
    for _ in range(3):
        async with watching(api, session) as first, watching(api, session, query="?after=6"):
            await ids(first, 6)
            assert len(asyncio.all_tasks()) >= before + 2
        with anyio.fail_after(5):
            while len(asyncio.all_tasks()) > before:
                await checkpoint()


async def test_a_slow_reader_holds_up_nobody_and_misses_nothing(api: Served) -> None:
    session = await opened(api)
    async with watching(api, session, query="?after=6") as slow, watching(api, session, query="?after=6") as quick:
        for _ in range(300):
            await speak(api, session, *["x" * 2000] * 20)
        assert await ids(quick, 6000) == list(range(7, 6007))
        assert await ids(slow, 6000) == list(range(7, 6007))


async def test_the_feed_streams_facts_of_all_sessions_but_no_deltas(api: Served) -> None:
    first = await opened(api)
    async with stream(api, "/v1/feed") as response:
        reader = blocks(response)
        assert await anext(reader) == {"retry": "1000"}
        seen = [await anext(reader) for _ in range(6)]
        await speak(api, first, "word")
        second = await api.create(visibility="organization")
        seen += [await anext(reader) for _ in range(2)]
        assert (await api.http.delete(f"/v1/sessions/{second.id}")).status_code == 200
        seen.append(await anext(reader))
    positions = [int(block["id"]) for block in seen]
    assert positions == sorted(set(positions))
    assert [block["event"] for block in seen[-3:]] == ["session-created", "runtime-starting", "session-deleted"]
    assert all(block["event"] != "text-delta" for block in seen)


async def test_the_feed_from_now_shows_only_what_comes(api: Served) -> None:
    await opened(api)
    async with stream(api, "/v1/feed?after=now") as response:
        reader = blocks(response)
        assert await anext(reader) == {"retry": "1000"}
        later = await api.create()
        found = await anext(reader)
    assert found["event"] == "session-created"
    assert later.id in found["data"]
