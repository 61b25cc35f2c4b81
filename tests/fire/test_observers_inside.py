"""Any interleaving of append, observe, disconnect, reconnect and restart over the real log and the real store, many
thousand steps: every observer sees 1, 2, 3, ... without a hole or a repeat."""

import time
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import ClassVar

import hypothesis.strategies as st
import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis.stateful import rule

from roost.core.bell import LocalBell
from roost.core.clock import SystemClock
from roost.core.decisions import HUB, Decision
from roost.core.log import Log
from roost.core.session import Ground, Session
from roost.model import events as e
from roost.model.envelope import Draft, Event, draft
from roost.model.ids import MessageId, PartId, SessionId, new_session_id
from roost.storage import open_store
from tests.fire.machine import Observed, Observer, run

pytestmark = pytest.mark.fire

ME = e.Principal(user="me", kind="api-key")


class Deaf:
    """A `Watcher` that does not care."""

    def committed(self, session: Session, facts: Sequence[Event]) -> None: ...

    def owed(self, session: Session, decision: Decision) -> None: ...


class LogUnderFire(Observed):
    """Hosts append, and repeat what they did not see acknowledged."""

    folder: ClassVar[Path]

    async def open(self) -> None:
        self.store = await open_store("sqlite", self.folder)
        bell = LocalBell()
        self.ground = Ground(self.store, Log(self.store, bell), bell, SystemClock())
        self.known: dict[str, Session] = {}

    async def close(self) -> None:
        await self.store.close()

    async def new_session(self) -> str:
        session = Session.fresh(self.ground, Deaf(), new_session_id())
        created = e.SessionCreated(
            session=session.id, label="l", agent="scripted", workspace=e.WorkspaceSpec(kind="folder"), owner=ME
        )
        first = [created, e.RuntimeStarting(epoch=1), e.RuntimeReady(epoch=1)]
        await session.found([draft(body, by=HUB) for body in first], {}, None)
        self.known[session.id] = session
        return session.id

    async def head(self, session: str) -> int:
        return (await self._session(session)).seq

    async def source(self, session: str, after: int) -> AsyncGenerator[tuple[int, bytes]]:
        async for frames in self.ground.log.follow(SessionId(session), after):
            for seq, data in enumerate(frames.data, frames.first):
                yield seq, data

    @rule(session=Observed.sessions, new=st.integers(1, 40), again=st.integers(0, 30), size=st.sampled_from([9, 9000]))
    def append(self, session: str, new: int, again: int, size: int) -> None:
        """A host sends `new` events after repeating its last `again` ones."""
        self.portal.call(self._append, session, new, again, size)

    async def _append(self, session: str, new: int, again: int, size: int) -> None:
        found = await self._session(session)
        produced, head = found.produced, found.seq
        first = max(1, produced + 1 - again)
        drafts = [said(number, size) for number in range(first, produced + new + 1)]
        assert await found.append_from_host(1, first, drafts) == (produced + new, head + new)

    @rule(observer=Observed.observers, moments=st.lists(st.integers(0, 40), min_size=1, max_size=12))
    def reconnect_at_the_end_while_appending(self, observer: Observer, moments: list[int]) -> None:
        """A commit, and some tenths of a millisecond after it has begun somebody takes up the log at its end: this is
        where a wake-up could get lost."""
        for moment in moments:
            observer.catch_up(self.portal.call(self.head, observer.session))
            observer.disconnect()
            appending = self.portal.start_task_soon(self._append, observer.session, 1, 0, 9)
            time.sleep(moment / 10_000)
            observer.connect(len(observer.seen))
            appending.result()
            observer.catch_up(self.portal.call(self.head, observer.session))

    @rule()
    def restart(self) -> None:
        """Streams break off, the store is closed and opened, and everybody comes back where they were."""
        cursors = {observer: len(observer.seen) for observer in self.present if observer.is_connected}
        for observer in cursors:
            observer.disconnect()
        self.portal.call(self.close)
        self.portal.call(self.open)
        for observer, cursor in cursors.items():
            observer.connect(cursor)

    async def _session(self, session: str) -> Session:
        if session not in self.known:
            self.known[session] = await Session.load(self.ground, Deaf(), SessionId(session))
        return self.known[session]


def said(number: int, size: int) -> Draft:
    text = f"{number:08}".ljust(size, ".")
    return draft(e.TextDelta(message=MessageId("m"), part=PartId("p"), delta=text))


def observe(folder: Path, number: int, *, examples: int, steps: int) -> None:
    with start_blocking_portal("asyncio", {"use_uvloop": True}) as LogUnderFire.portal:
        LogUnderFire.folder = folder
        run(LogUnderFire, number, examples=examples, steps=steps)


def test_every_observer_of_the_log_sees_one_to_n_over_thousands_of_steps(seed: int, tmp_path: Path) -> None:
    observe(tmp_path, seed, examples=25, steps=60)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_every_observer_of_the_log_sees_one_to_n_over_tens_of_thousands_of_steps(seed: int, tmp_path: Path) -> None:
    observe(tmp_path, seed, examples=600, steps=100)
