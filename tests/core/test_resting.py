"""A session that sleeps keeps no conversation in memory; who asks for it reads it from the store."""

from collections.abc import Sequence

from roost.core.bell import LocalBell
from roost.core.clock import SystemClock
from roost.core.decisions import HUB, Decision
from roost.core.log import Log
from roost.core.session import Ground, Session
from roost.model import commands as c
from roost.model import events as e
from roost.model.envelope import draft
from roost.model.ids import MessageId, PartId, Seq, SessionId, new_run_id
from roost.model.lifecycle import Phase
from roost.model.stored import StoredMessage
from roost.storage.memory.store import MemoryStore
from tests.core.test_session import ME, SESSION, Noted


class Read(MemoryStore):
    """Counts how often the messages of a session are read."""

    reads = 0

    async def messages(
        self, session: SessionId, *, before: Seq | None = None, limit: int = 50
    ) -> Sequence[StoredMessage]:
        self.reads += 1
        return await super().messages(session, before=before, limit=limit)


async def talked(store: Read) -> Session:
    """A live session in which something has been said."""
    bell, run, message = LocalBell(), new_run_id(), MessageId("a1")
    session = Session.fresh(Ground(store, Log(store, bell), bell, SystemClock()), Noted(), SESSION)
    created = e.SessionCreated(
        session=SESSION, label="l", agent="scripted", workspace=e.WorkspaceSpec(kind="folder"), owner=ME
    )
    begun = e.RunStart(message=MessageId("m1"), input=(e.TextInput(text="talk"),))
    bodies = (created, e.RuntimeStarting(epoch=1), e.RuntimeReady(epoch=1))
    await session.found([*(draft(body, by=HUB) for body in bodies), draft(begun, run=run, by=ME)], {}, None)
    said = (e.TextDelta(message=message, part=PartId("p1"), delta="x"), e.MessageDone(message=message), e.RunComplete())
    await session.append_from_host(1, 1, [draft(body, run=run) for body in said])
    return session


async def test_a_conversation_is_read_only_when_it_is_asked_for_and_kept_only_while_the_session_is_live() -> None:
    store = Read()
    session = await talked(store)
    awake = await session.snapshot()
    assert (len(awake.messages), store.reads) == (2, 0)
    await session.decide(lambda _: Decision([draft(e.SessionPaused(reason="idle"), by=HUB)]))

    loaded = await Session.load(Ground(store, Log(store, bell := LocalBell()), bell, SystemClock()), Noted(), SESSION)
    assert (loaded.record_now, loaded.seq, store.reads) == (session.record_now, session.seq, 0)
    for number, each in enumerate((session, loaded, session), 1):
        asleep = await each.snapshot()
        assert (asleep.messages, asleep.record, store.reads) == (awake.messages, session.record_now, number)

    await session.handle(c.Send(text="and then?"), ME)
    woken = [await session.snapshot() for _ in range(3)]
    assert (woken[0].record.phase, store.reads) == (Phase.RESUMING, 4)
    assert [[message.info.id for message in each.messages][:2] for each in woken] == [["m1", "a1"]] * 3
    await store.close()
