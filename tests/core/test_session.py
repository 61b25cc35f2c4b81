"""One session over a real store: commands become events once, hosts are fenced, a failed commit changes nothing."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

import anyio
import pytest
from msgspec import UNSET

from roost.core.bell import LocalBell
from roost.core.claims import claim_for
from roost.core.clock import SystemClock
from roost.core.decisions import HUB, Decision, lost
from roost.core.log import Log
from roost.core.session import Ground, Session
from roost.model import commands as c
from roost.model import events as e
from roost.model.envelope import Draft, Event, draft
from roost.model.errors import (
    IdempotencyMismatch,
    InvalidBody,
    PermissionNotFound,
    ProducerGap,
    QueueFull,
    SessionArchived,
    SessionBusy,
    StaleEpoch,
    StorageFull,
)  # fmt: skip
from roost.model.ids import MessageId, PartId, RequestId, RunId, SessionId, new_run_id
from roost.model.lifecycle import Phase, RunStatus
from roost.model.snapshot import Snapshot
from roost.ports import Store
from roost.storage.memory.store import MemoryStore

pytestmark = pytest.mark.anyio
ME = e.Principal(user="me", kind="api-key", key="k1")
SESSION = SessionId("codesess_000000000001")


class Noted:
    """A `Watcher` that notes what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.then: list[str | None] = []

    def committed(self, session: Session, facts: Sequence[Event]) -> None:
        self.events += facts

    def owed(self, session: Session, decision: Decision) -> None:
        self.then.append(decision.then)


class Bench:
    """A store, a session in it, and what its watcher noted."""

    def __init__(self, store: Store) -> None:
        bell = LocalBell()
        self.store = store
        self.ground = Ground(store, Log(store, bell), bell, SystemClock())
        self.noted = Noted()
        self.session: Session

    async def begin(self, *, task: str | None = None) -> Session:
        created = e.SessionCreated(
            session=SESSION, label="l", agent="scripted", workspace=e.WorkspaceSpec(kind="folder"), owner=ME
        )
        drafts = [draft(created, by=ME), draft(e.RuntimeStarting(epoch=1), by=HUB)]
        if task:
            begun = e.RunStart(message=MessageId("m1"), input=(e.TextInput(text=task),))
            drafts.append(draft(begun, run=new_run_id(), by=ME))
        self.session = Session.fresh(self.ground, self.noted, SESSION)
        await self.session.found(drafts, {"TOKEN": "secret"}, None)
        return self.session

    async def live(self, *, task: str | None = None) -> Session:
        session = await self.begin(task=task)
        await session.decide(lambda _: Decision([draft(e.RuntimeReady(epoch=1), by=HUB)]))
        session.linked = True
        return session

    async def reloaded(self) -> Session:
        return await Session.load(self.ground, self.noted, SESSION)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    store = MemoryStore()
    yield Bench(store)
    await store.close()


def run_of(session: Session) -> RunId:
    run = session.record_now.run
    assert run is not UNSET
    return run.run


def types(noted: Noted) -> list[str]:
    return [event.type for event in noted.events]


def said(text: str, run: RunId) -> Draft:
    return draft(e.TextDelta(message=MessageId("a1"), part=PartId("p1"), delta=text), run=run)


async def same(bench: Bench) -> Snapshot:
    """The snapshot, which a session loaded afresh from the store must give too."""
    snapshot = await bench.session.snapshot()
    assert await (await bench.reloaded()).snapshot() == snapshot
    return snapshot


async def test_a_prompt_opens_a_run_and_a_second_one_is_refused_until_it_ends(bench: Bench) -> None:
    session = await bench.live()
    accepted = await session.handle(c.Send(text="go"), ME)
    assert accepted.run == run_of(session)
    with pytest.raises(SessionBusy) as refused:
        await session.handle(c.Send(text="again"), ME)
    assert refused.value.details == {"run": accepted.run}
    await session.append_from_host(1, 1, [draft(e.RunComplete(), run=run_of(session))])
    assert (await session.handle(c.Send(text="again"), ME)).run != accepted.run


async def test_two_prompts_at_once_make_one_run(bench: Bench) -> None:
    session = await bench.live()
    outcomes: list[str] = []

    async def send(text: str) -> None:
        try:
            await session.handle(c.Send(text=text), ME)
            outcomes.append("run")
        except SessionBusy:
            outcomes.append("busy")

    async with anyio.create_task_group() as tasks:
        for text in ("one", "two", "three"):
            tasks.start_soon(send, text)
    assert sorted(outcomes) == ["busy", "busy", "run"]


async def test_what_a_host_sends_again_is_dropped_and_what_it_skips_is_refused(bench: Bench) -> None:
    session = await bench.live(task="go")
    run = run_of(session)
    first = [said("a", run), said("b", run)]
    assert (await session.append_from_host(1, 1, first))[0] == 2
    assert (await session.append_from_host(1, 1, [*first, said("c", run)]))[0] == 3
    with pytest.raises(ProducerGap) as gap:
        await session.append_from_host(1, 5, [said("e", run)])
    assert gap.value.details == {"expected": 4}
    told = (await bench.store.read(SESSION)).events
    assert [event.body.delta for event in told if isinstance(event.body, e.TextDelta)] == ["a", "b", "c"]
    assert "text-delta" not in types(bench.noted)  # whoever watches is told of facts
    await same(bench)


async def test_a_host_of_an_older_epoch_is_fenced(bench: Bench) -> None:
    session = await bench.live(task="go")
    run = run_of(session)
    await session.decide(lambda record: lost(record, "host_dead", "gone"))
    with pytest.raises(StaleEpoch):
        await session.append_from_host(1, 1, [said("late", run)])
    record = (await same(bench)).record
    assert record.phase is Phase.PAUSED
    assert record.last_run is not UNSET and record.last_run.status is RunStatus.FAILED
    assert record.last_run.error is not UNSET and record.last_run.error.code == "interrupted"


async def test_what_a_host_may_not_say_is_kept_as_native_with_the_reason(bench: Bench) -> None:
    session = await bench.live(task="go")
    run = run_of(session)
    big = e.TextDelta(message=MessageId("a"), part=PartId("p"), delta="x" * (256 * 1024))
    reply = e.PermissionReplied(request=RequestId("r"), reply="once")
    other = said("other run", RunId("run_other"))
    acked, _ = await session.append_from_host(1, 1, [draft(big, run=run), draft(reply, run=run), other])
    assert acked == 3
    kept = [event.body for event in bench.noted.events if isinstance(event.body, e.Native)]
    reasons = [body.reason for body in kept]
    assert len(kept) == 3
    assert str(reasons[0]).startswith("body_too_large")
    assert str(reasons[1]).startswith("forbidden")
    assert "run_other" in str(reasons[2])
    await same(bench)


@pytest.mark.parametrize("size", [256 * 1024, 256 * 1024 + 1])
async def test_the_limit_of_a_body_is_exact(bench: Bench, size: int) -> None:
    session = await bench.live(task="go")
    empty = draft(e.TextDelta(message=MessageId("a"), part=PartId("p"), delta=""))
    body = e.TextDelta(message=MessageId("a"), part=PartId("p"), delta="x" * (size - len(empty.raw)))
    await session.append_from_host(1, 1, [draft(body, run=run_of(session))])
    (told,) = (await bench.store.read(SESSION, after=session.seq - 1)).events
    assert (told.type == "text-delta") == (size == 256 * 1024)


async def test_an_answer_wins_once(bench: Bench) -> None:
    session = await bench.live(task="go")
    request = RequestId("req_1")
    asked = e.PermissionAsked(request=request, permission="bash", patterns=("rm *",))
    await session.append_from_host(1, 1, [draft(asked, run=run_of(session))])
    outcomes: list[str] = []

    async def answer() -> None:
        try:
            await session.handle(c.ReplyPermission(request=request, reply="once"), ME)
            outcomes.append("won")
        except PermissionNotFound:
            outcomes.append("late")

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(answer)
    assert sorted(outcomes) == ["late", "late", "won"]
    assert types(bench.noted).count("permission-replied") == 1
    assert session.pending() == ()


async def test_a_rejection_rejects_the_others_too_and_an_end_of_run_settles_the_rest(bench: Bench) -> None:
    session = await bench.live(task="go")
    run = run_of(session)
    asks = [draft(e.PermissionAsked(request=RequestId(f"r{n}"), permission="bash"), run=run) for n in range(2)]
    question = draft(e.QuestionAsked(request=RequestId("q"), questions=(e.Question(question="?"),)), run=run)
    await session.append_from_host(1, 1, [*asks, question])
    await session.handle(c.ReplyPermission(request=RequestId("r0"), reply="reject"), ME)
    assert [p.request for p in session.pending()] == ["q"]
    with pytest.raises(InvalidBody):
        await session.handle(c.ReplyQuestion(request=RequestId("q"), answers=()), ME)
    await session.append_from_host(1, 4, [draft(e.RunComplete(), run=run)])
    assert session.pending() == ()
    replies: list[Any] = [b.reply for ev in bench.noted.events if isinstance(b := ev.body, e.QuestionReplied)]
    assert replies == ["interrupted"]


async def test_the_same_key_gives_the_same_answer_and_another_body_is_refused(bench: Bench) -> None:
    session = await bench.live()
    first = await session.handle(c.Send(text="go"), ME, "key")
    assert await session.handle(c.Send(text="go"), ME, "key") == first
    with pytest.raises(IdempotencyMismatch):
        await session.handle(c.Send(text="stop"), ME, "key")
    other = e.Principal(user="you", kind="api-key", key="k2")
    with pytest.raises(SessionBusy):
        await session.handle(c.Send(text="go"), other, "key")
    assert types(bench.noted).count("run-start") == 1
    reloaded = await bench.reloaded()
    assert await reloaded.handle(c.Send(text="go"), ME, "key") == first


def test_a_claim_tells_sessions_and_commands_apart() -> None:
    one = claim_for(ME, "k", c.Pause(), SESSION)
    two = claim_for(ME, "k", c.Pause(), SessionId("codesess_2"))
    three = claim_for(ME, "k", c.Resume(), SESSION)
    assert one and two and three
    assert len({one.body_hash, two.body_hash, three.body_hash}) == 3


async def test_the_queue_goes_on_after_a_run_and_holds_after_an_abort(bench: Bench) -> None:
    session = await bench.live(task="one")
    await session.handle(c.Send(text="two", delivery="queue"), ME)
    await session.handle(c.Send(text="three", delivery="queue"), ME)
    await session.append_from_host(1, 1, [draft(e.RunComplete(), run=run_of(session))])
    assert len(session.record_now.queue) == 1
    await session.handle(c.Abort(), ME)
    await session.append_from_host(1, 2, [draft(e.RunAborted(), run=run_of(session))])
    assert session.record_now.run is UNSET
    assert len(session.record_now.queue) == 1
    await same(bench)


async def test_the_queue_has_a_limit(bench: Bench) -> None:
    session = await bench.live(task="one")
    for number in range(100):
        await session.handle(c.Send(text=str(number), delivery="queue"), ME)
    with pytest.raises(QueueFull):
        await session.handle(c.Send(text="one more", delivery="queue"), ME)
    assert len(session.record_now.queue) == 100


@pytest.mark.parametrize("delivery", ["queue", "steer"])
async def test_what_waits_is_at_most_four_megabytes(bench: Bench, delivery: Literal["queue", "steer"]) -> None:
    session = await bench.live(task="one")
    text = "x" * (128 * 1024 - len('[{"type":"text","text":""}]'))
    for _ in range(32):
        await session.handle(c.Send(text=text, delivery=delivery), ME)
    with pytest.raises(QueueFull) as full:
        await session.handle(c.Send(text="y", delivery=delivery), ME)
    assert full.value.details["limit_bytes"] == 4 * 1024 * 1024


async def test_a_steer_joins_the_run_and_what_the_host_did_not_read_is_offered_again(bench: Bench) -> None:
    session = await bench.live(task="one")
    read = await session.handle(c.Send(text="read", delivery="steer"), ME)
    await session.handle(c.Send(text="unread", delivery="steer"), ME)
    first = run_of(session)
    await session.append_from_host(1, 1, [draft(e.RunComplete(read=read.seq), run=first)])
    assert run_of(session) != first
    started = [b for ev in bench.noted.events if isinstance(b := ev.body, e.RunStart)]
    assert started[-1].input == (e.TextInput(text="unread"),)
    assert session.record_now.metrics.messages == len((await same(bench)).messages) == 3


async def test_archive_is_final_and_repeats_without_effect(bench: Bench) -> None:
    session = await bench.live(task="go")
    await session.handle(c.Archive(), ME)
    at = session.seq
    await session.handle(c.Archive(), ME)
    assert session.seq == at
    assert bench.noted.then == ["stop"]
    with pytest.raises(SessionArchived):
        await session.handle(c.Send(text="more"), ME)
    record = (await same(bench)).record
    assert record.phase is Phase.ARCHIVED
    assert record.run is UNSET


async def test_a_pause_aborts_waits_for_the_host_and_a_prompt_wakes(bench: Bench) -> None:
    session = await bench.live(task="go")
    await session.handle(c.Pause(), ME)
    await session.append_from_host(1, 1, [draft(e.RunAborted(), run=run_of(session))])
    assert session.record_now.phase is Phase.ACTIVE
    session.linked = False
    await session.settle()
    assert session.record_now.phase is Phase.PAUSED
    await session.handle(c.Send(text="more"), ME)
    assert types(bench.noted)[-3:] == ["session-resuming", "runtime-starting", "run-start"]
    assert bench.noted.then[-1] == "start"
    assert session.epoch == 3
    await same(bench)


async def test_a_commit_that_fails_changes_nothing_and_may_be_tried_again(bench: Bench) -> None:
    session = await bench.live(task="go")
    run = run_of(session)
    before = await session.snapshot()
    append = bench.store.append

    async def full(_: object) -> None:
        raise StorageFull

    bench.store.append = full  # type: ignore[method-assign,assignment]
    with pytest.raises(StorageFull):
        await session.append_from_host(1, 1, [said("lost?", run)])
    bench.store.append = append  # type: ignore[method-assign]
    assert await session.snapshot() == before
    acked, _ = await session.append_from_host(1, 1, [said("lost?", run)])
    assert acked == 1
    await same(bench)


async def test_nobody_reads_what_is_not_committed_yet(bench: Bench) -> None:
    session = await bench.live(task="go")
    run, before = run_of(session), session.info()
    meanwhile = None
    append, reached, go_on = bench.store.append, anyio.Event(), anyio.Event()

    async def slow(given: Any) -> Any:
        reached.set()
        await go_on.wait()
        return await append(given)

    bench.store.append = slow  # type: ignore[method-assign]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.append_from_host, 1, 1, [draft(e.RunComplete(), run=run)])
        await reached.wait()
        meanwhile = session.info()
        go_on.set()
    assert meanwhile == before
    assert (session.seq, session.record_now.run) == (before.seq + 1, UNSET)
    await same(bench)


async def test_env_is_kept_for_the_host_and_never_in_the_log(bench: Bench) -> None:
    await bench.begin(task="go")
    assert (await bench.reloaded()).env == {"TOKEN": "secret"}
    page = await bench.store.read(SESSION)
    assert all(b"secret" not in bytes(event.raw) for event in page.events)
