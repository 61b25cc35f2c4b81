"""Events of ours into what the published clients understand (hub-wire 11). Pure: a snapshot, then one event at a time.

Every type of event has a row, here or in `FACTS`: what it becomes; or it becomes nothing live (`SILENT`). Ids of theirs
are `seq * 16 + k`, so one event becomes at most sixteen.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

import msgspec
from msgspec import UNSET
from msgspec.structs import asdict

from roost.api.coder import pi
from roost.api.coder.asking import dialogs
from roost.api.coder.facts import FACTS, loop_name, prompted, text_of
from roost.api.coder.shapes import LoopShape
from roost.api.coder.speech import Pair, Speech
from roost.api.coder.told import Told
from roost.api.coder.views import loop_of
from roost.model import events as e
from roost.model.conversation import ABORTED
from roost.model.envelope import Event
from roost.model.ids import MessageId, TaskId
from roost.model.messages import ToolPart
from roost.model.record import Record
from roost.model.snapshot import Fold, Snapshot

MAX_PER_EVENT: Final = 16
TICK_MS: Final = 0.001
"""Between two events of theirs that fall into one millisecond."""
NAMELESS: Final = "agent"
"""A sub-agent that was never announced."""
SILENT: Final[frozenset[type]] = frozenset(
    (
        e.ConfigChanged, e.RuntimeStarting, e.RuntimeLost, e.PauseRequested, e.SessionPaused, e.SessionResuming,
        e.SessionImported, e.WorkspaceUpdated, e.RunPhase, e.AbortRequested, e.Reverted, e.Unreverted,
        e.PermissionReplied, e.QuestionReplied, e.TodosUpdated, e.GoalUpdated, e.Verification,
        e.FilesChanged, e.ArtifactPublished, e.AgentState,
        e.RequestWithdrawn, e.AgentConfigured, e.ActivitySeen,
    )
)  # fmt: skip
"""They have no word for it: clients see it in what REST serves, or as who comes and goes (live.py)."""


class Translator:
    """Goes on after a snapshot. Its fold is that of the last event it has taken."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.fold = Fold.from_snapshot(snapshot, storing=False)
        self._speech = Speech(self.fold.conversation)
        self._calls: dict[TaskId, tuple[str, str]] = {}
        self._retrying: dict[MessageId, int] = {}
        self._at = 0.0
        self._now = 0.0

    @property
    def record(self) -> Record:
        return self.fold.record

    @property
    def due(self) -> float | None:
        """When `grown` will have something (ms); None: unless another event comes, never."""
        return self._speech.due

    def take(self, event: Event, now: float) -> list[Told]:
        """What an event becomes at `now` (ms)."""
        before, self._now = self.record, now
        self.fold.apply(event)
        kind = type(event.body)
        if kind in FACTS:
            pairs = FACTS[kind](event.body)
        else:
            row = self.ROWS.get(kind)
            pairs = [] if row is None else row(self, event.body, event, before)
        if len(pairs) > MAX_PER_EVENT:  # a run that ends with many open tools: its own end is told in any case
            pairs = [*pairs[: MAX_PER_EVENT - 2], *pairs[-2:]]
        return self._dated(pairs, event.at)

    def grown(self, now: float) -> list[Told]:
        """What has grown since it was told last, and may be told again at `now` (ms)."""
        return self._dated(self._speech.grown(now), now)

    def tell(self, name: str, data: dict[str, Any], now: float) -> list[Told]:
        """Something that comes from no event, in its place among what does."""
        return self._dated([(name, data)], now)

    def _dated(self, pairs: Sequence[Pair], at: float) -> list[Told]:
        told: list[Told] = []
        for name, data in pairs:
            self._at = at if at > self._at else round(self._at + TICK_MS, 3)
            if "timestamp" in data:
                data["timestamp"] = self._at
            told.append(Told(name=name, data=data, seq=self.fold.seq, at=self._at))
        return told

    # --- runs ---------------------------------------------------------------------------------------------------------

    def _run_start(self, body: e.RunStart, event: Event, _: Record) -> list[Pair]:
        self._speech.begin()
        run = self.record.run
        said = run is not UNSET and run.said
        begun: list[Pair] = [("agent_start", self._agent()), ("turn_start", {"turnId": event.run or body.message})]
        return begun if said else [prompted(body, event), *begun]

    def _steered(self, body: e.Steered, event: Event, _: Record) -> list[Pair]:
        return [prompted(body, event)]

    def _queue(self, body: e.Queued | e.Dequeued, *_: Any) -> list[Pair]:
        """What waits still: the run that takes an input off the queue starts in the same commit."""
        leaves = body.message if isinstance(body, e.Dequeued) else None
        waiting = [text_of(entry.input) for entry in self.record.queue if entry.message != leaves]
        return [("queue_update", {"steering": [], "followUp": waiting})]

    def _run_end(self, body: e.Body, event: Event, _: Record) -> list[Pair]:
        told = [*self._speech.settled(self._now), *self._speech.close()]
        last, reason = self._speech.last, ""
        if isinstance(body, e.RunError):
            reason, why = "error", body.error.message
        elif isinstance(body, e.RunAborted):
            reason, why = ABORTED, f"aborted: {body.reason}"
        else:
            why = ""
        if reason and (last is None or last["stopReason"] not in ("error", ABORTED)):
            last = pi.failed(f"{event.run}.end", event.at, reason, why)
            told += [("message_start", {"message": last}), ("message_end", {"message": last})]
        turn: dict[str, Any] = {"turnId": event.run or "", "toolResults": []}
        turn |= {} if last is None else {"message": last}
        messages = [] if last is None else [last]
        return [*told, ("turn_end", turn), ("agent_end", {**self._agent(), "messages": messages})]

    def _agent(self) -> dict[str, Any]:
        return {"agentName": self.record.agent, "agent": self.record.agent}

    # --- conversation -------------------------------------------------------------------------------------------------

    def _said(self, body: e.Said, event: Event, _: Record) -> list[Pair]:
        task = self._task_of(body)
        if task is not None:
            return self._progress(task, body, event)
        told: list[Pair] = []
        if self._retrying and not isinstance(body, e.Retry):
            attempt = self._retrying.pop(body.message, None)
            told = [] if attempt is None else [("auto_retry_end", {"success": True, "attempt": attempt})]
        return [*told, *self._speech.said(body, self._now)]

    def _retry(self, body: e.Retry, event: Event, before: Record) -> list[Pair]:
        self._retrying[body.message] = body.attempt
        wait = 0 if body.next_ms is UNSET else body.next_ms
        about = {"attempt": body.attempt, "maxAttempts": body.attempt, "delayMs": wait, "errorMessage": body.error}
        return [*self._said(body, event, before), ("auto_retry_start", about)]

    # --- sub-agents ---------------------------------------------------------------------------------------------------

    def _task_of(self, body: e.Said) -> TaskId | None:
        if body.task is not UNSET:
            return body.task
        info = self.fold.conversation.info(body.message)
        return None if info is None or info.task is UNSET else info.task

    def _progress(self, task: TaskId, body: e.Said, event: Event) -> list[Pair]:
        """One for every delta, at once: each says only what is new."""
        match body:
            case e.TextDelta():
                about = {"status": "text_delta", "delta": body.delta}
            case e.ReasoningDelta():
                about = {"status": "thinking_delta", "delta": body.delta}
            case e.ToolStart():
                given = body.input if isinstance(body.input, str) else msgspec.json.encode(body.input).decode()
                self._calls[task] = body.tool, given
                about = {"status": "tool_start", "currentTool": body.tool, "currentToolArgs": given}
            case e.ToolComplete() | e.ToolError():
                tool, given = self._calls.pop(task, None) or (self._tool_name(body), "")
                about = {"status": "tool_end", "currentTool": tool, "currentToolArgs": given}
            case _:
                return []
        agent, began = self._worker(task, event.at)
        return [("agent_progress", {"agentName": agent, "taskId": task, **about, "elapsed": event.at - began})]

    def _worker(self, task: TaskId, at: int) -> tuple[str, int]:
        """Who works at a task, and since when; it may never have been announced."""
        known = (found for found in self.record.tasks if found.task == task)
        return next(((found.agent, found.started_at) for found in known), (NAMELESS, at))

    def _tool_name(self, body: e.ToolComplete | e.ToolError) -> str:
        message = self.fold.conversation.message(body.message)
        parts = () if message is None else message.parts
        return next((p.tool or "tool" for p in parts if isinstance(p, ToolPart) and p.call == body.call), "tool")

    def _task_end(self, body: e.SubtaskEnd, event: Event, _: Record) -> list[Pair]:
        self._calls.pop(body.task, None)
        agent, began = self._worker(body.task, event.at)
        about = {"taskId": body.task, "agent": agent, "duration": event.at - began}
        result = "" if body.result is UNSET else body.result
        if body.status == "completed":
            return [("task_complete", {**about, "result": result})]
        return [("task_error", {**about, "error": result or body.status})]

    # --- people and work ----------------------------------------------------------------------------------------------

    def _asked(self, body: e.PermissionAsked | e.QuestionAsked, *_: Any) -> list[Pair]:
        asked = [entry for entry in self.record.pending if entry.request == body.request]
        return [("rpc_ui_request", asdict(dialog)) for entry in asked for dialog in dialogs(self.record, entry)]

    def _loop(self, body: e.LoopUpdated, event: Event, _: Record) -> list[Pair]:
        left = LoopShape(status=body.status, iteration=body.iteration)
        name, about = loop_name(body, event), {"loop": loop_of(self.record) or left}
        told: list[Pair] = [("loop_state_updated", about)]
        return told if name is None else [(name, about), *told]

    ROWS: ClassVar[dict[type, Callable[..., list[Pair]]]] = {
        e.RunStart: _run_start,
        e.Steered: _steered,
        e.Queued: _queue,
        e.Dequeued: _queue,
        e.RunComplete: _run_end,
        e.RunAborted: _run_end,
        e.RunError: _run_end,
        **dict.fromkeys(
            (
                e.MessageStart, e.PartStart, e.TextDelta, e.ReasoningDelta, e.ToolInputDelta, e.PartReset, e.PartDone,
                e.MessageDone, e.ToolStart, e.ToolDelta, e.ToolComplete, e.ToolError, e.Attachment, e.StepStart,
                e.StepFinish,
            ),
            _said,
        ),
        e.Retry: _retry,
        e.PermissionAsked: _asked,
        e.QuestionAsked: _asked,
        e.SubtaskEnd: _task_end,
        e.LoopUpdated: _loop,
    }  # fmt: skip
