"""What becomes of a loop over runs: tables of what is asked for, and of what the end of an iteration means."""

from typing import Any, Literal

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from roost.core.decision import Decision
from roost.core.decisions import decide, settle
from roost.core.due import Times, overdue
from roost.model import commands as c
from roost.model import events as e
from roost.model.errors import InvalidBody, LoopEnded, LoopNotFound, LoopRunning, RoostError
from roost.model.ids import RunId
from roost.model.lifecycle import Phase
from roost.model.loops import LoopState
from roost.model.record import Record
from tests.model.stories import ANN, Story, created, message, request, run, said

Status = str
FIRST = run(1)


class Looping:
    """A live session, and the hub that looks after its loop."""

    def __init__(self, loop: e.Loop | None, *, task: bool = True, attended: bool = True) -> None:
        self.attended = attended
        made = replace(created(), loop=loop or UNSET, task="the task" if task else UNSET)
        story = self.story = Story().tell(made)
        story.tell(e.RuntimeStarting(epoch=1))
        if task:
            story.tell(e.RunStart(message=message(), input=said("the task")), run=FIRST, by=ANN)
        story.tell(e.RuntimeReady(epoch=1))
        self.settle()

    @property
    def record(self) -> Record:
        return self.story.fold.record

    @property
    def loop(self) -> LoopState:
        assert self.record.loop is not UNSET
        return self.record.loop

    @property
    def words(self) -> str:
        """What the open run was told."""
        assert self.record.run is not UNSET
        (part,) = self.record.run.input
        assert isinstance(part, e.TextInput)
        return part.text

    def commit(self, decision: Decision) -> None:
        for draft in decision.drafts:
            self.story.tell(draft.body, run=draft.run, by=draft.by)

    def settle(self) -> None:
        while (decision := settle(self.record, linked=True, attended=self.attended)).drafts:
            self.commit(decision)

    def ask(self, command: c.AnyCommand) -> None:
        self.commit(decide(self.record, command, ANN))
        self.settle()

    def say(self, status: Literal["continue", "complete"], **about: str) -> None:
        self.story.tell(e.GoalUpdated(status=status, **about), run=self._open)

    def end(self, body: e.Body | None = None) -> None:
        self.story.tell(body or e.RunComplete(), run=self._open)
        self.settle()

    @property
    def _open(self) -> RunId:
        assert self.record.run is not UNSET
        return self.record.run.run


def failed(code: str) -> e.RunError:
    return e.RunError(error=e.Failure(code=code, message=f"it was {code}"))


def test_the_task_is_the_first_iteration() -> None:
    looping = Looping(e.Loop(goal="all green"))
    assert (looping.loop.status, looping.loop.iteration, looping.loop.run) == ("running", 1, FIRST)
    assert looping.loop.id is not UNSET
    assert looping.loop.started_at == looping.loop.checkpoint_at


def test_without_a_task_the_goal_is_what_the_agent_is_told_first() -> None:
    looping = Looping(e.Loop(goal="all green"), task=False)
    assert (looping.loop.status, looping.loop.iteration, looping.words) == ("running", 1, "all green")


# What the loop is; what the agent says of its goal; how its run ends; how the loop stands then, and in which iteration.
ENDS: list[tuple[e.Loop, str | None, e.Body, Status, int]] = [
    (e.Loop(), "continue", e.RunComplete(), "running", 2),
    (e.Loop(), "complete", e.RunComplete(), "completed", 1),
    (e.Loop(), None, e.RunComplete(), "awaiting_input", 1),
    (e.Loop(max_iterations=2), None, e.RunComplete(), "running", 2),
    (e.Loop(max_iterations=1), "continue", e.RunComplete(), "blocked", 1),
    (e.Loop(max_iterations=1), "complete", e.RunComplete(), "completed", 1),
    (e.Loop(auto_continue=False), "continue", e.RunComplete(), "awaiting_input", 1),
    (e.Loop(), "continue", e.RunAborted(), "paused", 1),
    (e.Loop(), "continue", failed("interrupted"), "paused", 1),
    (e.Loop(), "continue", failed("spool_full"), "paused", 1),
    (e.Loop(), "continue", failed("driver_failed"), "blocked", 1),
    (e.Loop(), "complete", failed("driver_failed"), "completed", 1),
]


@pytest.mark.parametrize(("loop", "verdict", "end", "status", "iteration"), ENDS)
def test_the_end_of_an_iteration_decides_how_the_loop_goes_on(
    loop: e.Loop, verdict: Literal["continue", "complete"] | None, end: e.Body, status: Status, iteration: int
) -> None:
    looping = Looping(loop)
    if verdict:
        looping.say(verdict)
    looping.end(end)
    assert (looping.loop.status, looping.loop.iteration) == (status, iteration)
    assert (looping.record.run is not UNSET) == (status == "running")
    assert (looping.loop.completed_at is not UNSET) == (status in ("completed", "blocked"))


def test_while_nobody_is_attached_a_loop_goes_on_only_if_it_may() -> None:
    alone = Looping(e.Loop(allow_detached=False), attended=False)
    assert alone.loop.status == "running"  # somebody has given the task
    alone.say("continue")
    alone.end()
    assert (alone.loop.status, alone.loop.summary) == ("awaiting_input", "nobody is attached")
    alone.ask(c.ChangeLoop(action="resume"))
    assert alone.loop.status == "awaiting_input"
    alone.attended = True
    alone.ask(c.ChangeLoop(action="resume"))
    assert (alone.loop.status, alone.loop.iteration) == ("running", 2)


def test_the_next_iteration_is_told_what_the_agent_wants_to_do_next_else_the_goal_else_the_task() -> None:
    looping = Looping(e.Loop(goal="all green"))
    looping.say("continue", summary="one left", next_action="mend the last")
    looping.end()
    assert looping.words == "mend the last"
    assert (looping.loop.summary, looping.loop.next_action) == ("one left", "mend the last")
    looping.say("continue")
    looping.end()
    assert looping.words == "all green"
    assert (looping.loop.summary, looping.loop.next_action) == (UNSET, UNSET)
    without_goal = Looping(e.Loop())
    without_goal.say("continue")
    without_goal.end()
    assert without_goal.words == "the task"


def test_input_that_waits_comes_before_the_next_iteration() -> None:
    looping = Looping(e.Loop())
    looping.ask(c.Send(text="me first", delivery="queue"))
    looping.say("continue")
    looping.end()
    assert looping.words == "me first"
    assert (looping.loop.status, looping.loop.iteration) == ("running", 1)
    looping.end()
    assert (looping.words, looping.loop.iteration) == ("the task", 2)


def test_input_to_a_loop_that_waits_for_a_person_is_its_next_iteration() -> None:
    looping = Looping(e.Loop(auto_continue=False))
    looping.say("continue")
    looping.end()
    looping.ask(c.Send(text="go this way"))
    assert (looping.loop.status, looping.loop.iteration, looping.words) == ("running", 2, "go this way")
    looping.say("complete")
    looping.end()
    assert looping.loop.status == "completed"


def test_input_to_a_paused_loop_is_a_run_beside_it() -> None:
    looping = Looping(e.Loop())
    looping.end(e.RunAborted())
    looping.ask(c.Send(text="by the way"))
    looping.end()
    assert (looping.loop.status, looping.loop.iteration) == ("paused", 1)
    looping.ask(c.ChangeLoop(action="resume"))
    assert (looping.loop.status, looping.loop.iteration) == ("running", 2)


def test_a_loop_that_is_paused_lets_its_iteration_come_to_its_end() -> None:
    looping = Looping(e.Loop())
    looping.ask(c.ChangeLoop(action="pause"))
    assert looping.record.run is not UNSET
    looping.ask(c.ChangeLoop(action="resume"))
    assert (looping.loop.status, looping.loop.iteration) == ("running", 1)
    looping.ask(c.ChangeLoop(action="pause"))
    looping.say("continue")
    looping.end()
    assert (looping.loop.status, looping.record.run) == ("paused", UNSET)
    looping.ask(c.ChangeLoop(action="resume"))
    assert looping.loop.iteration == 2
    looping.ask(c.ChangeLoop(action="pause"))
    looping.say("complete")
    looping.end()
    assert looping.loop.status == "completed"


def test_a_loop_that_is_cancelled_stops_the_run_of_its_iteration_and_no_other() -> None:
    looping = Looping(e.Loop())
    looping.ask(c.ChangeLoop(action="cancel"))
    assert looping.record.run is not UNSET
    assert (looping.loop.status, looping.record.run.abort_requested) == ("cancelled", True)
    beside = Looping(e.Loop())
    beside.end(e.RunAborted())
    beside.ask(c.Send(text="by the way"))
    beside.ask(c.ChangeLoop(action="cancel"))
    assert beside.record.run is not UNSET
    assert (beside.loop.status, beside.record.run.abort_requested) == ("cancelled", False)


def test_what_is_adjusted_counts_from_the_next_iteration_and_the_rest_stays() -> None:
    looping = Looping(e.Loop(goal="all green", max_iterations=5, auto_continue=False))
    looping.ask(c.ChangeLoop(action="adjust", loop=c.LoopRequest(max_iterations=1, auto_continue=True)))
    assert looping.loop.loop == e.Loop(goal="all green", max_iterations=1, auto_continue=True)
    looping.say("continue")
    looping.end()
    assert looping.loop.status == "blocked"


def test_a_loop_that_is_started_later_waits_for_the_open_run_and_begins_anew_after_its_end() -> None:
    looping = Looping(None)
    looping.ask(c.ChangeLoop(action="start", loop=c.LoopRequest(goal="one")))
    assert (looping.loop.status, looping.loop.iteration) == ("starting", 0)
    looping.end()
    assert (looping.loop.status, looping.loop.iteration, looping.words) == ("running", 1, "one")
    before = looping.loop.id
    looping.say("complete", summary="done")
    looping.end()
    looping.ask(c.ChangeLoop(action="start"))
    assert (looping.loop.iteration, looping.words, looping.loop.summary) == (1, "the task", UNSET)
    assert looping.loop.id != before


# How the loop stands; what is asked for; how it stands then, or the error.
ASKED: list[tuple[Status | None, str, Status | type[RoostError]]] = [
    (None, "pause", LoopNotFound), (None, "resume", LoopNotFound), (None, "cancel", LoopNotFound),
    (None, "adjust", LoopNotFound), (None, "leave", "none"),
    ("running", "start", LoopRunning), ("running", "resume", "running"), ("running", "adjust", InvalidBody),
    ("running", "leave", "idle"),
    ("paused", "start", LoopRunning), ("paused", "pause", "paused"), ("paused", "cancel", "cancelled"),
    ("awaiting_input", "pause", "paused"), ("awaiting_input", "resume", "running"),
    ("awaiting_input", "cancel", "cancelled"),
    ("completed", "pause", LoopEnded), ("completed", "resume", LoopEnded), ("completed", "cancel", LoopEnded),
    ("completed", "adjust", LoopEnded), ("completed", "start", "running"),
    ("cancelled", "cancel", "cancelled"), ("cancelled", "resume", LoopEnded),
    ("blocked", "resume", LoopEnded), ("blocked", "start", "running"),
    ("idle", "leave", "idle"), ("idle", "resume", LoopEnded), ("idle", "start", "running"),
]  # fmt: skip


def standing(status: Status | None) -> Looping:
    """A session whose loop stands so, without a run unless it is `running`."""
    if status is None:
        return Looping(None)
    looping = Looping(e.Loop(auto_continue=False))
    if status == "running":
        return looping
    if status in ("completed", "awaiting_input"):
        looping.say("complete" if status == "completed" else "continue")
        looping.end()
        return looping
    looping.end(failed("driver_failed") if status == "blocked" else e.RunAborted())
    if status in ("cancelled", "idle"):
        looping.ask(c.ChangeLoop(action="cancel" if status == "cancelled" else "leave"))
    return looping


@pytest.mark.parametrize(("status", "action", "then"), ASKED)
def test_what_may_be_asked_of_a_loop_follows_from_how_it_stands(
    status: Status | None, action: Any, then: Status | type[RoostError]
) -> None:
    looping = standing(status)
    assert (looping.record.loop is UNSET) if status is None else (looping.loop.status == status)
    if isinstance(then, str):
        looping.ask(c.ChangeLoop(action=action))
        assert (looping.record.loop is UNSET) if then == "none" else (looping.loop.status == then)
        return
    with pytest.raises(then):
        looping.ask(c.ChangeLoop(action=action))


def test_a_loop_needs_something_to_tell_the_agent() -> None:
    with pytest.raises(InvalidBody):
        Looping(None, task=False).ask(c.ChangeLoop(action="start"))
    with pytest.raises(InvalidBody):
        Looping(None).ask(c.ChangeLoop(action="pause", loop=c.LoopRequest(goal="nothing is changed by this")))


@pytest.mark.parametrize(
    ("status", "then"),
    [("running", "paused"), ("awaiting_input", "awaiting_input"), ("completed", "completed"), ("blocked", "blocked")],
)
def test_a_session_that_is_put_to_sleep_pauses_a_loop_that_would_go_on(status: Status, then: Status) -> None:
    looping = standing(status)
    if looping.record.run is not UNSET:
        looping.ask(c.Abort())
        looping.end(e.RunAborted())
    looping.ask(c.Pause())
    looping.commit(settle(looping.record, linked=False, attended=True))
    assert (looping.record.phase, looping.loop.status) == (Phase.PAUSED, then)


def test_a_loop_of_a_session_that_sleeps_is_resumed_by_waking_it() -> None:
    looping = standing("awaiting_input")
    looping.ask(c.Pause())
    looping.story.tell(e.SessionPaused())
    decision = decide(looping.record, c.ChangeLoop(action="resume"), ANN)
    assert decision.then == "start"
    looping.commit(decision)
    assert (looping.record.phase, looping.loop.status) == (Phase.RESUMING, "starting")
    looping.story.tell(e.RuntimeReady(epoch=looping.record.epoch))
    looping.settle()
    assert (looping.loop.status, looping.loop.iteration) == ("running", 2)


def test_archiving_cancels_a_loop_and_parking_pauses_it() -> None:
    looping = standing("running")
    looping.ask(c.Archive())
    assert (looping.record.phase, looping.loop.status) == (Phase.ARCHIVED, "cancelled")
    parked = standing("running")
    parked.story.tell(e.PermissionAsked(request=request(), permission="bash"), run=FIRST)
    parked.commit(overdue(parked.record, 2 * parked.record.updated_at, Times(idle=0, parked=1)))
    assert (parked.record.phase, parked.loop.status) == (Phase.PAUSED, "paused")
