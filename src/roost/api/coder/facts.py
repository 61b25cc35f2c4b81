"""Events of ours that say all by themselves what they are to Coder's clients: live and as history the same."""

from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from msgspec import UNSET

from roost.api.coder import initial
from roost.api.coder.entries import author_of
from roost.api.coder.speech import Pair
from roost.core.decision import HUB
from roost.model import events as e
from roost.model.envelope import Event

LEAD: Final = "coder-lead"
"""The source of `native` events that a lead of theirs has reported (lead.py): told as they were."""
MAX_DESCRIPTION_CHARS: Final = 100
"""Of a sub-agent's prompt, for a line on a screen."""
LOOP_NAMES: Final[dict[str, str]] = {
    "paused": "loop_paused",
    "blocked": "loop_blocked",
    "completed": "loop_completed",
    "cancelled": "loop_cancelled",
}
"""What a loop that has come to this status is told as, beside `loop_state_updated`."""


def _created(body: e.SessionCreated) -> list[Pair]:
    return [("session_start", {"label": body.label, "mode": body.mode, "agent": body.agent})]


def _updated(body: e.SessionUpdated) -> list[Pair]:
    return [] if body.label is UNSET else [("session_label_updated", {"label": body.label})]


def _ready(body: e.RuntimeReady) -> list[Pair]:
    return [("rpc_ready", {"epoch": body.epoch})]


def _archived(_: e.SessionArchived) -> list[Pair]:
    return [("session_complete", {"status": "archived"})]


def _failed(body: e.SessionFailed) -> list[Pair]:
    return [("session_error", {"error": body.error.message, "code": body.error.code})]


def _ended(_: e.SessionEnded) -> list[Pair]:
    return [("session_shutdown", {"reason": "ended"})]


def _compacting(body: e.Compacting) -> list[Pair]:
    return [("auto_compaction_start", {"reason": body.reason})]


def _compacted(_: e.Compacted) -> list[Pair]:
    return [("auto_compaction_end", {"aborted": False})]


def _task_start(body: e.SubtaskStart) -> list[Pair]:
    about = {"taskId": body.task, "agent": body.agent, "prompt": body.prompt}
    return [("task_start", {**about, "description": body.prompt[:MAX_DESCRIPTION_CHARS]})]


def _native(body: e.Native) -> list[Pair]:
    """What a lead of theirs has reported, under the same name with the same data."""
    match body.raw if body.source == LEAD else None:
        case {"event": str(name), "data": dict()}:
            data = cast("dict[str, Any]", body.raw["data"])
            return [(name, {key: value for key, value in data.items() if key != "type"})]
        case _:
            return []


FACTS: Final[dict[type, Callable[[Any], list[Pair]]]] = {
    e.SessionCreated: _created,
    e.SessionUpdated: _updated,
    e.RuntimeReady: _ready,
    e.SessionArchived: _archived,
    e.SessionFailed: _failed,
    e.SessionEnded: _ended,
    e.Compacting: _compacting,
    e.Compacted: _compacted,
    e.SubtaskStart: _task_start,
    e.CommandUpdated: initial.told,
    e.Native: _native,
}


def loop_name(body: e.LoopUpdated, event: Event) -> str | None:
    """What has become of a loop; None: it goes on by itself, waits, or was adjusted, and only its state is told.

    The event alone says it, so that live and history agree: the hub begins iterations, and what a person sets going
    was resumed."""
    if body.id is not UNSET:
        return "loop_started"
    if body.loop is not UNSET:
        return None
    if body.status in ("starting", "running"):
        return None if event.by in (UNSET, HUB) else "loop_resumed"
    return LOOP_NAMES.get(body.status)


def prompted(body: e.RunStart | e.Steered, event: Event) -> Pair:
    """The words of the user, which every participant is told, whoever sent them: their terminal shows them only so."""
    about: dict[str, Any] = {"content": text_of(body.input), "messageId": body.message, "timestamp": event.at}
    return "user_prompt", about if event.by is UNSET else {**about, "author": author_of(event.by)}


def text_of(parts: Sequence[e.InputPart]) -> str:
    """An input in words: its text, and the names of its files."""
    return "\n".join(
        part.text if isinstance(part, e.TextInput) else f"[{part.filename or part.mime}]" for part in parts
    )
