"""How a session went, told in the order of its agent's records, as the events of a log. Pure.

A prompt begins a run and ends the one before; a reply of the model is a message; what is open when a run ends is
closed. So whatever the records say, and wherever they break off, what comes out is a log that may stand.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import UNSET, Struct, UnsetType

from roost.model import events as e
from roost.model.envelope import Draft, draft
from roost.model.ids import MessageId, PartId, RunId, TaskId, new_message_id, new_part_id, new_run_id, new_task_id
from roost.model.unreadable import too_deep
from roost.natives.history.values import MAX_FIELD_BYTES, cut, fitting

MAX_PROMPT_BYTES: Final = 128 * 1024
"""Of the words of a prompt, as JSON."""
MAX_PICTURES: Final = 32
"""Files that a prompt may hold; more are left out, and it says so."""
MAX_TEXT_CHARS: Final = 1024 * 1024
"""Of one text of the model."""
PIECE_CHARS: Final = 8 * 1024
"""Of a text, in one event."""
MAX_RESULT_CHARS: Final = 32 * 1024
NO_END: Final = e.Failure(code="interrupted", message="The agent's record ends before its turn does.")
NO_RESULT: Final = "the agent's record holds no result of it"


class Reply(Struct, kw_only=True):
    """A message that is being told. `key`: what the records call it. `ends`: its turn is over with it."""

    message: MessageId
    key: str
    task: TaskId | UnsetType = UNSET
    finish: str = "stop"
    ends: bool = False
    tokens: e.Tokens = e.Tokens()
    cost: float = 0.0
    texts: list[str] = []
    error: e.Failure | UnsetType = UNSET


class Call(Struct, frozen=True):
    """A tool call without a result yet."""

    message: MessageId
    part: PartId
    task: TaskId | UnsetType


class Telling:
    """Every method gives the events that are new. A `lane` is one sub-agent; the agent itself is the lane "".

    `awaiting`: what was asked, if the records have named it before anything shows that it became a turn."""

    def __init__(self, agent: str) -> None:
        self.cost = 0.0
        """US dollars, of all that was told."""
        self.title = ""
        """What the session is called, if the records say so."""
        self.awaiting = ""
        self._agent = agent
        self._run: RunId | UnsetType = UNSET
        self._replies: dict[str, Reply] = {}
        self._tasks: dict[str, TaskId] = {}
        self._calls: dict[str, Call] = {}
        self._outcome: e.Body | None = None
        self._last: Reply | None = None

    # --- turns --------------------------------------------------------------------------------------------------------

    def prompt(
        self, words: str, *pictures: e.FileInput, at: int | UnsetType = UNSET, joins: bool = False
    ) -> Iterator[Draft]:
        """Somebody asks for something. `joins`: while the agent is still at what was asked before."""
        yield from self.stop(NO_END if not joins or self._calls else UNSET)
        self.awaiting = ""
        self._run = new_run_id()
        if len(pictures) > MAX_PICTURES:
            words += f"\n[{len(pictures) - MAX_PICTURES} more files]"
        said = (e.TextInput(text=cut(words, MAX_PROMPT_BYTES)),) if words else ()
        yield self._draft(e.RunStart(message=new_message_id(), input=(*said, *pictures[:MAX_PICTURES]), said_at=at))

    def stop(self, otherwise: e.Failure | UnsetType = NO_END) -> Iterator[Draft]:
        """The turn is over. `otherwise`: its error, if nothing told how it ended; UNSET: it went well."""
        if self._run is UNSET:
            return
        for lane in list(self._replies):
            yield from self.close(lane)
        for call in list(self._calls):
            yield from self.result(call, NO_RESULT, failed=True)
        for task in list(self._tasks):
            yield from self.end_task(task, "aborted")
        yield self._draft(self._outcome or self._ended(otherwise))
        self._run, self._outcome, self._last = UNSET, None, None

    def aborted(self, reason: str = "interrupted") -> Iterator[Draft]:
        """Somebody has stopped the turn."""
        if self._run is not UNSET:
            self._outcome = e.RunAborted(reason=reason)
            for lane in self._replies:
                self.finish("aborted", ends=True, lane=lane)
            yield from self.stop()

    def failed(self, words: str, code: str = "agent_failed") -> None:
        """The turn ends with this error."""
        failure = e.Failure(code=code, message=cut(words, MAX_FIELD_BYTES // 4) or "The agent's model has failed.")
        self._outcome = e.RunError(error=failure)
        if reply := self._replies.get(""):
            reply.error, reply.finish = failure, "error"

    # --- replies ------------------------------------------------------------------------------------------------------

    def reply(
        self, key: str, *, at: int | UnsetType = UNSET, model: str | UnsetType = UNSET, lane: str = ""
    ) -> Iterator[Draft]:
        """What is said next in this lane belongs to the message that the records call `key`."""
        known = self._replies.get(lane)
        if known is not None and known.key == key:
            return
        yield from self.close(lane)
        if self._run is UNSET:
            yield from self.prompt(self.awaiting)
        reply = self._replies[lane] = Reply(message=new_message_id(), key=key, task=self._tasks.get(lane, UNSET))
        yield self._draft(
            e.MessageStart(message=reply.message, task=reply.task, agent=self._agent, model=model, said_at=at)
        )

    def close(self, lane: str = "") -> Iterator[Draft]:
        """The message of this lane is complete."""
        reply = self._replies.pop(lane, None)
        if reply is None:
            return
        told: dict[str, Any] = {"message": reply.message, "task": reply.task}
        if reply.tokens != e.Tokens() or reply.cost:
            self.cost += reply.cost
            spent: dict[str, Any] = {"reason": reply.finish, "tokens": reply.tokens, "cost": reply.cost}
            yield self._draft(e.StepFinish(part=new_part_id(), **told, **spent))
        yield self._draft(e.MessageDone(finish=reply.finish, error=reply.error, **told))
        if not lane:
            self._last = reply

    def say(self, words: str, lane: str = "", *, thought: bool = False) -> Iterator[Draft]:
        """A text of the open message, or what the model thought."""
        reply = self._replies.get(lane)
        if reply is None or not words:
            return
        if len(words) > MAX_TEXT_CHARS:
            words = f"{words[:MAX_TEXT_CHARS]}\n[truncated]"
        part = new_part_id()
        told: dict[str, Any] = {"message": reply.message, "task": reply.task}
        kind = e.ReasoningDelta if thought else e.TextDelta
        yield self._draft(e.PartStart(part=part, kind="reasoning" if thought else "text", **told))
        for at in range(0, len(words), PIECE_CHARS):
            yield self._draft(kind(part=part, delta=words[at : at + PIECE_CHARS], **told))
        yield self._draft(e.PartDone(part=part, **told))
        if not thought:
            reply.texts.append(words[:MAX_RESULT_CHARS])

    def call(self, call: str, tool: str, given: Any, title: str = "", lane: str = "") -> Iterator[Draft]:
        """The open message calls a tool. A call that is known already is not told again."""
        reply = self._replies.get(lane)
        if reply is None or not call or call in self._calls:
            return
        made = self._calls[call] = Call(reply.message, new_part_id(), reply.task)
        told: dict[str, Any] = {"message": made.message, "part": made.part, "task": made.task}
        yield self._draft(e.PartStart(kind="tool", **told))
        named: dict[str, Any] = {"tool": cut(tool, 1024) or "other", "title": cut(title, 1024) or UNSET}
        yield self._draft(e.ToolStart(call=cut(call, 1024), input=fitting(given), **named, **told))

    def result(
        self, call: str, output: str, *, failed: bool = False, about: Mapping[str, Any] | None = None
    ) -> Iterator[Draft]:
        """What came of a call. `about`: diffs and the like. Of a call that nobody made: nothing."""
        made = self._calls.pop(call, None)
        if made is None:
            return
        told: dict[str, Any] = {"message": made.message, "part": made.part, "task": made.task, "call": cut(call, 1024)}
        metadata = fitting(dict(about)) if about else UNSET
        if failed:
            yield self._draft(e.ToolError(error=cut(output) or "the tool failed", metadata=metadata, **told))
        else:
            yield self._draft(e.ToolComplete(output=cut(output), metadata=metadata, **told))

    def show(self, mime: str, url: str, call: str = "", lane: str = "") -> Iterator[Draft]:
        """A picture or file, as a `data:` URL, of the open message, or of a call."""
        reply, made = self._replies.get(lane), self._calls.get(call)
        if made is not None:
            yield self._draft(
                e.Attachment(message=made.message, task=made.task, part=new_part_id(), mime=mime, url=url)
            )
        elif reply is not None:
            at: dict[str, Any] = {"message": reply.message, "task": reply.task}
            yield self._draft(e.Attachment(part=new_part_id(), mime=mime, url=url, **at))

    def finish(self, reason: str, *, ends: bool, lane: str = "") -> None:
        """Why the open message stopped. `ends`: the agent has done what it was asked."""
        if reply := self._replies.get(lane):
            reply.finish, reply.ends = reason, ends

    def use(self, tokens: e.Tokens, cost: float = 0.0, lane: str = "") -> None:
        """What the open message has used in all: said again, it takes the place of what was said before."""
        if reply := self._replies.get(lane):
            reply.tokens, reply.cost = tokens, cost

    def pay(self, cost: float, lane: str = "") -> None:
        """More US dollars, for the open message."""
        if reply := self._replies.get(lane):
            reply.cost += max(0.0, cost)

    def has_called(self, call: str) -> bool:
        """Whether a result of it is awaited."""
        return call in self._calls

    # --- sub-agents ---------------------------------------------------------------------------------------------------

    def task(self, lane: str, agent: str, prompt: str) -> Iterator[Draft]:
        """A sub-agent begins: what it says is told in its lane. One that goes on is not begun again."""
        if lane in self._tasks:
            return
        if self._run is UNSET:
            yield from self.prompt(self.awaiting)
        task = self._tasks[lane] = new_task_id()
        yield self._draft(e.SubtaskStart(task=task, agent=cut(agent, 1024), prompt=cut(prompt)))

    def end_task(self, lane: str, status: str = "completed", result: str = "") -> Iterator[Draft]:
        """The sub-agent is done."""
        if lane not in self._tasks:
            return
        yield from self.close(lane)
        ended = status if status in ("completed", "failed", "aborted") else "completed"
        yield self._draft(e.SubtaskEnd(task=self._tasks.pop(lane), status=ended, result=cut(result) or UNSET))

    # --- the rest -----------------------------------------------------------------------------------------------------

    def plan(self, todos: tuple[e.Todo, ...]) -> Iterator[Draft]:
        yield self._draft(e.TodosUpdated(todos=todos))

    def summary(self, words: str, reason: str = "requested") -> Iterator[Draft]:
        """The model saw this from then on, in place of what was said before."""
        message, part = new_message_id(), new_part_id()
        yield self._draft(e.Compacting(reason=reason))
        yield self._draft(e.MessageStart(message=message, role="system"))
        for at in range(0, min(len(words), MAX_TEXT_CHARS), PIECE_CHARS):
            yield self._draft(e.TextDelta(message=message, part=part, delta=words[at : at + PIECE_CHARS]))
        yield self._draft(e.MessageDone(message=message))
        yield self._draft(e.Compacted(message=message))

    def native(self, record: Any, reason: str) -> Iterator[Draft]:
        """A record that is not understood: kept as it is, or what fits of it."""
        yield self._draft(e.Native(raw=fitting(record), reason=reason, source=self._agent))

    # --- inside -------------------------------------------------------------------------------------------------------

    def _ended(self, otherwise: e.Failure | UnsetType) -> e.Body:
        reply = self._last
        if otherwise is not UNSET and (reply is None or not reply.ends):
            return e.RunError(error=otherwise)
        if reply is None:
            return e.RunComplete()
        text = "".join(reply.texts)[:MAX_RESULT_CHARS]
        return e.RunComplete(result=e.RunResult(message=reply.message, text=text or UNSET))

    def _draft(self, body: e.Body) -> Draft:
        """What could not be read again is told as `native`. A prompt never is: what follows names its run."""
        made = draft(body, run=self._run)
        if not isinstance(body, e.RunStart | e.Attachment) and (len(made.raw) > e.MAX_BODY_BYTES or too_deep(made.raw)):
            raw = cut(made.raw.decode(errors="replace"))
            made = draft(e.Native(raw=raw, reason="too large, or nested too deeply", source=self._agent), run=self._run)
        return made
