"""What a command becomes. Pure: a record and a command in, drafts out; committing and acting is the session's work.

Every function may be called again after a lost compare-and-set, so it decides from the record alone.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, cast

import msgspec
from msgspec import UNSET, UnsetType

from roost.core import kits, loops
from roost.core.answering import answered_by_policy
from roost.core.configuring import changes
from roost.core.decision import HUB, Decision
from roost.core.limits import check_label, check_metadata, check_tags
from roost.core.waiting import check_room
from roost.model import commands as c
from roost.model import events as e
from roost.model.access import is_owner
from roost.model.envelope import AnyBody, Draft, draft
from roost.model.errors import (
    BodyTooLarge,
    Forbidden,
    InvalidBody,
    MessageNotFound,
    PermissionNotFound,
    SessionArchived,
    SessionAsleep,
    SessionBusy,
    SessionClosed,
)  # fmt: skip
from roost.model.ids import new_message_id, new_run_id
from roost.model.lifecycle import Phase
from roost.model.record import Pending, Record

MAX_MESSAGE_CHARS: Final = 32 * 1024
"""What is said to an agent along with a rejection."""
FELL_ASLEEP: Final = "the session was put to sleep"
"""Why a loop is paused with its session."""

_LIVE: Final = (Phase.CREATING, Phase.ACTIVE, Phase.RESUMING)


def decide(record: Record, command: c.AnyCommand, by: e.Principal) -> Decision:
    """Raises: any error the command's function documents."""
    return _DECIDE[type(command)](record, command, by)


def may_wake(command: c.AnyCommand) -> bool:
    """Whether a session that sleeps is woken by this."""
    match command:
        case c.Send() | c.RunCommand():
            return command.delivery != "queue"
        case c.ChangeLoop():
            return command.action in ("start", "resume")
        case c.Update(loop=c.ChangeLoop() as change):
            return may_wake(change)
        case _:
            return isinstance(command, c.Resume)


def check_input(parts: Sequence[e.InputPart]) -> tuple[e.InputPart, ...]:
    """Raises: InvalidBody: nothing in it; BodyTooLarge: it would not fit an event."""
    if not any(not isinstance(part, e.TextInput) or part.text.strip() for part in parts):
        raise InvalidBody("input is empty: give `text`, or `input` parts")
    if len(msgspec.json.encode(parts)) > c.MAX_TASK_BYTES:
        raise BodyTooLarge(
            f"input is over {c.MAX_TASK_BYTES} bytes: put large content into a file", limit_bytes=c.MAX_TASK_BYTES
        )
    return tuple(parts)


def starting(record: Record) -> list[Draft]:
    """Open the next epoch."""
    return [draft(e.RuntimeStarting(epoch=record.epoch + 1, runtime=record.runtime), by=HUB)]


def waking(record: Record, by: e.Principal) -> list[Draft]:
    """Raises: SessionAsleep: nobody but its own terminal can wake it."""
    if record.mode == "tui":
        raise SessionAsleep("the terminal of this session is away: it goes on when that comes back")
    return [draft(e.SessionResuming(), by=by), *starting(record)]


def interrupted(pending: Sequence[Pending]) -> list[Draft]:
    """Settle requests that nobody will be asked any more."""
    return [_reply(entry, "interrupted", HUB) for entry in pending]


def run_broken(record: Record, code: str, message: str) -> list[Draft]:
    """End the open run from the hub's side: aborted if that was asked for, else an error with this code."""
    if record.run is UNSET:
        return []
    body: e.Body = e.RunError(error=e.Failure(code=code, message=message), read=record.starting)
    if record.run.abort_requested:
        body = e.RunAborted(reason=code, read=record.starting)
    return [draft(body, run=record.run.run, by=HUB)]


def lost(record: Record, code: str, message: str) -> Decision:
    """The host of this epoch is given up: fence it, settle everything, go to sleep; a first start fails for good."""
    if record.phase not in _LIVE:
        return Decision()
    settled = interrupted(record.pending) if record.phase is Phase.ACTIVE else []
    gone = draft(e.RuntimeLost(epoch=record.epoch, code=code, message=message), by=HUB)
    if record.phase is Phase.CREATING:
        failed = draft(e.SessionFailed(error=e.Failure(code="start_failed", message=message)), by=HUB)
        blocked = loops.halted(record, "blocked", message)
        return Decision([gone, *run_broken(record, "start_failed", message), *blocked, failed])
    run_code = "start_failed" if record.phase is Phase.RESUMING else "interrupted"
    reason = "requested" if record.pause_requested else {"hub_down": "hub-down"}.get(code, run_code.replace("_", "-"))
    asleep = [*loops.halted(record, "paused", message), draft(e.SessionPaused(reason=reason), by=HUB)]
    return Decision([gone, *settled, *run_broken(record, run_code, message), *asleep])


def settle(record: Record, *, linked: bool, attended: bool) -> Decision:
    """What the hub owes the session by itself, checked after every commit, hello and start of the hub. `attended`:
    somebody is attached."""
    opened = record.run.run if record.run is not UNSET else UNSET
    stale = [entry for entry in record.pending if entry.run is not UNSET and entry.run != opened]
    if stale and record.phase is Phase.ACTIVE:
        return Decision(interrupted(stale))
    answers = [reply for entry in record.pending if (reply := answered_by_policy(record, entry)) is not None]
    if answers and record.phase is Phase.ACTIVE:
        return Decision(answers)
    if record.pause_requested and opened is UNSET and not linked and record.phase in _LIVE:
        asleep = [*loops.halted(record, "paused", FELL_ASLEEP), draft(e.SessionPaused(reason="requested"), by=HUB)]
        return Decision([*interrupted(record.pending), *asleep], then="stop")
    if (looped := loops.owed(record, attended=attended)).drafts:
        return looped
    waits = record.phase is not Phase.ACTIVE or record.pause_requested or record.queue_held
    if record.queue and opened is UNSET and not waits:
        return _next_of_queue(record)
    return Decision()


def _next_of_queue(record: Record) -> Decision:
    """The head of the queue gets its run."""
    head, run = record.queue[0], new_run_id()
    begun = draft(e.RunStart(message=head.message, input=head.input, delivery="queue"), run=run, by=head.by)
    return Decision([draft(e.Dequeued(message=head.message), by=HUB), begun, *loops.joined(record, run, head.by)], run)


def _send(record: Record, command: c.Send, by: e.Principal) -> Decision:
    """Raises: SessionArchived, SessionClosed, SessionBusy, QueueFull, InvalidBody, BodyTooLarge."""
    _must_be_open(record)
    parts = check_input(command.parts())
    busy = record.run is not UNSET or record.pause_requested
    if command.delivery == "queue" and (busy or record.queue):
        return _queue(record, parts, by)
    if busy:
        return _steer(record, command, parts, by)
    run = new_run_id()
    begun = draft(e.RunStart(message=new_message_id(), input=parts, delivery=command.delivery), run=run, by=by)
    drafts = [begun, *loops.joined(record, run, by)]
    if record.phase is Phase.PAUSED:
        return Decision([*waking(record, by), *drafts], run, "start")
    return Decision(drafts, run)


def _run_command(record: Record, command: c.RunCommand, by: e.Principal) -> Decision:
    """Raises: what `_send` raises."""
    return _send(record, command.as_send(), by)


def _steer(record: Record, command: c.Send, parts: tuple[e.InputPart, ...], by: e.Principal) -> Decision:
    if record.run is UNSET or command.delivery != "steer":
        raise SessionBusy(run=record.run.run if record.run is not UNSET else None)
    check_room(record, parts, queued=False)
    run = record.run.run
    return Decision([draft(e.Steered(message=new_message_id(), input=parts), run=run, by=by)], run)


def _queue(record: Record, parts: tuple[e.InputPart, ...], by: e.Principal) -> Decision:
    check_room(record, parts, queued=True)
    return Decision([draft(e.Queued(message=new_message_id(), input=parts), by=by)])


def _abort(record: Record, command: c.Abort, by: e.Principal) -> Decision:
    if record.run is UNSET or record.run.abort_requested:
        return Decision(run=UNSET if record.run is UNSET else record.run.run)
    run = record.run.run
    mine = [_reply(p, "reject", by) for p in record.pending if p.run == run]
    return Decision([draft(e.AbortRequested(reason=command.reason), run=run, by=by), *mine], run)


def _pause(record: Record, command: c.Pause, by: e.Principal) -> Decision:
    """Raises: SessionArchived, SessionClosed."""
    _must_be_open(record)
    if record.phase is Phase.PAUSED or record.pause_requested:
        return Decision()
    aborted = _abort(record, c.Abort(reason="pause"), by)
    return Decision([*aborted.drafts, draft(e.PauseRequested(), by=by)], aborted.run)


def _resume(record: Record, command: c.Resume, by: e.Principal) -> Decision:
    """Wake; on a live session without a run, let a queue go on that was held. Raises: SessionArchived, SessionClosed,
    SessionBusy: it is just going to sleep."""
    _must_be_open(record)
    if record.phase is Phase.PAUSED:
        return Decision(waking(record, by), then="start")
    if record.pause_requested:
        raise SessionBusy("the session is going to sleep: resume it once it sleeps")
    if record.queue and record.queue_held and record.run is UNSET:
        return _next_of_queue(record)
    return Decision()


def _archive(record: Record, command: c.Archive, by: e.Principal) -> Decision:
    if record.phase in (Phase.ARCHIVED, Phase.ENDED):
        return Decision()
    return Decision([*_stopped(record, "archived"), draft(e.SessionArchived(), by=by)], then="stop")


def ended(record: Record, by: e.Principal) -> Decision:
    """Its last event, with the folder that is not Roost's to destroy. Repeat is success."""
    if record.phase is Phase.ENDED:
        return Decision()
    kept = record.workspace.path if record.workspace.root is UNSET else UNSET
    return Decision([*_stopped(record, "ended"), draft(e.SessionEnded(kept=kept), by=by)])


def _stopped(record: Record, how: Literal["archived", "ended"]) -> list[Draft]:
    """What a session's closing for good means to all that goes on in it."""
    settled = interrupted(record.pending) if record.phase is Phase.ACTIVE else []
    why = f"the session was {how}"
    return [*settled, *run_broken(record, how, why), *loops.halted(record, "cancelled", why)]


def _update(record: Record, command: c.Update, by: e.Principal) -> Decision:
    """Raises: SessionClosed; Forbidden: only its owner decides who sees it; InvalidBody, BodyTooLarge; with a change of
    its loop, what `_change_loop` raises."""
    if record.phase is Phase.ENDED:
        raise SessionClosed
    if command.visibility is not UNSET and not is_owner(record.owner, by):
        raise Forbidden("Only its owner may change who sees a session.")
    check_label(command.label)
    if command.metadata is not UNSET:
        check_metadata(record.metadata | command.metadata)
    fields: dict[str, Any] = {name: getattr(command, name) for name in ("label", "metadata", "visibility", "hidden")}
    fields["tags"] = _tags(record.tags, command)
    check_tags(fields["tags"])
    fields["kit"] = UNSET if command.kit is UNSET else kits.changed(record.kit, command.kit)
    fields = {name: value for name, value in fields.items() if value is not UNSET}
    changed = [draft(e.SessionUpdated(**fields), by=by)] if fields else []
    looped = Decision() if command.loop is UNSET else _change_loop(record, command.loop, by)
    return Decision([*changed, *looped.drafts], looped.run, looped.then)


def _tags(now: Sequence[str], command: c.Update) -> tuple[str, ...] | UnsetType:
    """All tags as they are to be; UNSET: they stay."""
    wanted = now if command.tags is UNSET else command.tags
    kept = [tag for tag in wanted if tag not in command.remove_tags]
    edited = (*kept, *(tag for tag in dict.fromkeys(command.add_tags) if tag not in kept))
    return UNSET if command.tags is UNSET and edited == tuple(now) else edited


def _reply_permission(record: Record, command: c.ReplyPermission, by: e.Principal) -> Decision:
    """Raises: PermissionNotFound; InvalidBody. A rejection also rejects the session's other open permissions, with the
    same message: without one it stops their runs."""
    if command.message is not UNSET and len(command.message) > MAX_MESSAGE_CHARS:
        raise InvalidBody(f"message: at most {MAX_MESSAGE_CHARS} characters")
    entry = _open_request(record, command.request, e.PermissionAsked)
    others: list[Pending] = []
    if command.reply == "reject":
        others = [p for p in record.pending if p is not entry and isinstance(p.asked, e.PermissionAsked)]
    answer = e.PermissionReplied(request=entry.request, reply=command.reply, message=command.message)
    also = [e.PermissionReplied(request=p.request, reply="reject", message=command.message) for p in others]
    drafts = [draft(body, run=p.run, by=by) for p, body in zip((entry, *others), (answer, *also), strict=True)]
    return Decision(drafts, entry.run)


def _reply_question(record: Record, command: c.ReplyQuestion, by: e.Principal) -> Decision:
    """Raises: PermissionNotFound; InvalidBody: not one list of answers per question."""
    entry = _open_request(record, command.request, e.QuestionAsked)
    asked = len(cast(e.QuestionAsked, entry.asked).questions)
    if command.reply == "answer" and len(command.answers) != asked:
        raise InvalidBody(f"answers: {asked} questions were asked, {len(command.answers)} answered")
    answer = e.QuestionReplied(request=entry.request, reply=command.reply, answers=command.answers)
    return Decision([draft(answer, run=entry.run, by=by)], entry.run)


def _configure(record: Record, command: c.Configure, by: e.Principal) -> Decision:
    """Raises: SessionArchived, SessionClosed, ConfigConflict, InvalidBody."""
    _must_be_open(record)
    fields = changes(record, command)
    return Decision([draft(e.ConfigChanged(**fields), by=by)]) if fields else Decision()


def _change_loop(record: Record, command: c.ChangeLoop, by: e.Principal) -> Decision:
    """Raises: SessionArchived, SessionClosed; SessionBusy: it is just going to sleep; what `loops.change` raises."""
    _must_be_open(record)
    drafts = loops.change(record, command, by)
    if drafts and may_wake(command) and (record.phase is Phase.PAUSED or record.pause_requested):
        woken = _resume(record, c.Resume(), by)
        return Decision([*woken.drafts, *drafts], then=woken.then)
    if drafts and command.action == "cancel" and loops.in_iteration(record):
        aborted = _abort(record, c.Abort(reason="loop-cancelled"), by)
        return Decision([*drafts, *aborted.drafts], aborted.run)
    return Decision(drafts)


def _unqueue(record: Record, command: c.Unqueue, by: e.Principal) -> Decision:
    """Raises: MessageNotFound: not in the queue."""
    if all(entry.message != command.message for entry in record.queue):
        raise MessageNotFound(f"{command.message} is not in the queue")
    return Decision([draft(e.Dequeued(message=command.message, dropped=True), by=by)])


def _open_request(record: Record, request: str, kind: type) -> Pending:
    for entry in record.pending:
        if entry.request == request and isinstance(entry.asked, kind):
            return entry
    raise PermissionNotFound


def _reply(entry: Pending, reply: Literal["reject", "interrupted"], by: e.Principal) -> Draft:
    body: AnyBody = e.PermissionReplied(request=entry.request, reply=reply)
    if isinstance(entry.asked, e.QuestionAsked):
        body = e.QuestionReplied(request=entry.request, reply=reply)
    return draft(body, run=entry.run, by=by)


def _must_be_open(record: Record) -> None:
    if record.phase is Phase.ARCHIVED:
        raise SessionArchived
    if record.phase in (Phase.ENDED, Phase.FAILED):
        raise SessionClosed


_DECIDE: Final[dict[type, Callable[[Record, Any, e.Principal], Decision]]] = {
    c.Send: _send,
    c.RunCommand: _run_command,
    c.Abort: _abort,
    c.Pause: _pause,
    c.Resume: _resume,
    c.Archive: _archive,
    c.Update: _update,
    c.ReplyPermission: _reply_permission,
    c.ReplyQuestion: _reply_question,
    c.Configure: _configure,
    c.Unqueue: _unqueue,
    c.ChangeLoop: _change_loop,
}
