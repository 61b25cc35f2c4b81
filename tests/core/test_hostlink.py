"""A host's connection in the hub: when it counts as silent, and what it may have open."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import anyio
import pytest
from msgspec import UNSET, Raw

from roost.core.bell import LocalBell
from roost.core.blobs import Blobs
from roost.core.clock import SystemClock
from roost.core.counter import MAX_UPLOADS, Counter
from roost.core.decisions import HUB, Decision
from roost.core.hostlink import HostLink
from roost.core.log import Log
from roost.core.session import Ground, Session
from roost.link.frames import AppendFrame, Ask, Beat, Produced, encode_frame
from roost.model import events as e
from roost.model import stored as s
from roost.model.envelope import Event, draft, encode_body
from roost.model.ids import SessionId
from roost.settings import LinkSettings
from roost.storage.memory.store import MemoryStore

SESSION = SessionId("codesess_000000000001")
SETTINGS = LinkSettings(heartbeat_seconds=60, lost_after_seconds=0.2)


class SlowStore(MemoryStore):
    """A store whose disk is slow: each append takes longer than a link may be silent."""

    async def append(self, append: s.Append) -> s.Appended:
        await anyio.sleep(3 * SETTINGS.lost_after_seconds)
        return await super().append(append)


class Deaf:
    """A `Watcher` that nobody asks."""

    def committed(self, session: Session, facts: Sequence[Event]) -> None:
        pass

    def owed(self, session: Session, decision: Decision) -> None:
        pass


@pytest.fixture
async def session() -> AsyncIterator[Session]:
    store, bell = SlowStore(), LocalBell()
    session = Session.fresh(Ground(store, Log(store, bell), bell, SystemClock()), Deaf(), SESSION)
    created = e.SessionCreated(
        session=SESSION, label="l", agent="scripted", workspace=e.WorkspaceSpec(kind="folder"), owner=HUB
    )
    bodies = (created, e.RuntimeStarting(epoch=1), e.RuntimeReady(epoch=1))
    await session.found([draft(body, by=HUB) for body in bodies], {}, None)
    yield session
    await store.close()


async def ignore(_: bytes) -> None:
    pass


async def test_a_link_without_a_frame_for_too_long_is_given_up(session: Session) -> None:
    with anyio.fail_after(5):
        await HostLink(session, 1, SETTINGS).run(anyio.sleep_forever, ignore)


async def test_frames_that_keep_coming_keep_the_link(session: Session) -> None:
    frames = [encode_frame(Beat())] * 8

    async def receive() -> bytes | None:
        await anyio.sleep(SETTINGS.lost_after_seconds / 2)
        return frames.pop() if frames else None

    with anyio.fail_after(5):
        await HostLink(session, 1, SETTINGS).run(receive, ignore)
    assert frames == []


async def test_a_commit_that_takes_long_is_no_silence_of_the_host(session: Session) -> None:
    todos = Produced(body=Raw(encode_body(e.TodosUpdated(todos=()))))
    frames = [encode_frame(AppendFrame(first=1, events=[todos])), None]

    async def receive() -> bytes | None:
        return frames.pop(0)

    with anyio.fail_after(5):
        await HostLink(session, 1, SETTINGS).run(receive, ignore)
    assert frames == []
    assert session.produced == 1


async def test_a_host_has_so_many_uploads_open_and_no_more(tmp_path: Path) -> None:
    counter = Counter(SESSION, Log(MemoryStore(), LocalBell()), Blobs(tmp_path))
    begun = [await counter.answer(Ask(id=str(number), method="begin_blob")) for number in range(MAX_UPLOADS + 1)]
    assert [answer.code for answer in begun] == [*[UNSET] * MAX_UPLOADS, "host_busy"]
    counter.close()
    assert (await counter.answer(Ask(id="again", method="begin_blob"))).code is UNSET
    counter.close()
