"""One connection for events, commands and who is here, over a real hub: typed, and taken up again by itself."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import pytest

from roost.client import AsyncClient, AsyncSession, AsyncSocket
from roost.client.socket import MAX_FRAME_BYTES, MAX_HELD_BYTES
from roost.model.commands import Configure, Update
from roost.model.errors import (
    BodyTooLarge,
    CursorAhead,
    MessageNotFound,
    PermissionNotFound,
    SessionArchived,
    SessionBusy,
    SessionNotFound,
    StreamLost,
    Unauthorized,
)
from roost.model.events import PermissionAsked
from roost.testing import RunningHub
from tests.client.loopback import Relay, relay
from tests.client.test_session import ASK, SLOW, idle, script


async def seqs(socket: AsyncSocket, until: str) -> list[int]:
    with anyio.fail_after(30):
        return [event.seq async for event in socket.events(until=until)]


@asynccontextmanager
async def relayed(hub: RunningHub) -> AsyncGenerator[tuple[AsyncClient, Relay]]:
    key = (hub.data / "api_key").read_text().strip()
    async with relay(hub.url) as between, AsyncClient(between.url, key) as client:
        yield client, between


async def sent_once(session: AsyncSession, text: str) -> bool:
    runs = [await session.run(run.run) for run in await session.runs()]
    return [text in str(run.input) for run in runs].count(True) == 1


async def test_events_commands_and_who_is_here_go_over_one_connection(client: AsyncClient) -> None:
    session = await idle(client)
    async with session.connect() as socket:
        assert socket.linked
        before = await seqs(socket, "runtime-ready")
        with anyio.fail_after(10):
            async for here in socket.presence():
                if {"socket"} < {each.via for each in here} and socket.participants == here:
                    break
        accepted = await socket.start(ASK)
        seen: list[int] = []
        async for event in socket:
            seen.append(event.seq)
            if isinstance(event.body, PermissionAsked):
                assert (await socket.reply_to_permission(event.body.request, "once")).run == accepted.run
                break
        seen += await seqs(socket, "run-complete")
        assert accepted.seq in seen
        assert before + seen == list(range(1, seen[-1] + 1))


async def test_every_command_has_its_method_and_every_refusal_its_class(client: AsyncClient) -> None:
    session = await idle(client)
    async with session.connect(after=(await session.info()).seq) as socket:
        run = await socket.start(SLOW)
        with pytest.raises(SessionBusy) as busy:
            await socket.start("now")
        assert busy.value.details["run"] == run.run
        assert (await socket.steer("also this")).run == run.run
        assert (await socket.queue("later", key="mine")) == (await socket.queue("later", key="mine"))
        await socket.unqueue((await session.queued())[0].message)
        with pytest.raises(MessageNotFound):
            await socket.unqueue("msg_none")
        with pytest.raises(PermissionNotFound):
            await socket.reject_question("req_none")
        with pytest.raises(BodyTooLarge):
            await socket.start("x" * MAX_FRAME_BYTES)
        await socket.command(Update(label="renamed"))
        await socket.command(Configure(model="other"))
        assert (await socket.abort()).run == run.run
        assert await seqs(socket, "run-aborted")
        await socket.pause()
        assert await seqs(socket, "session-paused")
        await socket.resume()
        await socket.archive()
        with pytest.raises(SessionArchived):
            await socket.start("too late")
    assert (await session.info()).label == "renamed" and (await session.config()).model == "other"


async def test_what_is_wrong_with_it_is_said_when_it_is_opened(hub: RunningHub, client: AsyncClient) -> None:
    session = await idle(client)
    with pytest.raises(SessionNotFound):
        async with client.session("codesess_000000000000").connect():
            pass
    with pytest.raises(CursorAhead):
        async with session.connect(after=10_000):
            pass
    async with AsyncClient(hub.url, "agc_wrong") as stranger:
        with pytest.raises(Unauthorized):
            async with stranger.session(session.id).connect():
                pass


async def test_what_goes_wrong_in_the_block_comes_out_as_it_is(client: AsyncClient) -> None:
    session = await idle(client)
    with pytest.raises(KeyError, match="mine"):
        async with session.connect():
            raise KeyError("mine")


async def test_a_deleted_session_ends_it(client: AsyncClient) -> None:
    session = await idle(client)
    async with session.connect() as socket:
        await session.delete()
        with pytest.raises(SessionNotFound):
            await seqs(socket, "never")
        with pytest.raises(SessionNotFound):
            await socket.start("too late")


async def test_types_leave_the_others_out(client: AsyncClient) -> None:
    session = await idle(client)
    async with session.connect(types=["run-start", "run-complete"]) as socket:
        await socket.start("hello")
        with anyio.fail_after(20):
            kinds = [event.type async for event in socket.events(until="run-complete")]
    assert kinds == ["run-start", "run-complete"]


async def test_a_connection_that_is_cut_again_and_again_loses_and_repeats_nothing(hub: RunningHub) -> None:
    async with relayed(hub) as (client, between):
        session = await idle(client)
        async with session.connect() as socket:
            await socket.start(script({"deltas": {"count": 60, "bytes": 10, "per_second": 100}}))
            seen: list[int] = []
            async for event in socket.events(until="run-complete"):
                seen.append(event.seq)
                if len(seen) % 10 == 0:
                    between.cut()
        assert seen == list(range(1, (await session.info()).seq + 1))
        assert between.passed > 5


async def test_a_command_whose_answer_is_lost_is_recorded_once(hub: RunningHub) -> None:
    async with relayed(hub) as (client, between):
        session = await idle(client)
        async with session.connect(after=(await session.info()).seq) as socket, anyio.create_task_group() as tasks:
            between.deaf = True

            async def hear_again() -> None:
                async with AsyncClient(data=hub.data) as other:
                    async for _ in other.session(session.id).events(until="run-start"):
                        pass
                between.deaf = False
                between.cut()

            tasks.start_soon(hear_again)
            with anyio.fail_after(20):
                accepted = await socket.start("only once")
            assert (await seqs(socket, "run-complete"))[0] == accepted.seq
        assert await sent_once(session, "only once")


async def test_who_reads_slowly_is_answered_and_misses_nothing(client: AsyncClient) -> None:
    session = await client.create_session(task=script({"deltas": {"count": 80, "bytes": 100_000}}))
    await session.wait_idle()
    async with session.connect() as socket:
        with anyio.fail_after(20):
            while not socket._behind:  # nobody reads: some has been let go
                await socket._moved.wait()
            accepted = await socket.queue("answered")
        seen = await seqs(socket, "run-complete") + await seqs(socket, "run-complete")
    assert MAX_HELD_BYTES < 80 * 100_000
    assert seen == list(range(1, seen[-1] + 1)) and accepted.seq in seen


async def test_a_hub_that_stays_away_is_said_so_to_reader_and_commander(hub: RunningHub) -> None:
    async with relayed(hub) as (client, between):
        session = await idle(client)
        async with session.connect(reconnect_seconds=0.2) as socket:
            between.port = 9  # nobody is there
            between.cut()
            with pytest.raises(StreamLost):
                await seqs(socket, "never")
            with pytest.raises(StreamLost):
                await socket.start("too late")


async def test_a_hub_that_restarts_in_the_middle_is_found_again(hub: RunningHub, client: AsyncClient) -> None:
    """The last one: from here on the hub of this module is another."""
    session = await idle(client)
    async with session.connect() as socket, anyio.create_task_group() as tasks:
        await socket.start(script({"deltas": {"count": 40, "bytes": 10, "per_second": 20}}))
        first = await seqs(socket, "text-delta")
        tasks.start_soon(hub.restart)
        with anyio.fail_after(30):
            queued = await socket.queue("said while it was away")
        rest = await seqs(socket, "run-complete") + await seqs(socket, "run-complete")
        assert first + rest == list(range(1, rest[-1] + 1)) and queued.seq in rest
    assert await sent_once(session, "said while it was away")
