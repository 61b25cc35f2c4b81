"""Event streams over connections that break: every event once, in order, from any cursor."""

from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roost.client import AsyncClient, AsyncSession, SequenceBroken
from roost.model.errors import CursorAhead, RoostError, SessionNotFound, StreamLost
from tests.client.loopback import KEEP, Answering, Handler, Request, frame, loopback
from tests.client.test_wire import hang_up, stopping, write_hub

SESSION = "codesess_0123456789ab"


def cursor_of(request: Request) -> int:
    return int(request.headers.get("last-event-id") or request.query["after"])


def log_of(head: int, *, cut_after: int = 10**9) -> Handler:
    """A session with events 1..head that has ended; each connection breaks after some bytes."""

    async def handler(request: Request, answer: Answering) -> object:
        after = cursor_of(request)
        if after == head and "last-event-id" in request.headers:
            await answer.send(204)
            return KEEP
        raw = b"retry: 1000\n\n" + b"".join(frame(seq) for seq in range(after + 1, head + 1))
        head_line = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
        await answer.stream.send(head_line + raw[:cut_after])
        return None

    return handler


async def seqs(session: AsyncSession, **options: object) -> list[int]:
    with anyio.fail_after(20):
        return [event.seq async for event in session.events(**options)]  # pyright: ignore[reportArgumentType]


async def test_a_stream_ends_when_the_hub_says_that_there_is_no_more() -> None:
    async with loopback(log_of(5)) as server, AsyncClient(server.url, "agc_x") as client:
        assert await seqs(client.session(SESSION)) == [1, 2, 3, 4, 5]
    assert [r.headers.get("last-event-id") for r in server.requests] == [None, "5"]


async def test_a_stream_of_nothing_more_ends_too() -> None:
    async with loopback(log_of(5)) as server, AsyncClient(server.url, "agc_x") as client:
        assert await seqs(client.session(SESSION), after=5) == []


@settings(max_examples=25)
@given(st.integers(200, 600), st.integers(1, 40), st.integers(0, 40))
def test_connections_that_break_anywhere_lose_and_repeat_nothing(cut_after: int, head: int, after: int) -> None:
    async def main() -> None:
        async with loopback(log_of(head, cut_after=cut_after)) as server, AsyncClient(server.url, "agc_x") as client:
            wanted = list(range(min(after, head) + 1, head + 1))
            assert await seqs(client.session(SESSION), after=min(after, head)) == wanted

    anyio.run(main)


async def test_until_ends_with_the_event_it_means() -> None:
    async with loopback(log_of(9)) as server, AsyncClient(server.url, "agc_x") as client:
        session = client.session(SESSION)
        assert await seqs(session, until="text-delta") == [1]
        assert await seqs(session, until=("text-delta", "run-complete"), after=3) == [4]
        assert await seqs(session, until=lambda event: event.seq == 7) == [1, 2, 3, 4, 5, 6, 7]


async def test_a_hub_that_is_away_for_a_while_is_waited_for() -> None:
    async def gateway(_request: Request, answer: Answering) -> object:
        await answer.send(502, b"bad gateway", kind="text/plain")
        return KEEP

    handlers = (log_of(9, cut_after=400), hang_up, stopping, gateway, log_of(9))
    async with loopback(*handlers) as server, AsyncClient(server.url, "agc_x") as client:
        assert await seqs(client.session(SESSION)) == list(range(1, 10))


async def test_a_hub_that_stays_away_loses_the_stream() -> None:
    async with loopback(log_of(9, cut_after=400), stopping) as server, AsyncClient(server.url, "agc_x") as client:
        with pytest.raises(StreamLost) as caught:
            await seqs(client.session(SESSION), reconnect_seconds=0.2)
    assert caught.value.details["cursor"] == int(server.requests[-1].headers["last-event-id"]) > 0


async def test_a_hub_on_another_port_is_found_by_the_stream(tmp_path: Path) -> None:
    async with loopback(log_of(9, cut_after=400), hang_up) as old, loopback(log_of(9)) as new:
        write_hub(tmp_path, old.url)
        async with AsyncClient(data=tmp_path) as client:
            seen: list[int] = []
            async for event in client.session(SESSION).events():
                seen.append(event.seq)
                write_hub(tmp_path, new.url)
    assert seen == list(range(1, 10))


@pytest.mark.parametrize("sent", [(1, 2, 4), (1, 2, 2), (1, 3), (2,), (1, 2, 1)])
async def test_a_hole_or_a_repeat_raises(sent: tuple[int, ...]) -> None:
    async def handler(_request: Request, answer: Answering) -> None:
        await answer.begin_stream()
        await answer.events(*sent)

    async with loopback(handler) as server, AsyncClient(server.url, "agc_x") as client:
        with pytest.raises(SequenceBroken):
            await seqs(client.session(SESSION))


async def test_an_event_under_a_foreign_id_raises() -> None:
    async def handler(_request: Request, answer: Answering) -> None:
        await answer.begin_stream()
        await answer.stream.send(frame(2, at=1))

    async with loopback(handler) as server, AsyncClient(server.url, "agc_x") as client:
        with pytest.raises(SequenceBroken):
            await seqs(client.session(SESSION))


async def test_a_filtered_stream_goes_on_after_what_it_left_out() -> None:
    async def begin(_request: Request, answer: Answering) -> None:
        await answer.begin_stream()
        await answer.stream.send(b"id: 3\n\n" + frame(4) + b"id: 7\n\n")

    async with loopback(begin, log_of(9)) as server, AsyncClient(server.url, "agc_x") as client:
        assert await seqs(client.session(SESSION), types=["text-delta"]) == [4, 8, 9]
    assert server.requests[0].query["types"] == "text-delta"
    assert server.requests[1].headers["last-event-id"] == "7"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [(404, "session_not_found", SessionNotFound), (400, "cursor_ahead", CursorAhead), (500, "internal", RoostError)],
)
async def test_a_refusal_ends_the_stream_as_its_class(status: int, code: str, kind: type[RoostError]) -> None:
    async def refuse(_request: Request, answer: Answering) -> object:
        await answer.problem(status, code)
        return KEEP

    async with loopback(log_of(9, cut_after=400), refuse) as server, AsyncClient(server.url, "agc_x") as client:
        with pytest.raises(kind):
            await seqs(client.session(SESSION))


async def test_a_hundred_and_twenty_streams_share_a_client() -> None:
    async with loopback(log_of(3)) as server, AsyncClient(server.url, "agc_x") as client:
        done: list[list[int]] = []

        async def watch() -> None:
            done.append(await seqs(client.session(SESSION)))

        async with anyio.create_task_group() as tasks:
            for _ in range(120):
                tasks.start_soon(watch)
    assert done == [[1, 2, 3]] * 120
