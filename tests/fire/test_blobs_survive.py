"""A hub that is killed while inputs with files come in: every file that the log names is there, and no other."""

import base64
from contextlib import suppress

import anyio
import pytest

from roost.client import AsyncSession
from roost.model.errors import RoostError
from roost.model.events import FileInput, TextInput
from tests.fire.hubs import Fire, Hub
from tests.fire.watch import script, whole_log

pytestmark = [pytest.mark.anyio, pytest.mark.fire]

KILLS = 4
FILE_BYTES = 100_000


def a_file(content: bytes) -> FileInput:
    data = base64.b64encode(content.ljust(FILE_BYTES)).decode()
    return FileInput(url=f"data:text/plain;base64,{data}", mime="text/plain")


async def send_files(session: AsyncSession, name: str) -> None:
    """One input after another until cancelled: every second one is refused, since a run is open."""
    number = 0
    while True:
        number += 1
        parts = [TextInput(text="look"), a_file(f"{name} {number}".encode())]
        with suppress(RoostError):
            await session.start(parts, delivery="prompt" if number % 2 else "steer")


async def named_files(sessions: list[AsyncSession]) -> set[str]:
    urls = [
        part.url.removeprefix("blob:")
        for session in sessions
        for event in await whole_log(session)
        for part in getattr(event.body, "input", ())
        if isinstance(part, FileInput)
    ]
    return {url for url in urls if url.startswith("sha256-")}


def kept_files(hub: Hub) -> set[str]:
    return {f"sha256-{path.name}" for path in (hub.data / "blobs").glob("??/*")}


async def test_a_hub_killed_while_files_come_in_keeps_what_the_log_names_and_no_more(fire: Fire) -> None:
    hub, named = await fire.hub(), set[str]()
    async with hub.client() as client:
        busy = script({"hang": True})
        sessions = [await client.create_session(task=busy) for _ in range(3)]
        for _ in range(KILLS):
            async with anyio.create_task_group() as tasks:
                for session in sessions:
                    tasks.start_soon(send_files, session, session.id)
                await anyio.sleep(fire.random.uniform(0.05, 0.5))  # the instant is the point
                await hub.kill()
                tasks.cancel_scope.cancel()
            await hub.start()
            named = await named_files(sessions)
            assert kept_files(hub) == named
        assert named
        assert {len(await client.get_blob(name)) for name in named} == {FILE_BYTES}
        held = {path.name for path in (hub.data / "blobs" / "held").iterdir()}
        assert held == {session.id for session in sessions}
