"""One socket of a session: events, commands and who is here, over a real connection."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from anyio.lowlevel import checkpoint
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from roost.api.streams.socket import MAX_FRAME_BYTES, MAX_TYPES
from roost.core.decisions import HUB, Decision
from roost.core.session import Session
from roost.model import events as e
from roost.model.envelope import draft
from roost.model.keys import AddKey
from tests.api.served import Served, served
from tests.api.test_streams import opened, speak

pytestmark = pytest.mark.anyio
Json = dict[str, Any]


@asynccontextmanager
async def joined(
    api: Served, session: str, query: str = "", key: str | None = None, **headers: str
) -> AsyncGenerator[ClientConnection]:
    given = headers or {"Authorization": f"Bearer {key or api.key}"}
    address = f"ws://127.0.0.1:{api.port}/v1/sessions/{session}/socket{query}"
    async with connect(address, additional_headers=given, proxy=None, compression=None) as socket:
        yield socket


async def told(socket: ClientConnection, kind: str) -> Json:
    """The next message of this type; beats, presence and what else comes before it are skipped."""
    with anyio.fail_after(5):
        while (message := msgspec.json.decode(await socket.recv(), type=Json))["type"] != kind:
            pass
    return message


async def asked(socket: ClientConnection, kind: str, **message: Any) -> Json:
    await socket.send(msgspec.json.encode(message).decode())
    return await told(socket, kind)


async def seqs(socket: ClientConnection, last: int) -> list[int]:
    """Of the events up to this one."""
    found: list[int] = []
    while not found or found[-1] < last:
        found += [event["seq"] for event in (await told(socket, "events"))["events"]]
    return found


async def closed(socket: ClientConnection) -> tuple[int, str | None]:
    """The close code, and the code of the last problem before it."""
    problem = None
    with anyio.fail_after(5):
        try:
            while True:
                message = msgspec.json.decode(await socket.recv(), type=Json)
                problem = message["code"] if message["type"] == "problem" else problem
        except ConnectionClosed as over:
            return (0 if over.rcvd is None else over.rcvd.code), problem


async def key_of(api: Served, user: str, **more: Any) -> str:
    return (await api.hub.keys.add(AddKey(user=user, **more), HUB)).secret


async def test_replay_and_live_come_on_one_socket_without_a_seam(api: Served) -> None:
    session = await opened(api)
    async with joined(api, session.id, "?after=0") as socket:
        assert (await told(socket, "following"))["after"] == 0
        assert await seqs(socket, 6) == [1, 2, 3, 4, 5, 6]
        for seq in range(7, 20):
            await speak(api, session, "word")
            assert await seqs(socket, seq) == [seq]


async def test_an_event_is_the_one_that_rest_serves(api: Served) -> None:
    session = await opened(api)
    await speak(api, session, "Grüße\n")
    page = (await api.http.get(f"/v1/sessions/{session.id}/events")).json()
    async with joined(api, session.id, "?after=0") as socket:
        assert (await told(socket, "events"))["events"] == page["events"]


async def test_a_session_may_be_named_by_its_digits_and_a_key_stand_in_the_query(api: Served) -> None:
    session = await opened(api)
    async with joined(api, session.id.removeprefix("codesess_"), f"?key={api.key}&after=3", Accept="*/*") as socket:
        assert await seqs(socket, 6) == [4, 5, 6]


async def test_nothing_is_followed_until_it_is_asked_for_and_a_later_follow_takes_over(api: Served) -> None:
    session = await opened(api)
    async with joined(api, session.id) as socket:
        assert await asked(socket, "pong", type="ping", id=1) == {"type": "pong", "id": 1}
        first = await asked(socket, "following", type="follow", id="f", after=4)
        assert first == {"type": "following", "id": "f", "after": 4}
        assert await seqs(socket, 6) == [5, 6]
        assert (await asked(socket, "following", type="follow", after=1, types=["run-start"]))["after"] == 1
        message = await told(socket, "events")
        assert [event["body"]["type"] for event in message["events"]] == ["run-start"]
        assert message["seq"] == 6


async def test_a_cursor_moves_past_what_a_filter_leaves_out(api: Served) -> None:
    session = await opened(api)
    async with joined(api, session.id, "?after=4&types=run-complete,run-error") as socket:
        assert await told(socket, "events") == {"type": "events", "seq": 6, "events": []}


async def test_commands_are_recorded_and_answered_by_their_id(api: Served) -> None:
    session = await api.live()
    async with joined(api, session.id, "?after=0") as socket:
        command = {"command": "send", "text": "hello"}
        accepted = await asked(socket, "accepted", type="command", id="a", key="k", command=command)
        assert accepted == {
            "type": "accepted", "id": "a", "session": session.id, "seq": session.seq, "run": session.record_now.run.run,  # pyright: ignore[reportAttributeAccessIssue]
        }  # fmt: skip
        again = await asked(socket, "accepted", type="command", id="b", key="k", command=command)
        assert again == accepted | {"id": "b"}
        other = {"command": "send", "text": "something else"}
        assert (await asked(socket, "problem", type="command", key="k", command=other))[
            "code"
        ] == "idempotency_mismatch"
        busy = await asked(socket, "problem", type="command", id=7, command=command)
        assert (busy["id"], busy["code"], busy["status"]) == (7, "session_busy", 409)
        aborted = await asked(socket, "accepted", type="command", id="c", command={"command": "abort"})
        assert aborted["seq"] == session.seq


@pytest.mark.parametrize(
    ("frame", "code", "answered"),
    [
        ("", "invalid_body", None),
        ("{", "invalid_body", None),
        ("[]", "invalid_body", None),
        ('"follow"', "invalid_body", None),
        ("\x00\ud7ff", "invalid_body", None),
        ('{"type":"unheard-of","id":"x"}', "invalid_body", "x"),
        ('{"type":"ping","id":"x","more":1}', "invalid_body", "x"),
        ('{"type":"ping","id":{}}', "invalid_body", None),
        ('{"type":"ping","id":"%s"}' % ("x" * 201), "invalid_body", None),
        ('{"type":"command","id":"x"}', "invalid_body", "x"),
        ('{"type":"command","id":"x","command":{"command":"unheard-of"}}', "invalid_body", "x"),
        ('{"type":"command","id":"x","command":{"command":"send","txt":""}}', "invalid_body", "x"),
        ('{"type":"command","id":"x","command":{"command":"send","text":" "}}', "invalid_body", "x"),
        ('{"type":"command","id":"x","key":"","command":{"command":"pause"}}', "invalid_request", "x"),
        ('{"type":"command","id":"x","command":{"command":"unqueue","message":"msg_x"}}', "message_not_found", "x"),
        ('{"type":"follow","id":"x","after":-1}', "invalid_cursor", "x"),
        ('{"type":"follow","id":"x","after":99}', "cursor_ahead", "x"),
        ('{"type":"follow","id":"x","after":1e400}', "invalid_body", "x"),
        (msgspec.json.encode({"type": "follow", "types": ["x"] * (MAX_TYPES + 1)}).decode(), "invalid_body", None),
        (" " * (MAX_FRAME_BYTES + 1), "body_too_large", None),
    ],
)
async def test_what_cannot_be_carried_out_is_a_problem_and_the_socket_stays(
    api: Served, frame: str, code: str, answered: str | None
) -> None:
    session = await api.live()
    async with joined(api, session.id) as socket:
        for given in (frame, frame.encode()):
            await socket.send(given)
            problem = await told(socket, "problem")
            assert (problem["code"], problem.get("id")) == (code, answered)
        await asked(socket, "pong", type="ping")


async def test_a_frame_of_the_largest_size_is_read(api: Served) -> None:
    session = await api.live()
    async with joined(api, session.id) as socket:
        frame = '{"type":"ping","id":"edge"}'
        await socket.send(frame + " " * (MAX_FRAME_BYTES - len(frame)))
        assert (await told(socket, "pong"))["id"] == "edge"


async def test_whoever_is_refused_is_told_why_before_the_socket_closes(api: Served) -> None:
    session = await opened(api)
    stranger = await key_of(api, "stranger")
    for key, query, expected in (
        ("agc_wrong", "", (4401, "unauthorized")),
        (stranger, "", (4404, "session_not_found")),
        (None, "?after=x", (4400, "invalid_cursor")),
        (None, "?after=7", (4400, "cursor_ahead")),
    ):
        async with joined(api, session.id, query, key) as socket:
            assert await closed(socket) == expected
    async with joined(api, session.id, Accept="*/*") as socket:
        assert await closed(socket) == (4401, "unauthorized")
    async with joined(api, "codesess_000000000001") as socket:
        assert await closed(socket) == (4404, "session_not_found")


async def test_whoever_may_only_watch_is_refused_each_command_and_goes_on_watching(api: Served) -> None:
    session = await api.live(visibility="organization")
    observer, other = await key_of(api, "owner", scope="observer"), await key_of(api, "other")
    for key in (observer, other):
        async with joined(api, session.id, key=key) as socket:
            problem = await asked(socket, "problem", type="command", id="x", command={"command": "send", "text": "hi"})
            assert (problem["id"], problem["code"], problem["status"]) == ("x", "forbidden", 403)
            await asked(socket, "following", type="follow")
            assert await seqs(socket, session.seq) == list(range(1, session.seq + 1))


async def test_a_key_that_is_revoked_ends_its_sockets(api: Served) -> None:
    session = await api.live(visibility="organization")
    added = await api.hub.keys.add(AddKey(user="somebody"), HUB)
    async with joined(api, session.id, key=added.secret) as socket:
        await asked(socket, "pong", type="ping")
        await api.hub.keys.revoke(added.key.id, HUB)
        assert await closed(socket) == (4401, "unauthorized")


async def test_a_session_that_may_not_be_seen_any_more_is_gone(api: Served) -> None:
    session = await api.live(visibility="organization")
    async with joined(api, session.id, key=await key_of(api, "other")) as socket:
        await asked(socket, "pong", type="ping")
        await api.http.patch(f"/v1/sessions/{session.id}", json={"visibility": "private"})
        assert await closed(socket) == (4404, "session_not_found")


@pytest.mark.parametrize("query", ["", "?after=0"])
async def test_a_deleted_session_closes_its_sockets(api: Served, query: str) -> None:
    session = await api.live()
    async with joined(api, session.id, query) as socket:
        await asked(socket, "pong", type="ping")
        assert (await api.http.delete(f"/v1/sessions/{session.id}")).status_code == 200
        assert await closed(socket) == (4404, "session_not_found")


async def test_an_ended_session_closes_its_sockets_after_the_last_event(api: Served) -> None:
    session = await opened(api)
    await end(session)
    async with joined(api, session.id, "?after=0") as socket:
        assert await seqs(socket, session.seq) == list(range(1, session.seq + 1))
        assert await closed(socket) == (1000, None)


async def end(session: Session) -> None:
    broken = draft(e.RunError(error=e.Failure(code="gone", message="over")), run=session.record_now.run.run, by=HUB)  # pyright: ignore[reportAttributeAccessIssue]
    await session.decide(lambda _: Decision([broken, draft(e.SessionEnded(), by=HUB)]))


async def test_a_hub_that_stops_says_that_it_comes_back(api: Served) -> None:
    session = await api.live()
    async with joined(api, session.id, "?after=0") as socket:
        await asked(socket, "pong", type="ping")
        api.hub.stop()
        assert await closed(socket) == (1012, "hub_stopping")


async def test_a_quiet_socket_has_a_beat(tmp_path: Path) -> None:
    async with served(tmp_path, sse_heartbeat_seconds=0.05) as api:
        session = await api.live()
        async with joined(api, session.id) as socket:
            assert await told(socket, "beat") == {"type": "beat"}


async def test_who_comes_and_goes_is_told(api: Served) -> None:
    session = await api.live(visibility="organization")
    async with joined(api, session.id) as socket:
        here = await told(socket, "presence")
        assert [(each["role"], each["via"]) for each in here["participants"]] == [
            ("lead", "link"),
            ("controller", "socket"),
        ]
        async with joined(api, session.id, key=await key_of(api, "guest")) as other:
            while (here := await told(socket, "presence"))["total"] != 3:
                pass
            assert (here["participants"][2]["user"], here["participants"][2]["role"]) == ("guest", "observer")
            await asked(other, "pong", type="ping")
        while (await told(socket, "presence"))["total"] != 2:
            pass


async def test_a_reader_who_is_slow_delays_nobody_and_misses_nothing(api: Served) -> None:
    session = await opened(api)
    async with joined(api, session.id, "?after=0") as slow, joined(api, session.id, "?after=0") as quick:
        await seqs(quick, 6)
        slow.transport.pause_reading()
        for _ in range(64):
            await speak(api, session, *["x" * 32 * 1024] * 4)
        assert await seqs(quick, session.seq) == list(range(7, session.seq + 1))
        slow.transport.resume_reading()
        assert await seqs(slow, session.seq) == list(range(1, session.seq + 1))


async def test_what_a_client_leaves_behind_is_nothing(api: Served) -> None:
    session = await opened(api)
    async with joined(api, session.id, "?after=0") as socket:
        await seqs(socket, 6)
        assert api.hub.log.watched == {session.id: 1}
    with anyio.fail_after(5):
        while api.hub.log.watched or api.hub.presence.of(session.id):
            await checkpoint()
