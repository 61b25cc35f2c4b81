"""Limits at their edge: what just fits is taken, one more is refused with its code."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from roost.api.asgi import Message, Receive
from roost.api.call import MAX_KEY_CHARS
from roost.api.patience import patient
from roost.api.streams.socket import MAX_SHOWN, MAX_TEXT_BYTES
from roost.core.session import Session
from roost.model.commands import (
    MAX_ENV_BYTES,
    MAX_LABEL_CHARS,
    MAX_METADATA_BYTES,
    MAX_TAG_CHARS,
    MAX_TAGS,
    MAX_TASK_BYTES,
)  # fmt: skip
from roost.model.envelope import draft
from roost.model.errors import RequestTimedOut
from roost.model.events import Principal, RunAborted, TextDelta, TextInput
from roost.model.ids import MessageId, PartId
from tests.api.served import Served, served
from tests.api.test_socket import asked, closed, joined
from tests.api.test_socket import told as told_on
from tests.api.test_streams import said as says
from tests.api.test_streams import stream

pytestmark = pytest.mark.anyio

FULL = {"x": "y" * (MAX_METADATA_BYTES - len('{"x":""}'))}


@asynccontextmanager
async def hub(data: Path, **settings: Any) -> AsyncGenerator[Served]:
    with anyio.fail_after(50):
        async with served(data, **settings) as running:
            yield running


@pytest.mark.parametrize(
    ("fits", "refused", "code"),
    [
        ({"label": "x" * MAX_LABEL_CHARS}, {"label": "x" * (MAX_LABEL_CHARS + 1)}, "invalid_body"),
        ({"label": "x"}, {"label": " "}, "invalid_body"),
        ({"tags": ["x"] * MAX_TAGS}, {"tags": ["x"] * (MAX_TAGS + 1)}, "invalid_body"),
        ({"tags": ["x" * MAX_TAG_CHARS]}, {"tags": ["x" * (MAX_TAG_CHARS + 1)]}, "invalid_body"),
        ({"tags": []}, {"tags": [""]}, "invalid_body"),
        ({"metadata": FULL}, {"metadata": {"x": FULL["x"] + "y"}}, "body_too_large"),
    ],
)
async def test_what_is_said_about_a_session_has_its_limits_when_it_is_made_and_later(
    api: Served, fits: dict[str, Any], refused: dict[str, Any], code: str
) -> None:
    session = await api.create(**fits)
    head = session.seq
    changed = await api.http.patch(f"/v1/sessions/{session.id}", json=fits)
    assert changed.status_code == 200, changed.text
    made = await api.http.post("/v1/sessions", json={"agent": "scripted"} | refused)
    changed = await api.http.patch(f"/v1/sessions/{session.id}", json=refused)
    assert (made.json()["code"], changed.json()["code"]) == (code, code)
    assert session.seq == head + 1
    assert (await api.http.get("/v1/sessions")).json()["total"] == 1


async def test_input_has_its_largest_size(api: Served) -> None:
    session = await api.live()
    room = MAX_TASK_BYTES - len(msgspec.json.encode((TextInput(text=""),)))
    for delivery in ("prompt", "steer", "queue"):
        for size, status in ((room + 1, 413), (room, 202)):
            body = {"text": "x" * size, "delivery": delivery}
            answer = await api.http.post(f"/v1/sessions/{session.id}/input", json=body)
            assert answer.status_code == status, (delivery, size, answer.text[:200])


async def test_bodies_and_keys_are_taken_up_to_their_limit(tmp_path: Path) -> None:
    async with hub(tmp_path, max_body_bytes=1000) as api:
        headers = {"Idempotency-Key": "k" * MAX_KEY_CHARS}
        answer = await api.http.post("/v1/sessions", content=b'{"agent":"scripted"}'.ljust(1000), headers=headers)
        assert answer.status_code == 201
        answer = await api.http.post("/v1/sessions", content=b'{"agent":"scripted"}'.ljust(1001), headers=headers)
        assert (answer.status_code, answer.json()["limit_bytes"]) == (413, 1000)


@pytest.mark.parametrize(
    ("path", "most"), [("/messages", 500), ("/runs", 500), ("/events", 5000), ("/v1/feed", 5000), ("/v1/audit", 5000)]
)
async def test_pages_have_their_largest_size(api: Served, path: str, most: int) -> None:
    session = await api.create()
    whole = path if path.startswith("/v1/") else f"/v1/sessions/{session.id}{path}"
    for limit, status in ((0, 400), (1, 200), (most, 200), (most + 1, 400)):
        assert (await api.http.get(whole, params={"limit": limit})).status_code == status


async def test_a_message_of_events_holds_what_fits_or_one_event(api: Served) -> None:
    session = await api.live()
    delta = TextDelta(message=MessageId("msg_1"), part=PartId("part_1"), delta="x" * 200_000)
    await api.say(session, [draft(delta) for _ in range(5)])
    sizes: list[int] = []
    async with joined(api, session.id, "?after=0") as socket:
        seen = 0
        while seen < session.seq:
            frame = await socket.recv()
            message = msgspec.json.decode(frame)
            seen = message.get("seq", seen)
            sizes += [len(frame)] if message["type"] == "events" else []
    assert 400_000 < max(sizes) <= MAX_TEXT_BYTES  # two of them fit, a third does not


async def test_a_message_names_so_many_who_are_here_and_counts_all(api: Served) -> None:
    session = await api.live()
    by = Principal(user="ada", kind="user")
    with ExitStack() as watching:

        def watch() -> None:
            here = api.hub.presence.here(by, via="sse", role="observer", leave=lambda: None, session=session.id)
            watching.enter_context(here)

        for _ in range(MAX_SHOWN - 2):  # beside the agent and the socket
            watch()
        async with joined(api, session.id) as socket:
            for total in (MAX_SHOWN, MAX_SHOWN + 1):
                told = await told_on(socket, "presence")
                assert (told["total"], len(told["participants"])) == (total, MAX_SHOWN)
                watch()


async def test_tags_are_counted_after_they_are_added(api: Served) -> None:
    session = await api.create(tags=[f"tag {number}" for number in range(MAX_TAGS)])
    path = f"/v1/sessions/{session.id}"
    answer = await api.http.patch(path, json={"add_tags": ["one more"]})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_body")
    answer = await api.http.patch(path, json={"add_tags": ["one more"], "remove_tags": ["tag 0"]})
    assert (answer.status_code, len(answer.json()["tags"])) == (200, MAX_TAGS)


async def test_metadata_is_measured_after_it_is_merged(api: Served) -> None:
    session = await api.create(metadata=FULL)
    answer = await api.http.patch(f"/v1/sessions/{session.id}", json={"metadata": {"z": 1}})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert answer.json()["limit_bytes"] == MAX_METADATA_BYTES
    answer = await api.http.patch(f"/v1/sessions/{session.id}", json={"metadata": {"x": "less", "z": 1}})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("env", "status"),
    [
        ({"NAME": "x" * (MAX_ENV_BYTES - 4)}, 201),
        ({"NAME": "x" * (MAX_ENV_BYTES - 3)}, 413),
        ({"NAME": "ü" * (MAX_ENV_BYTES // 2)}, 413),
        ({"": "x"}, 400),
        ({"A=B": "x"}, 400),
        ({"A": "x\0"}, 400),
    ],
)
async def test_an_environment_is_one_that_a_process_can_be_given(api: Served, env: dict[str, str], status: int) -> None:
    answer = await api.http.post("/v1/sessions", json={"agent": "scripted", "env": env})
    assert answer.status_code == status, answer.text


async def test_a_key_may_have_so_many_streams_and_sockets_open(tmp_path: Path) -> None:
    async with hub(tmp_path, max_streams=3) as api, AsyncExitStack() as open_ones:
        session = await api.live()
        path = f"/v1/sessions/{session.id}/events"
        for each in (path, "/v1/feed"):
            assert (await open_ones.enter_async_context(stream(api, each))).status_code == 200
        async with joined(api, session.id) as third:
            await asked(third, "pong", type="ping")
            for each in (path, "/v1/feed"):
                async with stream(api, each) as refused:
                    await refused.aread()
                    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
                    assert refused.json()["limit"] == 3
            async with joined(api, session.id) as refused:
                assert await closed(refused) == (4429, "too_many_streams")
        while await first_of(api, session) == "problem":  # the third has left, the hub notices in its own time
            pass


async def first_of(api: Served, session: Session) -> str:
    """The type of the first message that a new socket is sent."""
    async with joined(api, session.id) as socket:
        return msgspec.json.decode(await socket.recv())["type"]


async def test_what_a_key_may_change_in_a_second_is_limited_and_looking_is_not(tmp_path: Path) -> None:
    async with hub(tmp_path, rate_per_second=0.5) as api:
        session = await api.create()
        for command in ({"command": "update", "label": "new"}, {"command": "abort"}):
            async with joined(api, session.id) as socket:
                problem = await asked(socket, "problem", type="command", id=1, command=command)
                assert (problem["id"], problem["code"], problem["status"]) == (1, "rate_limited", 429)
        answer = await api.http.patch(f"/v1/sessions/{session.id}", json={"label": "new"})
        assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
        assert 1 <= int(answer.headers["retry-after"]) <= 2
        assert (await api.http.get(f"/v1/sessions/{session.id}/files?wake=true")).status_code == 429
        for _ in range(5):
            assert (await api.http.get(f"/v1/sessions/{session.id}")).status_code == 200
        while (await api.http.patch(f"/v1/sessions/{session.id}", json={"label": "new"})).status_code == 429:
            pass
        assert session.record_now.label == "new"


async def test_twice_as_much_may_come_at_once_and_each_key_counts_for_itself(tmp_path: Path) -> None:
    async with hub(tmp_path, rate_per_second=0.001) as api:
        await api.create()
        assert (await api.http.post("/v1/sessions", json={"agent": "scripted"})).status_code == 429
    async with hub(tmp_path, rate_per_second=3) as api:
        statuses = [(await api.http.post("/v1/sessions", json={"agent": "scripted"})).status_code for _ in range(12)]
        assert statuses[:6] == [201] * 6
        assert 429 in statuses[6:]


async def said(api: Served, *pieces: bytes) -> bytes:
    """Everything a hub answers to these pieces, until it closes the connection."""
    async with await anyio.connect_tcp("127.0.0.1", api.port) as socket:
        answer = b""
        for piece in pieces:
            await socket.send(piece)
        try:
            while True:
                answer += await socket.receive()
        except anyio.EndOfStream:
            return answer


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\n", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"])
async def test_headers_that_do_not_come_end_the_connection(tmp_path: Path, sent: bytes) -> None:
    async with hub(tmp_path, request_seconds=0.2) as api:
        answer = await said(api, sent)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"code":"request_timed_out"' in answer


async def test_a_body_that_does_not_come_ends_the_request(tmp_path: Path) -> None:
    async with hub(tmp_path, request_seconds=0.2) as api:
        head = f"POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nx-roost-key: {api.key}\r\nContent-Length: 99\r\n\r\n"
        answer = await said(api, head.encode(), b'{"agent":')
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"connection: close" in answer.lower()
        assert b'"code":"request_timed_out"' in answer
        assert (await api.http.get("/v1/sessions")).json()["total"] == 0


async def test_who_waits_for_an_answer_is_not_hurried(tmp_path: Path) -> None:
    async with hub(tmp_path, request_seconds=0.2) as api:
        session = await api.live(task="work")
        async with stream(api, f"/v1/sessions/{session.id}/events") as response, anyio.create_task_group() as tasks:

            async def abort() -> None:
                assert (await api.http.post(f"/v1/sessions/{session.id}/abort")).status_code == 200

            tasks.start_soon(abort)
            with anyio.move_on_after(0.5):
                async for _ in response.aiter_lines():
                    pass
            await says(api, session, RunAborted(reason="requested"))


async def test_a_file_may_take_its_time_if_each_piece_comes() -> None:
    async def slow() -> Message:
        with anyio.move_on_after(0.15):
            await anyio.sleep_forever()
        return {"type": "http.request", "body": b"x", "more_body": True}

    with anyio.fail_after(10):
        in_pieces, whole = patient(slow, 0.3, whole=False), patient(slow, 0.3, whole=True)
        assert [(await in_pieces())["body"] for _ in range(4)] == [b"x"] * 4
        with pytest.raises(RequestTimedOut):
            await take_all(whole)


@pytest.mark.parametrize(("path", "status"), [("/v1/blobs", 201), ("/v1/import", 400)])
async def test_an_upload_may_last_as_long_as_it_flows_and_no_longer(tmp_path: Path, path: str, status: int) -> None:
    async with hub(tmp_path, request_seconds=0.4) as api:

        async def flowing() -> AsyncGenerator[bytes]:
            for _ in range(5):
                with anyio.move_on_after(0.15):
                    await anyio.sleep_forever()
                yield b"x" * 1000

        assert (await api.http.post(path, content=flowing())).status_code == status
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nx-roost-key: {api.key}\r\nContent-Length: 99\r\n\r\n"
        stalled = await said(api, head.encode(), b"x")
        assert stalled.startswith(b"HTTP/1.1 408 ") and b'"code":"request_timed_out"' in stalled


async def take_all(receive: Receive) -> None:
    while True:
        await receive()
