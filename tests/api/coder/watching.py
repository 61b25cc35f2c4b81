"""Watching a session over the Coder wire, and playing its agent."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

import anyio
import httpx
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from roost.core.session import Session
from roost.model import events as e
from roost.model.envelope import draft
from roost.model.ids import MessageId, PartId, RunId, TaskId
from roost.testing import HubProcess
from tests.api.served import Served, blocks

Json = dict[str, Any]
SECONDS = 10.0
"""How long anything is waited for."""


class Reached(Protocol):
    """A hub that answers on a port."""

    @property
    def key(self) -> str: ...

    @property
    def port(self) -> int: ...

    def client(self, **headers: str) -> httpx.AsyncClient: ...


class Wire:
    """Implements `Reached`: a hub that is a process, wherever it runs now."""

    def __init__(self, hub: HubProcess) -> None:
        self._hub = hub
        self.key = (hub.data / "api_key").read_text().strip()

    @property
    def port(self) -> int:
        return int(self._hub.url.rpartition(":")[2] or 1)

    def client(self, **headers: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=10, trust_env=False)


@asynccontextmanager
async def streaming(hub: Reached, session: str, **query: str) -> AsyncGenerator[AsyncIterator[Json]]:
    """An event stream, frame by frame, comments left out. The key stands in the query, as their client has it."""
    params = {"api_key": hub.key} | query
    async with (
        hub.client() as http,
        http.stream("GET", f"/api/hub/session/{session}/events", params=params) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        yield _frames(blocks(answer))


async def _frames(found: AsyncIterator[dict[str, str]]) -> AsyncIterator[Json]:
    async for block in found:
        if "data" in block:
            frame = msgspec.json.decode(block["data"], type=Json)
            assert frame["type"] == block["event"]
            yield frame


@asynccontextmanager
async def connected(hub: Reached, query: str, **headers: str) -> AsyncGenerator[ClientConnection]:
    """A socket with this query, and the headers if there are any; else the hub's key stands in the query too."""
    key = "" if headers or "=KEY" in query or "key=" in query else f"&api_key={hub.key}"
    address = f"ws://127.0.0.1:{hub.port}/api/ws?{query.replace('=KEY', '=' + hub.key)}{key}"
    async with connect(address, additional_headers=headers, proxy=None, compression=None) as socket:
        yield socket


@asynccontextmanager
async def attached(hub: Reached, session: str, role: str = "controller") -> AsyncGenerator[ClientConnection]:
    """A socket that has been given `init` and its hydration."""
    async with connected(hub, f"sessionId={session}&role={role}") as socket:
        assert (await heard(socket))["type"] == "init"
        await say(socket, type="bootstrap_ready")
        await until(socket, lambda frame: frame["type"] == "session_hydration")
        yield socket


async def say(socket: ClientConnection, **frame: Any) -> None:
    await socket.send(msgspec.json.encode(frame).decode())


async def heard(socket: ClientConnection) -> Json:
    """The next frame."""
    with anyio.fail_after(SECONDS):
        return msgspec.json.decode(await socket.recv(), type=Json)


async def until(socket: ClientConnection, wanted: Callable[[Json], bool]) -> list[Json]:
    """All frames up to the one that is wanted."""
    found = [await heard(socket)]
    while not wanted(found[-1]):
        found.append(await heard(socket))
    return found


async def told(frames: AsyncIterator[Json], last: str) -> list[Json]:
    """The frames of a stream up to the broadcast of this name (or the frame of this type)."""
    found: list[Json] = []
    with anyio.fail_after(SECONDS):
        while not found or last not in (found[-1].get("event"), found[-1]["type"]):
            found.append(await anext(frames))
    return found


def named(name: str) -> Callable[[Json], bool]:
    return lambda frame: frame.get("event") == name


async def command(socket: ClientConnection, kind: str, **fields: Any) -> Json:
    """A command with an id, and its response; what is told meanwhile is skipped."""
    await say(socket, type="rpc_command", command={"type": kind, "id": f"id-{kind}", **fields})
    frames = await until(socket, lambda frame: frame["type"] == "rpc_response")
    response = frames[-1]["response"]
    assert (response["id"], response["command"], response["type"]) == (f"id-{kind}", kind, "response")
    return response


async def closed(socket: ClientConnection) -> tuple[int, list[Json]]:
    """The close code, and the frames before it."""
    found: list[Json] = []
    try:
        while True:
            found.append(await heard(socket))
    except ConnectionClosed as over:
        return (0 if over.rcvd is None else over.rcvd.code), found


# --- the agent --------------------------------------------------------------------------------------------------------

MESSAGE, PART = MessageId("msg_1"), PartId("part_1")


def run_of(session: Session) -> RunId:
    run = session.record_now.run
    assert run
    return run.run


async def speak(hub: Served, session: Session, *bodies: e.Body) -> None:
    """As the session's agent, in its open run."""
    run = run_of(session)
    await hub.say(session, [draft(body, run=run) for body in bodies])


def words(*deltas: str, task: str = "") -> Sequence[e.Body]:
    message = MessageId(f"msg_{task}") if task else MESSAGE
    about: dict[str, Any] = {"task": TaskId(task)} if task else {}
    return [e.TextDelta(message=message, part=PART, delta=delta, **about) for delta in deltas]
