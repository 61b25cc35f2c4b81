"""What is due to a session because its time has come (core/timers.py looks at the clock). Pure."""

from msgspec import UNSET, Struct

from roost.core.answering import past_deadline
from roost.core.decision import HUB, Decision
from roost.core.decisions import FELL_ASLEEP, decide, interrupted
from roost.core.loops import halted
from roost.model import commands as c
from roost.model import events as e
from roost.model.envelope import draft
from roost.model.lifecycle import Phase
from roost.model.record import Pending, Record


class Times(Struct, frozen=True):
    """The hub's defaults, in seconds, for sessions that say nothing. 0 is never."""

    idle: float
    parked: float


def overdue(record: Record, now: int, times: Times) -> Decision:
    """What is due at `now` (ms) because its time has come: requests past their deadline, a run past its time, a session
    that waited too long for a person or had nothing to do."""
    if (at := deadline_at(record)) is not None and at <= now:
        return Decision([past_deadline(record, p) for p in record.pending if _deadline(record, p) <= now])
    if (at := parked_at(record, times)) is not None and at <= now:
        return _park(record)
    if (at := execution_at(record)) is not None and at <= now:
        return decide(record, c.Abort(reason="execution-timeout"), HUB)
    if (at := idle_at(record, times)) is not None and at <= now:
        return Decision([draft(e.PauseRequested(reason="idle"), by=HUB)])
    return Decision()


def next_due(record: Record, times: Times) -> int | None:
    """When `overdue` will have something (ms), unless the session changes before."""
    found = (deadline_at(record), parked_at(record, times), execution_at(record), idle_at(record, times))
    return min((at for at in found if at is not None), default=None)


def deadline_at(record: Record) -> int | None:
    waits = record.pending and record.policy.deadline and record.phase is Phase.ACTIVE
    return min(_deadline(record, entry) for entry in record.pending) if waits else None


def parked_at(record: Record, times: Times) -> int | None:
    wait = times.parked if record.timeouts.parked is UNSET else record.timeouts.parked
    if not record.pending or not wait or record.phase is not Phase.ACTIVE:
        return None
    return min(entry.at for entry in record.pending) + int(wait * 1000)


def execution_at(record: Record) -> int | None:
    limit = record.timeouts.execution
    if record.run is UNSET or record.run.abort_requested or limit is UNSET or not limit:
        return None
    return record.run.started_at + int(limit * 1000)


def idle_at(record: Record, times: Times) -> int | None:
    wait = times.idle if record.timeouts.idle is UNSET else record.timeouts.idle
    rests = record.phase is Phase.ACTIVE and record.run is UNSET and not record.pause_requested
    return record.idle_at + int(wait * 1000) if rests and wait else None


def _deadline(record: Record, entry: Pending) -> int:
    return entry.at + int((record.policy.deadline or 0) * 1000)


def _park(record: Record) -> Decision:
    """Stop waiting with a process: settle the requests, keep the input for when the session wakes, go to sleep."""
    drafts = interrupted(record.pending)
    if record.run is not UNSET:
        run = record.run
        again = e.Queued(message=run.message, input=run.input, again=True)
        drafts.append(draft(e.RunAborted(reason="parked", read=record.starting), run=run.run, by=HUB))
        drafts.append(draft(again, by=run.by))
    asleep = [*halted(record, "paused", FELL_ASLEEP), draft(e.SessionPaused(reason="parked"), by=HUB)]
    return Decision([*drafts, *asleep], then="stop")
