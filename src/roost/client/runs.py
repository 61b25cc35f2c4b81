"""What a client makes of a run: when it is over, and what came of it. Pure."""

from collections.abc import Sequence
from typing import Final

from msgspec import UNSET, UnsetType

from roost.client.answers import SendResult
from roost.model.envelope import Event
from roost.model.errors import RunNotFound
from roost.model.events import (
    Dequeued,
    Failure,
    Queued,
    RunAborted,
    RunComplete,
    RunError,
    RunStart,
    SessionArchived,
    SessionEnded,
    SessionFailed,
    StepFinish,
    Tokens,
)  # fmt: skip
from roost.model.ids import MessageId, RunId, SessionId
from roost.model.info import Accepted, SessionInfo
from roost.model.messages import Message

RUN_ENDS: Final = ("run-complete", "run-aborted", "run-error")
MOVES: Final = (
    *RUN_ENDS, "run-start", "dequeued", "runtime-ready", "session-paused", "session-failed", "session-archived",
    "session-ended", "compacted",
)  # fmt: skip
"""Events after which a session may have become idle."""


class Waiting:
    """An input that was accepted without a run: in the events after it, its run, or that it gets none."""

    TYPES: Final = ("queued", "run-start", "dequeued", "session-archived", "session-failed", "session-ended")

    def __init__(self, accepted: Accepted) -> None:
        self._seq = accepted.seq
        self._message: MessageId | None = None

    def run_after(self, event: Event) -> RunId | UnsetType:
        """Raises: RunNotFound: the input was given up."""
        body = event.body
        if isinstance(body, Queued) and event.seq == self._seq:
            self._message = body.message
        elif isinstance(body, RunStart) and body.message == self._message:
            return event.run
        elif isinstance(body, SessionArchived | SessionFailed | SessionEnded) or (
            isinstance(body, Dequeued) and body.dropped and body.message == self._message
        ):
            raise RunNotFound("The input was given up before its run began.", input=self._message)
        return UNSET


def ends(event: Event, run: RunId) -> bool:
    return event.run == run and isinstance(event.body, RunComplete | RunAborted | RunError)


def failure_of(event: Event) -> Failure | UnsetType:
    """What went wrong in the run that this event ends."""
    if isinstance(event.body, RunError):
        return event.body.error
    if isinstance(event.body, RunAborted):
        return Failure(code="aborted", message=f"The run was aborted ({event.body.reason}).")
    return UNSET


def is_idle(info: SessionInfo) -> bool:
    """No run is open, and none will start by itself: not after waking, and not from the queue."""
    if info.run is not UNSET or info.phase in ("creating", "resuming") or info.status == "compacting":
        return False
    return not (info.queued and info.phase == "active" and not info.queue_held)


def result_of(session: SessionId, end: Event, steps: Sequence[StepFinish], messages: Sequence[Message]) -> SendResult:
    """`messages`: the last ones before the run's end; `steps`: all of the run."""
    body, run = end.body, end.run
    assert run is not UNSET
    said = [m for m in messages if m.info.run == run and m.info.role == "assistant" and m.info.task is UNSET]
    last = said[-1] if said else None
    text = last.text if last else ""
    message = last.info.id if last else UNSET
    if isinstance(body, RunComplete):
        text = text if body.result.text is UNSET else body.result.text
        message = message if body.result.message is UNSET else body.result.message
    sums = {name: sum(getattr(step.tokens, name) for step in steps) for name in Tokens.__struct_fields__}
    return SendResult(
        session=session,
        run=run,
        seq=end.seq,
        text=text,
        message_id=message,
        parts=last.parts if last else (),
        tokens=Tokens(**sums),
        cost=sum(step.cost for step in steps),
        error=failure_of(end),
    )
