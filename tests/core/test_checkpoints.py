"""The fold of a long open run is saved now and then: often enough to start soon, seldom enough to cost little."""

from collections.abc import Sequence

from roost.core.bell import LocalBell
from roost.core.clock import SystemClock
from roost.core.decisions import HUB, Decision
from roost.core.log import Log
from roost.core.session import CHECKPOINT_EVERY, Ground, Session
from roost.model import events as e
from roost.model.envelope import Event, draft
from roost.model.ids import MessageId, PartId, Seq, SessionId, new_run_id
from roost.storage.memory.store import MemoryStore

SESSION = SessionId("codesess_000000000001")
BATCH = 256


class Deaf:
    """A `Watcher` that nobody asks."""

    def committed(self, session: Session, facts: Sequence[Event]) -> None:
        pass

    def owed(self, session: Session, decision: Decision) -> None:
        pass


class Noting(MemoryStore):
    """Notes at which seq a checkpoint was saved."""

    def __init__(self) -> None:
        super().__init__()
        self.saved: list[Seq] = []

    async def save_checkpoint(self, session: SessionId, seq: Seq, data: bytes) -> None:
        self.saved.append(seq)
        await super().save_checkpoint(session, seq, data)


async def test_checkpoints_of_an_endless_run_are_ever_farther_apart_but_never_far_from_its_end() -> None:
    store, bell, run = Noting(), LocalBell(), new_run_id()
    ground = Ground(store, Log(store, bell), bell, SystemClock())
    session = Session.fresh(ground, Deaf(), SESSION)
    created = e.SessionCreated(
        session=SESSION, label="l", agent="scripted", workspace=e.WorkspaceSpec(kind="folder"), owner=HUB
    )
    begun = e.RunStart(message=MessageId("m1"), input=(e.TextInput(text="talk"),))
    bodies = (created, e.RuntimeStarting(epoch=1), e.RuntimeReady(epoch=1))
    await session.found([*(draft(body, by=HUB) for body in bodies), draft(begun, run=run, by=HUB)], {}, None)
    said = draft(e.TextDelta(message=MessageId("a1"), part=PartId("p1"), delta="x"), run=run)
    for first in range(1, 16 * CHECKPOINT_EVERY, BATCH):
        await session.append_from_host(1, first, [said] * BATCH)

    gaps = [after - before for before, after in zip([4, *store.saved], store.saved, strict=False)]
    assert all(gap >= CHECKPOINT_EVERY for gap in gaps)
    assert len(gaps) <= 10  # not 16: what they hold grows with the run
    assert session.seq - store.saved[-1] <= max(CHECKPOINT_EVERY, session.seq // 4) + BATCH
    assert await (await Session.load(ground, Deaf(), SESSION)).snapshot() == await session.snapshot()
    await store.close()
