"""A loop over runs: when its next iteration begins, and what ends it (PROTOCOL.md, "Loops"). Pure.

An iteration is a run like any other, begun by the hub through the one gate (core/decisions.py), when nothing else is
owed and no input waits. What the agent says of its goal in it decides how the loop goes on.
"""

from collections.abc import Callable
from typing import Any, Final, Literal

from msgspec import UNSET, UnsetType

from roost.core.decision import HUB, Decision
from roost.model import commands as c
from roost.model import events as e
from roost.model.envelope import Draft, draft
from roost.model.errors import InvalidBody, LoopEnded, LoopNotFound, LoopRunning
from roost.model.ids import RunId, new_loop_id, new_message_id, new_run_id
from roost.model.lifecycle import Phase, RunStatus
from roost.model.loops import LOOP_ENDS, LoopState
from roost.model.record import Record

PASSING: Final = frozenset(("interrupted", "start_failed", "spool_full"))
"""Codes of a run that ended badly and not through its agent: the iteration may be tried again."""


# --- what people ask for ----------------------------------------------------------------------------------------------


def change(record: Record, command: c.ChangeLoop, by: e.Principal) -> list[Draft]:
    """Raises: LoopNotFound; LoopEnded: in another way; LoopRunning: a second one is not started; InvalidBody."""
    if command.loop is not UNSET and command.action not in ("start", "adjust"):
        raise InvalidBody(f"loop: nothing is changed by `{command.action}`")
    return [draft(body, by=by) for body in _CHANGES[command.action](record, command)]


def _start(record: Record, command: c.ChangeLoop) -> list[e.LoopUpdated]:
    if record.loop is not UNSET and record.loop.status not in LOOP_ENDS:
        raise LoopRunning
    loop = c.LoopRequest() if command.loop is UNSET else command.loop
    check_goal(loop, record.task is not UNSET)
    return [e.LoopUpdated(status="starting", id=new_loop_id(), loop=loop.settled())]


def _pause(record: Record, _: c.ChangeLoop) -> list[e.LoopUpdated]:
    state = _going_on(record)
    return [] if state.status == "paused" else [_now(state, "paused")]


def _resume(record: Record, _: c.ChangeLoop) -> list[e.LoopUpdated]:
    state = _going_on(record)
    if state.status not in ("paused", "awaiting_input"):
        return []
    return [_now(state, "running" if _in_iteration(record, state) else "starting")]


def _cancel(record: Record, _: c.ChangeLoop) -> list[e.LoopUpdated]:
    if record.loop is not UNSET and record.loop.status == "cancelled":
        return []
    return [_now(_going_on(record), "cancelled")]


def _leave(record: Record, _: c.ChangeLoop) -> list[e.LoopUpdated]:
    """Back to runs that each stand for themselves; one that goes on becomes such a run."""
    state = record.loop
    return [] if state is UNSET or state.status == "idle" else [_now(state, "idle")]


def _adjust(record: Record, command: c.ChangeLoop) -> list[e.LoopUpdated]:
    state = _going_on(record)
    if command.loop is UNSET:
        raise InvalidBody("loop: say what is to be adjusted")
    loop = command.loop.settled(state.loop)
    return [] if loop == state.loop else [_now(state, state.status, loop=loop)]


_CHANGES: Final[dict[str, Callable[[Record, c.ChangeLoop], list[e.LoopUpdated]]]] = {
    "start": _start,
    "pause": _pause,
    "resume": _resume,
    "cancel": _cancel,
    "adjust": _adjust,
    "leave": _leave,
}


def check_goal(loop: c.LoopRequest, task: bool) -> None:
    """Raises: InvalidBody: there is nothing to tell the agent."""
    if loop.goal is UNSET and not task:
        raise InvalidBody("loop: it needs a `goal`, as the session has no task")


# --- what the hub owes it ---------------------------------------------------------------------------------------------


def owed(record: Record, *, attended: bool) -> Decision:
    """What becomes of the loop of a live session: nothing, while its iteration goes on; else its end, or the next
    iteration. `attended`: somebody is attached."""
    state = record.loop
    if state is UNSET or state.status in LOOP_ENDS or record.phase is not Phase.ACTIVE or _in_iteration(record, state):
        return Decision()
    if state.said is not UNSET and state.said.status == "complete":
        return _told(_now(state, "completed", summary=state.said.summary))
    if state.status == "starting" and state.id is UNSET and record.run is not UNSET:
        return Decision([_begun(state, record.run.run)])  # the session's task is the first iteration
    if state.status == "running" and (stop := _stop(record, state)) is not None:
        return _told(stop)
    waits = record.run is not UNSET or record.pause_requested or (record.queue and not record.queue_held)
    if state.status not in ("starting", "running") or waits:
        return Decision()
    return _next(record, state, attended)


def _stop(record: Record, state: LoopState) -> e.LoopUpdated | None:
    """What the end of its iteration means to the loop; None: it goes on."""
    run = record.last_run
    if run is UNSET or run.run != state.run or run.status is RunStatus.COMPLETED:
        return None
    if run.error is UNSET:
        return _now(state, "paused", summary=f"iteration {state.iteration} was aborted")
    return _now(state, "paused" if run.error.code in PASSING else "blocked", summary=run.error.message)


def _next(record: Record, state: LoopState, attended: bool) -> Decision:
    """The next iteration, unless it needs a person, or may not be."""
    loop, said = state.loop, state.said
    about = e.GoalUpdated(status="continue") if said is UNSET else said
    if loop.max_iterations is not UNSET and state.iteration >= loop.max_iterations:
        reached = f"the goal was not reached in {state.iteration} iterations"
        return _told(_now(state, "blocked", summary=reached, next_action=about.next_action))
    if (why := _person_needed(state, attended)) is not None:
        return _told(_now(state, "awaiting_input", summary=about.summary or why, next_action=about.next_action))
    run, words = new_run_id(), about.next_action or loop.goal or record.task or ""
    begun = e.RunStart(message=new_message_id(), input=(e.TextInput(text=words),))
    return Decision([draft(begun, run=run, by=HUB), _begun(state, run, about)], run)


def _person_needed(state: LoopState, attended: bool) -> str | None:
    """Why the loop does not go on by itself; None: it does."""
    loop = state.loop
    if not (attended or loop.allow_detached):
        return "nobody is attached"
    if state.status == "starting":
        return None
    if not loop.auto_continue:
        return "the next iteration waits for a person"
    if state.said is UNSET and loop.max_iterations is UNSET:
        return "the agent has said nothing of its goal, and nothing else would end this loop"
    return None


def joined(record: Record, run: RunId, by: e.Principal | UnsetType) -> list[Draft]:
    """What makes a run that a person has started the next iteration, of a loop that waited for them."""
    state = record.loop
    if state is UNSET or state.status != "awaiting_input":
        return []
    most = state.loop.max_iterations
    return [_begun(state, run, by=by)] if most is UNSET or state.iteration < most else []


def halted(record: Record, status: Literal["paused", "cancelled", "blocked"], why: str) -> list[Draft]:
    """What its session's going to sleep (`paused`) or end means to the loop. One that waits for a person sleeps too."""
    state = record.loop
    if (
        state is UNSET
        or state.status in LOOP_ENDS
        or (status == "paused" and state.status not in ("starting", "running"))
    ):
        return []
    return [draft(_now(state, status, summary=why), by=HUB)]


# --- in short ---------------------------------------------------------------------------------------------------------


def loop_of(record: Record) -> LoopState:
    """Raises: LoopNotFound."""
    if record.loop is UNSET:
        raise LoopNotFound
    return record.loop


def in_iteration(record: Record) -> bool:
    """Whether the open run is an iteration of the session's loop."""
    return record.loop is not UNSET and _in_iteration(record, record.loop)


def _in_iteration(record: Record, state: LoopState) -> bool:
    return record.run is not UNSET and record.run.run == state.run


def _going_on(record: Record) -> LoopState:
    """Raises: LoopNotFound, LoopEnded."""
    state = loop_of(record)
    if state.status in LOOP_ENDS:
        raise LoopEnded(status=state.status)
    return state


def _begun(
    state: LoopState, run: RunId, about: e.GoalUpdated | None = None, by: e.Principal | UnsetType = HUB
) -> Draft:
    first = {} if state.id is not UNSET else {"id": new_loop_id()}
    said: dict[str, Any] = {} if about is None else {"summary": about.summary, "next_action": about.next_action}
    return draft(e.LoopUpdated(status="running", iteration=state.iteration + 1, **first, **said), run=run, by=by)


def _now(state: LoopState, status: e.LoopStatus, **about: Any) -> e.LoopUpdated:
    return e.LoopUpdated(status=status, iteration=state.iteration, **about)


def _told(body: e.LoopUpdated) -> Decision:
    return Decision([draft(body, by=HUB)])
