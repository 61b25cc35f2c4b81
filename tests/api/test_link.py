"""The link's endpoint over a real socket: a token opens its own session, for what a host may say and nothing else."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.lowlevel import checkpoint
from msgspec import UNSET, Raw
from msgspec.structs import replace
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from roost.core.session import Session
from roost.link.frames import (
    MAX_FRAME_BYTES,
    PROTOCOL,
    Ack,
    AppendFrame,
    Beat,
    Frame,
    FromHub,
    Hello,
    Produced,
    Refused,
    Welcome,
    decode_from_hub,
    encode_frame,
)  # fmt: skip
from roost.model import events as e
from roost.model.envelope import encode_body
from roost.model.ids import RequestId, SessionId
from tests.api.served import Served

pytestmark = pytest.mark.anyio


async def token_of(api: Served, session: Session) -> str:
    with anyio.fail_after(5):
        while not (found := [ticket.token for ticket in api.runtime.tickets if ticket.session == session.id]):
            await checkpoint()
    return found[0]


@asynccontextmanager
async def linked(api: Served, token: str | None) -> AsyncGenerator[ClientConnection]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    address = f"ws://127.0.0.1:{api.port}/link"
    async with connect(address, additional_headers=headers, proxy=None, compression=None) as socket:
        yield socket


async def told(socket: ClientConnection) -> FromHub:
    """The next frame that is not a heartbeat."""
    with anyio.fail_after(5):
        while isinstance(frame := decode_from_hub(await socket.recv()), Beat):
            pass
    return frame


async def say(socket: ClientConnection, frame: Frame) -> FromHub:
    await socket.send(encode_frame(frame).decode())
    return await told(socket)


async def until_closed(socket: ClientConnection, *messages: str) -> None:
    """Raises: ConnectionClosed."""
    for message in messages:
        await socket.send(message)
    while True:
        await told(socket)


def hello(session: Session, *, epoch: int = 1) -> Hello:
    return Hello(protocol=PROTOCOL, session=session.id, epoch=epoch, pid=1)


async def test_a_token_opens_its_own_session(api: Served) -> None:
    session = await api.create(task="hello")
    async with linked(api, await token_of(api, session)) as socket:
        assert isinstance(await say(socket, hello(session)), Welcome)
        assert (await api.http.get(f"/v1/sessions/{session.id}")).json()["phase"] == "active"


async def test_no_token_a_wrong_one_or_another_sessions_is_refused(api: Served) -> None:
    session, other = await api.create(task="hello"), await api.create(task="hello")
    for token in (None, "wrong", api.key, await token_of(api, other)):
        async with linked(api, token) as socket:
            refused = await say(socket, hello(session))
            assert isinstance(refused, Refused)
            assert refused.code == "gone"
            with pytest.raises(ConnectionClosed):
                await told(socket)
    assert (await api.http.get(f"/v1/sessions/{session.id}")).json()["phase"] == "creating"


async def test_who_has_no_good_token_does_not_learn_which_sessions_there_are_or_how_they_stand(api: Served) -> None:
    session, other = await api.create(task="hello"), await api.create(task="hello")
    theirs = await token_of(api, other)
    hellos = [hello(session, epoch=epoch) for epoch in (0, 1, 2)]
    hellos += [replace(hello(session), session=SessionId(name)) for name in ("codesess_000000000000", "x", "")]
    told: list[FromHub] = []
    for token in (None, "wrong", theirs):
        for first in hellos:
            async with linked(api, token) as socket:
                told.append(await say(socket, first))
    assert told == [told[0]] * len(told) and isinstance(told[0], Refused)
    async with linked(api, await token_of(api, session)) as socket:  # whoever has it, does
        refused = await say(socket, hello(session, epoch=2))
    assert isinstance(refused, Refused) and refused.code == "stale_epoch"


async def test_a_link_answers_no_decision_and_writes_nothing_that_is_the_hubs(api: Served) -> None:
    session = await api.create(task="hello")
    forbidden: list[e.Body] = [
        e.PermissionReplied(request=RequestId("req_1"), reply="once"),
        e.QuestionReplied(request=RequestId("req_1"), reply="answer"),
        e.RuntimeStarting(epoch=9),
        e.SessionArchived(),
        e.SessionEnded(),
    ]
    async with linked(api, await token_of(api, session)) as socket:
        await say(socket, hello(session))
        run = session.record_now.run
        assert run is not UNSET
        asked = e.PermissionAsked(request=RequestId("req_1"), permission="bash")
        events = [Produced(body=Raw(encode_body(asked)), run=run.run)]
        events += [Produced(body=Raw(encode_body(body))) for body in forbidden]
        frame: FromHub = await say(socket, AppendFrame(first=1, events=events))
        while not isinstance(frame, Ack):
            frame = await told(socket)
        assert frame.acked == len(events)
    page = (await api.http.get(f"/v1/sessions/{session.id}/events?after=4")).json()
    kinds = [event["body"]["type"] for event in page["events"]]
    assert kinds == ["permission-asked"] + ["native"] * len(forbidden)
    pending = (await api.http.get(f"/v1/sessions/{session.id}/pending")).json()["pending"]
    assert [entry["request"] for entry in pending] == ["req_1"]


async def test_a_frame_over_the_limit_closes_the_link(api: Served) -> None:
    session = await api.create(task="hello")
    async with linked(api, await token_of(api, session)) as socket:
        await say(socket, hello(session))
        with pytest.raises(ConnectionClosed) as closed:
            await until_closed(socket, "x" * (MAX_FRAME_BYTES + 1))
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


async def test_a_hub_that_stops_closes_its_links(api: Served) -> None:
    session = await api.create(task="hello")
    async with linked(api, await token_of(api, session)) as socket:
        await say(socket, hello(session))
        api.hub.stop()
        with pytest.raises(ConnectionClosed):
            await until_closed(socket)
