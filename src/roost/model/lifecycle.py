"""The lifecycle of a session as tables: what may follow what, and every view derived from where it stands.

`NEXT` gives for each phase the legal events and the phase after them; an event that is not listed is illegal. `VIEWS`
gives for each standing the wire's status, bucket and five flags (PROTOCOL.md, "Lifecycle").
"""

from enum import StrEnum
from typing import Final, Literal

from msgspec import Struct

from roost.model import events as e
from roost.model.errors import IllegalTransition


class Phase(StrEnum):
    """Where a session is in its life. Derived from the log alone."""

    CREATING = "creating"
    ACTIVE = "active"
    PAUSED = "paused"
    RESUMING = "resuming"
    FAILED = "failed"
    ARCHIVED = "archived"
    ENDED = "ended"


INPUTS: Final = (e.RunStart, e.Steered, e.Queued, e.Dequeued, e.AbortRequested)
RUN_ENDS: Final = (e.RunComplete, e.RunAborted, e.RunError)
ASKED: Final = (e.PermissionAsked, e.QuestionAsked, e.RequestWithdrawn)
ANSWERS: Final = (e.PermissionReplied, e.QuestionReplied)
SAID: Final = (
    e.MessageStart, e.PartStart, e.TextDelta, e.ReasoningDelta, e.ToolInputDelta, e.PartReset, e.PartDone,
    e.MessageDone, e.ToolStart, e.ToolDelta, e.ToolComplete, e.ToolError, e.Attachment, e.StepStart, e.StepFinish,
    e.Retry, e.Compacting, e.Compacted,
)  # fmt: skip
WORKED: Final = (
    e.TodosUpdated, e.GoalUpdated, e.Verification, e.SubtaskStart, e.SubtaskEnd, e.FilesChanged,
    e.ArtifactPublished, e.WorkspaceUpdated, e.CommandUpdated, e.ActivitySeen, e.AgentState, e.AgentConfigured,
    e.Native,
)  # fmt: skip
SETTINGS: Final = (e.SessionUpdated, e.ConfigChanged)

FROM_HOST: Final[frozenset[type]] = frozenset((e.RunPhase, *RUN_ENDS, *ASKED, *SAID, *WORKED))
"""What a host may append. Anything else it sends is kept as `native`."""
COMMANDS: Final[frozenset[type]] = frozenset(
    (
        e.RunStart, e.Steered, e.AbortRequested, *ANSWERS, *RUN_ENDS, e.ConfigChanged, e.SessionUpdated,
        e.PauseRequested, e.RuntimeStarting,
    )
)  # fmt: skip
"""What a host reads from its session's log and acts on (a run's end tells it that the hub closed the run)."""


def _stay(phase: Phase, *kinds: type[e.Body]) -> dict[type[e.Body], Phase]:
    return dict.fromkeys(kinds, phase)


_STARTING: Final = (
    e.RuntimeStarting, e.RuntimeLost, e.PauseRequested, *INPUTS, e.RunAborted, e.RunError, *SETTINGS, e.LoopUpdated,
)  # fmt: skip
_CLOSING: Final[dict[type[e.Body], Phase]] = {
    e.SessionArchived: Phase.ARCHIVED,
    e.SessionEnded: Phase.ENDED,
}

NEXT: Final[dict[Phase | None, dict[type[e.Body], Phase]]] = {
    None: {e.SessionCreated: Phase.CREATING},
    Phase.CREATING: {
        **_stay(Phase.CREATING, *_STARTING),
        e.RuntimeReady: Phase.ACTIVE,
        e.SessionImported: Phase.ACTIVE,
        e.SessionPaused: Phase.PAUSED,
        e.SessionFailed: Phase.FAILED,
        **_CLOSING,
    },
    Phase.ACTIVE: {
        **_stay(
            Phase.ACTIVE, *INPUTS, e.RunPhase, *RUN_ENDS, *ASKED, *ANSWERS, *SAID, *WORKED, *SETTINGS, e.LoopUpdated
        ),
        **_stay(Phase.ACTIVE, e.RuntimeLost, e.PauseRequested, e.Reverted, e.Unreverted),
        e.SessionPaused: Phase.PAUSED,
        **_CLOSING,
    },
    Phase.PAUSED: {
        **_stay(Phase.PAUSED, e.Queued, e.Dequeued, *SETTINGS, e.LoopUpdated, e.Reverted, e.Unreverted),
        e.SessionResuming: Phase.RESUMING,
        **_CLOSING,
    },
    Phase.RESUMING: {
        **_stay(Phase.RESUMING, *_STARTING),
        e.RuntimeReady: Phase.ACTIVE,
        e.SessionPaused: Phase.PAUSED,
        **_CLOSING,
    },
    Phase.FAILED: {**_stay(Phase.FAILED, *SETTINGS), **_CLOSING},
    Phase.ARCHIVED: {**_stay(Phase.ARCHIVED, e.SessionUpdated), e.SessionEnded: Phase.ENDED},
    Phase.ENDED: {},
}

CLOSES_EPOCH: Final = (e.SessionPaused, e.SessionFailed, e.SessionArchived, e.SessionEnded)
"""Each of these raises the epoch by one: the host of the epoch before is fenced. `runtime-starting` names its own."""
MOVES_STATE: Final[frozenset[type]] = frozenset(
    (
        e.SessionCreated, e.SessionImported, e.SessionUpdated, e.ConfigChanged, e.RuntimeStarting, e.RuntimeReady,
        e.RuntimeLost, e.PauseRequested, e.SessionPaused, e.SessionResuming, e.SessionArchived, e.SessionFailed,
        e.SessionEnded, *INPUTS, e.RunPhase, *RUN_ENDS, *ASKED, *ANSWERS, e.LoopUpdated,
    )
)  # fmt: skip
"""Session, run and people events: each moves `state_seq`, on which decisions are compare-and-set."""
NEEDS_RUN: Final[frozenset[type]] = frozenset((e.RunPhase, e.Steered, e.AbortRequested, *RUN_ENDS))
"""Legal only while the run they name is open. `run-start` is legal only while none is."""


def step(phase: Phase | None, kind: type) -> Phase:
    """The phase after an event of this kind. Raises: IllegalTransition: the table does not list it."""
    try:
        return NEXT[phase][kind]
    except KeyError:
        raise IllegalTransition(f"{kind.__name__} is not legal in phase {phase or 'none'}") from None


class Standing(StrEnum):
    """A row of the view table: the phase, and what the live link adds to it."""

    CREATING = "creating"
    LIVE = "live"
    WATCH_ONLY = "watch-only"
    ASLEEP = "asleep"
    WAKING = "waking"
    FAILED = "failed"
    ARCHIVED = "archived"
    TUI_LIVE = "tui-live"
    TUI_GONE = "tui-gone"


class View(Struct, frozen=True, kw_only=True):
    """What the wire shows of a standing."""

    status: str
    bucket: Literal["running", "paused", "provisioning", "history"]
    runtime_available: bool
    control_available: bool
    wake_available: bool
    history_only: bool
    live_expected: bool


def _view(status: str, bucket: Literal["running", "paused", "provisioning", "history"], flags: str) -> View:
    runtime, control, wake, history, live = (flag == "1" for flag in flags)
    return View(
        status=status,
        bucket=bucket,
        runtime_available=runtime,
        control_available=control,
        wake_available=wake,
        history_only=history,
        live_expected=live,
    )


VIEWS: Final[dict[Standing, View]] = {
    #                                            flags: runtime control wake history live
    Standing.CREATING: _view("creating", "provisioning", "00001"),
    Standing.LIVE: _view("active", "running", "11001"),
    Standing.WATCH_ONLY: _view("active", "running", "10001"),
    Standing.ASLEEP: _view("paused", "paused", "00100"),
    Standing.WAKING: _view("resuming", "paused", "00101"),
    Standing.FAILED: _view("failed", "history", "00010"),
    Standing.ARCHIVED: _view("archived", "history", "00010"),
    Standing.TUI_LIVE: _view("active", "running", "11001"),
    Standing.TUI_GONE: _view("paused", "history", "00010"),
}

_STANDING: Final[dict[Phase, Standing]] = {
    Phase.CREATING: Standing.CREATING,
    Phase.ACTIVE: Standing.LIVE,
    Phase.PAUSED: Standing.ASLEEP,
    Phase.RESUMING: Standing.WAKING,
    Phase.FAILED: Standing.FAILED,
    Phase.ARCHIVED: Standing.ARCHIVED,
    Phase.ENDED: Standing.ARCHIVED,
}


def standing(phase: Phase, *, mode: str = "sandbox", linked: bool = True, slept_out: bool = False) -> Standing:
    """Where the session stands: `linked`, the host's link is up; `slept_out`, asleep longer than `timeout.paused`."""
    if mode == "tui" and phase in (Phase.ACTIVE, Phase.PAUSED):
        return Standing.TUI_LIVE if phase is Phase.ACTIVE and linked else Standing.TUI_GONE
    if phase is Phase.ACTIVE and not linked:
        return Standing.WATCH_ONLY
    if phase is Phase.PAUSED and slept_out:
        return Standing.ARCHIVED
    return _STANDING[phase]


def view(phase: Phase, *, mode: str = "sandbox", linked: bool = True, slept_out: bool = False) -> View:
    return VIEWS[standing(phase, mode=mode, linked=linked, slept_out=slept_out)]


class RunStatus(StrEnum):
    """How a run stands. The last three are terminal and never change."""

    CREATED = "created"
    PLANNING = "planning"
    EXECUTING = "executing"
    VERIFYING = "verifying"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_active(self) -> bool:
        return self not in (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED)


RUN_STATUS: Final[dict[type[e.Body], RunStatus]] = {
    e.RunStart: RunStatus.CREATED,
    e.RunComplete: RunStatus.COMPLETED,
    e.RunError: RunStatus.FAILED,
    e.RunAborted: RunStatus.CANCELLED,
}
