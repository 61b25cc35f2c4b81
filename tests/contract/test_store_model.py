"""Any interleaving of calls leaves a store as a simple model has it: lists in a dict, nothing else."""

import tempfile
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from roost.model.envelope import DELTAS, Draft
from roost.model.errors import CursorAhead, CursorTrimmed, ProducerGap, RoostError, StaleEpoch, StateConflict
from roost.model.ids import SessionId
from roost.model.lifecycle import Phase
from roost.ports import Store
from roost.storage import open_store
from tests.contract.given import NOON, append, fact, from_host, record, text

SESSIONS = st.sampled_from(["s", "t", "u"])
DRAFTS = st.lists(st.sampled_from([text("a"), text("ü" * 300), fact()]), max_size=20)


class Log:
    """One session as it should be."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.first = 1
        self.epoch = 1
        self.produced = 0
        self.state_seq = 1
        self.ended = False

    def page(self, after: int, limit: int, max_bytes: int) -> list[tuple[int, bytes]]:
        chosen: list[tuple[int, bytes]] = []
        for seq, body in list(enumerate(self.bodies, 1))[after : after + limit]:
            if chosen and sum(len(body) for _, body in chosen) + len(body) > max_bytes:
                break
            chosen.append((seq, body))
        return chosen


class StoreMachine(RuleBasedStateMachine):
    kind: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.data = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.portal = self.stack.enter_context(start_blocking_portal("asyncio", {"use_uvloop": True}))
        self.store: Store = self.portal.call(open_store, self.kind, self.data)
        self.logs: dict[str, Log] = {}
        self.feed: list[tuple[str, int]] = []
        self.last_pos = 0

    def teardown(self) -> None:
        self.portal.call(self.store.close)
        self.stack.close()

    def call(self, call: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """What it returned, or the error of ours that it raised."""
        try:
            return self.portal.call(call)
        except RoostError as error:
            return error

    def written(self, session: str, drafts: list[Draft], done: Any) -> None:
        log = self.logs[session]
        assert (done.first, done.head) == (len(log.bodies) + 1, len(log.bodies) + len(drafts))
        for draft in drafts:
            log.bodies.append(draft.raw)
            if type(draft.body) not in DELTAS:
                self.feed.append((session, len(log.bodies)))
        assert done.pos >= self.last_pos + len(drafts)
        self.last_pos = done.pos

    @rule(session=SESSIONS, drafts=DRAFTS)
    def create(self, session: str, drafts: list[Draft]) -> None:
        done = self.call(lambda: self.store.create(append(*drafts, session=session, record=record(session))))
        if session in self.logs:
            assert isinstance(done, StateConflict)
        else:
            self.logs[session] = Log()
            self.written(session, drafts, done)

    @precondition(lambda self: self.logs)
    @rule(data=st.data(), drafts=DRAFTS, back=st.integers(-2, 4), epoch=st.sampled_from([0, 0, 0, -1, 1]))
    def append_as_host(self, data: st.DataObject, drafts: list[Draft], back: int, epoch: int) -> None:
        session = data.draw(st.sampled_from(sorted(self.logs)))
        log = self.logs[session]
        first = log.produced + 1 - back
        done = self.call(lambda: self.store.append(from_host(first, *drafts, session=session, epoch=log.epoch + epoch)))
        if epoch:
            assert isinstance(done, StaleEpoch)
        elif not 1 <= first <= log.produced + 1:
            assert isinstance(done, ProducerGap)
        else:
            dropped = min(back, len(drafts))
            assert done.dropped == dropped
            self.written(session, drafts[dropped:], done)
            log.produced += len(drafts) - dropped

    @precondition(lambda self: self.logs)
    @rule(data=st.data(), drafts=DRAFTS, off=st.sampled_from([None, 0, 0, -1, 3]), rise=st.integers(0, 1))
    def append_as_hub(self, data: st.DataObject, drafts: list[Draft], off: int | None, rise: int) -> None:
        session = data.draw(st.sampled_from(sorted(self.logs)))
        log = self.logs[session]
        expect = None if off is None else log.state_seq + off
        ends = data.draw(st.integers(0, 9)) == 0
        after = record(
            session,
            epoch=log.epoch + rise,
            state_seq=log.state_seq + 1,
            phase=Phase.ENDED if ends else Phase.ACTIVE,
        )
        done = self.call(lambda: self.store.append(append(*drafts, session=session, expect=expect, record=after)))
        if off:
            assert isinstance(done, StateConflict)
            return
        self.written(session, drafts, done)
        log.epoch, log.state_seq, log.ended = after.epoch, after.state_seq, ends
        log.produced = 0 if rise else log.produced

    @precondition(lambda self: self.logs)
    @rule(data=st.data(), after=st.integers(0, 60), limit=st.integers(1, 30), max_bytes=st.integers(0, 4000))
    def read(self, data: st.DataObject, after: int, limit: int, max_bytes: int) -> None:
        session = SessionId(data.draw(st.sampled_from(sorted(self.logs))))
        log = self.logs[session]
        page = self.call(lambda: self.store.read(session, after=after, limit=limit, max_bytes=max_bytes))
        if after > len(log.bodies):
            assert isinstance(page, CursorAhead)
        elif after + 1 < log.first:
            assert isinstance(page, CursorTrimmed)
        else:
            found = [(event.seq, bytes(event.raw)) for event in page.events]
            assert found == log.page(after, limit, max_bytes)
            assert page.head == len(log.bodies)
            assert page.ended == (log.ended and after + len(found) == page.head)

    @precondition(lambda self: self.logs)
    @rule(data=st.data())
    def trim(self, data: st.DataObject) -> None:
        session = SessionId(data.draw(st.sampled_from(sorted(self.logs))))
        log = self.logs[session]
        before = data.draw(st.integers(1, len(log.bodies) + 2))
        outcome = self.call(lambda: self.store.trim(session, before=before))
        if before > len(log.bodies) + 1:
            assert isinstance(outcome, CursorAhead)
        else:
            log.first = max(log.first, before)
            self.feed = [(name, seq) for name, seq in self.feed if name != session or seq == 0 or seq >= log.first]

    @precondition(lambda self: self.logs)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        session = SessionId(data.draw(st.sampled_from(sorted(self.logs))))
        pos = self.call(lambda: self.store.delete(session, by=None, at=NOON))
        assert pos > self.last_pos
        self.last_pos = pos
        del self.logs[session]
        self.feed = [(name, seq) for name, seq in self.feed if name != session or seq == 0]
        self.feed.append((session, 0))

    @precondition(lambda self: self.kind != "memory")
    @rule()
    def reopen(self) -> None:
        self.portal.call(self.store.close)
        self.store = self.portal.call(open_store, self.kind, self.data)

    @invariant()
    def rows_are_as_they_should_be(self) -> None:
        for session, log in self.logs.items():
            stored = self.portal.call(self.store.get, SessionId(session))
            assert (stored.head, stored.first, stored.produced) == (len(log.bodies), log.first, log.produced)
            assert (stored.record.epoch, stored.record.state_seq) == (log.epoch, log.state_seq)

    @invariant()
    def feed_is_as_it_should_be(self) -> None:
        entries = self.call(lambda: self.store.feed(limit=10_000))
        assert [(e.session, e.event.seq if e.event else 0) for e in entries] == self.feed
        assert self.call(self.store.feed_head) == self.last_pos


class MemoryMachine(StoreMachine):
    kind = "memory"


class SqliteMachine(StoreMachine):
    kind = "sqlite"


@pytest.mark.parametrize("machine", [MemoryMachine, SqliteMachine])
def test_any_sequence_of_calls_ends_as_in_the_model(machine: type[StoreMachine]) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=40, stateful_step_count=30))
