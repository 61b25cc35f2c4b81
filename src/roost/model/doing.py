"""What a session is at, from its record and its link alone: so a list costs nothing more, and nobody stores it.

First what the log tells of a request, a run and its end; where there is no host, that; and what the driver has seen on
the agent's screen or in its records only where the log has nothing to say, or where that is what the run waits for.
"""

from collections.abc import Callable
from typing import Final

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from roost.model import events as e
from roost.model.activity import NEEDS_PERSON, READY_MS, Activity, ActivityInfo, Source, Trust, at_rest
from roost.model.lifecycle import RUN_STATUS, Phase, RunStatus
from roost.model.record import Record

LIVE: Final = frozenset((Phase.CREATING, Phase.ACTIVE, Phase.RESUMING))
"""Phases in which there is a host, or one is about to come. In all others a session's agent has `exited`."""
_PAUSED, _ACTIVE, _FAILED, _PROTOCOL = Phase.PAUSED, Phase.ACTIVE, RunStatus.FAILED, Source.PROTOCOL
"""Looked up once: lists ask this of every session, and to find a name in an enum takes longer than all the rest."""
_GONE_BY: Final = {
    Phase.PAUSED: "session-paused",
    Phase.FAILED: "session-failed",
    Phase.ARCHIVED: "session-archived",
    Phase.ENDED: "session-ended",
}


def _tag(kind: type[e.Body]) -> str:
    return str(kind.__struct_config__.tag)


_ENDED_BY: Final = {status: _tag(kind) for kind, status in RUN_STATUS.items()}


def doing(record: Record, *, linked: bool, now: int, ready_ms: int = READY_MS) -> ActivityInfo:
    """At `now` (ms). `linked`: the link of its host is up; where it is not, what the log says last may be so no more.
    `ready_ms`: T."""
    if record.phase not in LIVE:
        since = record.slept_at if record.phase is _PAUSED else UNSET
        return _of(Activity.EXITED, Source.RUNTIME, _GONE_BY[record.phase], since)
    if record.phase is not _ACTIVE:
        since = record.run.started_at if record.run is not UNSET else UNSET
        return _of(Activity.ACTIVE, Source.RUNTIME, "runtime-starting", since)
    if record.mode == "tui" and not linked:  # such a host comes by itself, and nobody waits for it
        return _of(Activity.EXITED, Source.RUNTIME, "runtime-lost")
    for look in _LOOKS:
        if (found := look(record, now, ready_ms)) is not None:
            break
    else:
        found = _resting(record, now, ready_ms)
    return found if linked else replace(found, trust=Trust.STALE)


def _of(state: Activity, source: Source, evidence: str, since: int | UnsetType = UNSET) -> ActivityInfo:
    return ActivityInfo(state=state, source=source, evidence=evidence, since=since)


def _asked(record: Record, _now: int, _ready_ms: int) -> ActivityInfo | None:
    """The request that has waited longest."""
    if not record.pending:
        return None
    oldest = min(record.pending, key=lambda entry: entry.seq)
    return _of(Activity.WAITING_INPUT, Source.PROTOCOL, _tag(type(oldest.asked)), oldest.at)


def _seen_to_need_a_person(record: Record, _now: int, _ready_ms: int) -> ActivityInfo | None:
    """Also while a run is open: its log does not tell that."""
    return record.seen if record.seen is not UNSET and record.seen.state in NEEDS_PERSON else None


def _running(record: Record, _now: int, _ready_ms: int) -> ActivityInfo | None:
    if record.run is not UNSET:
        return _of(Activity.ACTIVE, Source.PROTOCOL, "run-start", record.run.started_at)
    return _of(Activity.ACTIVE, Source.PROTOCOL, "compacting") if record.compacting else None


def _seen(record: Record, now: int, ready_ms: int) -> ActivityInfo | None:
    """Between two runs: somebody uses the agent's own screen, perhaps."""
    seen = record.seen
    if seen is UNSET or seen.state not in (Activity.READY, Activity.IDLE) or seen.since is UNSET:
        return None if seen is UNSET else seen
    return replace(seen, state=at_rest(now - seen.since, ready_ms))


def _failed(record: Record, _now: int, _ready_ms: int) -> ActivityInfo | None:
    """The agent takes input all the same; but somebody should know."""
    run = record.last_run
    if run is UNSET or run.status is not _FAILED:
        return None
    code = "" if run.error is UNSET else f": {run.error.code}"
    return _of(Activity.BLOCKED, Source.PROTOCOL, f"run-error{code}", run.ended_at)


def _resting(record: Record, now: int, ready_ms: int) -> ActivityInfo:
    """Since the last run ended, or the host came, whichever was later."""
    run = record.last_run
    ended = run is not UNSET and run.ended_at == record.idle_at
    evidence = _ENDED_BY[run.status] if run is not UNSET and ended else "runtime-ready"
    return _of(at_rest(now - record.idle_at, ready_ms), _PROTOCOL, evidence, record.idle_at)


_LOOKS: Final[tuple[Callable[[Record, int, int], ActivityInfo | None], ...]] = (
    _asked,
    _seen_to_need_a_person,
    _running,
    _seen,
    _failed,
)
