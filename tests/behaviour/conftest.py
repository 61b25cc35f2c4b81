"""What a hub promises to whoever uses its public client, each again with the hub restarted where that could matter.

It cannot matter, and a test has no `mark`, where all of it is one request that is answered at once (limits, refusals,
what a call gives back), where nothing is kept by the hub (shell, files and changes are the host's), where the test
stops or kills the hub itself, and where another one has restarted it at the same point.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import anyio
import pytest

from roost.client import AsyncClient, AsyncSession
from roost.model.envelope import Event
from roost.model.info import SessionInfo
from roost.testing import HubProcess, hub_process

Mark = Callable[[], Awaitable[None]]
"""Where a test calls this, the hub may be restarted."""


@pytest.fixture(scope="module")
async def hub() -> AsyncIterator[HubProcess]:
    async with hub_process(parked_seconds=3600) as running:
        yield running


@pytest.fixture
async def client(hub: HubProcess) -> AsyncIterator[AsyncClient]:
    async with hub.client() as opened:
        yield opened


@pytest.fixture(params=["stays", pytest.param("is restarted", marks=pytest.mark.long), "is killed"])
def mark(request: pytest.FixtureRequest, hub: HubProcess) -> Mark:
    """What becomes of the hub in the middle of the test."""

    async def restart() -> None:
        if request.param == "is killed":
            await hub.restart()
        elif request.param == "is restarted":
            await hub.terminate()
            await hub.start()

    return restart


def script(*steps: Mapping[str, object]) -> str:
    return "script: " + json.dumps(steps)


def ask(*patterns: str, permission: str = "bash", always: tuple[str, ...] = ()) -> dict[str, object]:
    return {"ask": {"permission": permission, "patterns": patterns, "always": always}}


def until_file(path: Path) -> dict[str, object]:
    """A step that lasts until this file is there."""
    return {"bash": {"command": f"until [ -e {path} ]; do sleep 0.02; done"}}


async def until(session: AsyncSession, *kinds: str, after: int = 0, seconds: float = 30) -> Event:
    """The next event of one of these kinds."""
    with anyio.fail_after(seconds):
        return [event async for event in session.events(after=after, until=kinds)][-1]


async def stands(session: AsyncSession, what: Callable[[SessionInfo], bool], seconds: float = 30) -> SessionInfo:
    """Wait for an event after which this is true of the session."""
    with anyio.fail_after(seconds):
        while True:
            info = await session.info()
            if what(info):
                return info
            async for _ in session.events(after=info.seq):
                break


async def awake(client: AsyncClient, **options: object) -> AsyncSession:
    """A session that is live and idle."""
    session = await client.create_session(**options)  # pyright: ignore[reportArgumentType]
    await until(session, "runtime-ready")
    return session


async def types(session: AsyncSession, after: int = 0) -> list[str]:
    return [event.type for event in (await session.read(after=after, limit=5000)).events]


async def said(session: AsyncSession) -> list[str]:
    """What was said, in order, by whom."""
    return [f"{message.info.role}: {message.text}" for message in await session.messages()]


async def comes_true(what: Callable[[], object], seconds: float = 10) -> None:
    """Wait for something that no event tells of."""
    with anyio.fail_after(seconds):
        while not what():  # noqa: ASYNC110  # nothing would set an event
            await anyio.sleep(0.01)
