"""What is due when: a fold of the record and the clock, nothing else."""

from collections.abc import AsyncIterator

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint
from msgspec import UNSET

from roost.core import timers as looking
from roost.core.bell import LocalBell
from roost.core.decision import HUB, Decision
from roost.core.due import Times, next_due, overdue
from roost.core.log import Log
from roost.core.session import Ground, Session
from roost.core.timers import Timers
from roost.model import commands as c
from roost.model import events as e
from roost.model.envelope import draft
from roost.model.events import Rule
from roost.model.ids import MessageId, RequestId, new_run_id
from roost.model.lifecycle import Phase
from roost.storage.memory.store import MemoryStore
from tests.core.test_session import ME, SESSION, Noted

TIMES = Times(idle=1800, parked=86_400)


class SetClock:
    """A clock that stands where it was set."""

    def __init__(self) -> None:
        self.now = 1_000_000

    def now_ms(self) -> int:
        return self.now

    def monotonic(self) -> float:
        return self.now / 1000

    async def sleep(self, seconds: float) -> None:
        self.now += int(seconds * 1000)


class Timed:
    """A live session whose time is set by the test."""

    def __init__(self) -> None:
        self.store, self.clock, bell = MemoryStore(), SetClock(), LocalBell()
        self.session = Session.fresh(Ground(self.store, Log(self.store, bell), bell, self.clock), Noted(), SESSION)

    async def live(
        self, *, timeouts: e.Timeouts | None = None, policy: e.Policy | None = None, run: bool = True
    ) -> None:
        created = e.SessionCreated(
            session=SESSION,
            label="l",
            agent="scripted",
            workspace=e.WorkspaceSpec(kind="folder"),
            owner=ME,
            timeouts=timeouts or UNSET,
            policy=policy or UNSET,
        )
        drafts = [draft(created, by=ME), draft(e.RuntimeStarting(epoch=1), by=HUB)]
        if run:
            begun = e.RunStart(message=MessageId("m1"), input=(e.TextInput(text="go"),))
            drafts.append(draft(begun, run=new_run_id(), by=ME))
        await self.session.found(drafts, {}, None)
        await self.session.decide(lambda _: Decision([draft(e.RuntimeReady(epoch=1), by=HUB)]))
        self.session.linked = True

    async def ask(self, *patterns: str, first: int = 1) -> None:
        run = self.session.record_now.run
        assert run is not UNSET
        asked = e.PermissionAsked(request=RequestId(f"r{first}"), permission="bash", patterns=patterns)
        await self.session.append_from_host(1, first, [draft(asked, run=run.run)])

    async def pass_time(self, seconds: float) -> list[str]:
        """Types of the events that come due within this time."""
        at = self.session.seq
        self.clock.now += int(seconds * 1000)
        await self.session.decide(lambda record: overdue(record, self.clock.now, TIMES))
        await self.session.settle()
        page = await self.store.read(SESSION, after=at)
        return [event.type for event in page.events]


@pytest.fixture
async def timed() -> AsyncIterator[Timed]:
    made = Timed()
    yield made
    await made.store.close()


async def test_an_idle_session_is_told_to_pause_and_not_a_moment_before(timed: Timed) -> None:
    await timed.live(timeouts=e.Timeouts(idle=10), run=False)
    assert next_due(timed.session.record_now, TIMES) == timed.clock.now + 10_000
    assert await timed.pass_time(9.999) == []
    assert await timed.pass_time(0.001) == ["pause-requested"]
    assert next_due(timed.session.record_now, TIMES) is None


async def test_the_hub_decides_where_the_session_says_nothing_and_0_is_never(timed: Timed) -> None:
    await timed.live(run=False)
    assert next_due(timed.session.record_now, TIMES) == timed.clock.now + 1_800_000
    assert next_due(timed.session.record_now, Times(idle=0, parked=0)) is None
    await timed.session.handle(c.Configure(timeouts=c.TimeoutsRequest(idle=0)), ME)
    assert next_due(timed.session.record_now, TIMES) is None


async def test_a_session_with_a_run_is_not_idle(timed: Timed) -> None:
    await timed.live(timeouts=e.Timeouts(idle=1))
    assert await timed.pass_time(100) == []


async def test_a_request_past_its_deadline_is_rejected_or_allowed_as_the_policy_says(timed: Timed) -> None:
    await timed.live(policy=e.Policy(deadline=5))
    await timed.ask("rm x")
    assert await timed.pass_time(4.9) == []
    assert await timed.pass_time(0.2) == ["permission-replied"]
    page = await timed.store.read(SESSION)
    reply = page.events[-1].body
    assert isinstance(reply, e.PermissionReplied)
    assert (reply.reply, reply.why) == ("reject", "deadline")
    await timed.session.handle(c.Configure(policy=c.PolicyRequest(deadline=5, action="allow")), ME)
    await timed.ask("rm x", first=2)
    await timed.pass_time(5)
    reply = (await timed.store.read(SESSION)).events[-1].body
    assert isinstance(reply, e.PermissionReplied)
    assert (reply.reply, reply.why) == ("once", "deadline")


async def test_a_request_nobody_answers_parks_the_session_and_its_input_is_offered_again(timed: Timed) -> None:
    await timed.live(timeouts=e.Timeouts(parked=60))
    await timed.ask("rm x")
    assert await timed.pass_time(60) == ["permission-replied", "run-aborted", "queued", "session-paused"]
    record = timed.session.record_now
    assert record.phase is Phase.PAUSED
    assert [(q.message, q.said) for q in record.queue] == [("m1", True)]
    assert record.queue[0].by == ME


async def test_a_run_past_its_time_is_aborted_once(timed: Timed) -> None:
    await timed.live(timeouts=e.Timeouts(execution=30))
    assert await timed.pass_time(30) == ["abort-requested"]
    assert await timed.pass_time(30) == []


async def test_rules_answer_before_a_person_is_asked(timed: Timed) -> None:
    rules = (
        Rule(permission="bash", pattern="git *", action="allow"),
        Rule(permission="bash", pattern="rm *", action="deny"),
    )
    await timed.live(policy=e.Policy(rules=rules))
    await timed.ask("git push")
    await timed.ask("rm x", first=2)
    await timed.ask("make", first=3)
    replies = [b for ev in (await timed.store.read(SESSION)).events if isinstance(b := ev.body, e.PermissionReplied)]
    assert [(r.request, r.reply, r.why) for r in replies] == [("r1", "once", "rule"), ("r2", "reject", "rule")]
    assert replies[1].message is not UNSET  # feedback, so the run goes on
    assert [p.request for p in timed.session.pending()] == ["r3"]


async def test_always_grants_for_the_session_settles_what_it_covers_and_can_be_taken_back(timed: Timed) -> None:
    await timed.live()
    await timed.ask("git *")
    await timed.ask("git *", first=2)
    await timed.session.handle(c.ReplyPermission(request=RequestId("r1"), reply="always"), ME)
    assert timed.session.pending() == ()
    granted = timed.session.record_now.granted
    assert granted == (Rule(permission="bash", pattern="git [*]", action="allow"),)  # what was asked, to the letter
    await timed.ask("git *", first=3)
    assert timed.session.pending() == ()
    await timed.session.handle(c.Configure(granted=()), ME)
    await timed.ask("git *", first=4)
    assert [p.request for p in timed.session.pending()] == ["r4"]


async def test_a_headless_session_rejects_or_allows_what_its_rules_leave_open(timed: Timed) -> None:
    await timed.live(policy=e.Policy(headless="reject"))
    await timed.ask("rm x")
    await timed.session.handle(c.Configure(policy=c.PolicyRequest(headless="allow")), ME)
    await timed.ask("rm y", first=2)
    replies = [b for ev in (await timed.store.read(SESSION)).events if isinstance(b := ev.body, e.PermissionReplied)]
    assert [(r.reply, r.why) for r in replies] == [("reject", "headless"), ("once", "headless")]


class CountedClock(SetClock):
    """Counts how often it is looked at."""

    looks = 0

    def now_ms(self) -> int:
        self.looks += 1
        return self.now


async def test_changes_of_what_is_due_later_have_nobody_look_at_everything(timed: Timed) -> None:
    await timed.live(timeouts=e.Timeouts(idle=1000), run=False)
    clock = CountedClock()
    timers = Timers(clock, TIMES)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(timers.run)
        await wait_all_tasks_blocked()
        before = clock.looks
        for _ in range(100):
            timers.touch(timed.session)
            await wait_all_tasks_blocked()
        assert clock.looks - before == 100  # one by each change itself
        await timed.session.handle(c.Configure(timeouts=c.TimeoutsRequest(idle=1)), ME)
        clock.now += 1000
        timers.touch(timed.session)
        with anyio.fail_after(5):
            while not timed.session.record_now.pause_requested:
                await checkpoint()
        tasks.cancel_scope.cancel()


async def test_a_clock_that_jumps_is_noticed_although_nothing_changes(
    timed: Timed, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert looking.LONGEST_SECONDS == 30, "as docs/explanation/fault-proof.md says"
    monkeypatch.setattr(looking, "LONGEST_SECONDS", 0.05)
    await timed.live(timeouts=e.Timeouts(idle=1000), run=False)
    timers = Timers(timed.clock, TIMES)
    timers.touch(timed.session)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(timers.run)
        await wait_all_tasks_blocked()
        timed.clock.now += 86_400_000
        with anyio.fail_after(5):
            while not timed.session.record_now.pause_requested:
                await checkpoint()
        tasks.cancel_scope.cancel()
