"""The conversation as a fold of events: open messages that grow, and the last finished ones.

Rules, beside what the events say by themselves:

- Any conversation event opens its message if it is not known yet: `message-start` is not needed, nor `part-start`.
- A message is finished when it is done and nothing in it is open. Its own run may still add to it; then it is final.
- Input (`run-start`, `steered`) is a user message, finished at once; the same message is never said twice.
- A run's end cuts what is open in its messages: it stays, marked partial. So does the end of an epoch, for all.
- The conversation refuses nothing: what makes no sense (a second end of a tool) changes neither it nor the metrics.

Memory is bounded by what is open and the last `KEPT` finished messages.
"""

from bisect import insort
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Final, TypeVar, cast

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from roost.model import events as e
from roost.model.envelope import AnyBody, Event
from roost.model.ids import MessageId, PartId, RunId, Seq
from roost.model.lifecycle import CLOSES_EPOCH, RUN_ENDS
from roost.model.messages import (
    FilePart,
    Message,
    MessageInfo,
    Part,
    PatchPart,
    ReasoningPart,
    RetryPart,
    StepFinishPart,
    StepStartPart,
    TextPart,
    encode_message,
)  # fmt: skip
from roost.model.record import Metrics, Record, was_said
from roost.model.stored import StoredMessage
from roost.model.unfinished import OpenMessage, OpenText, OpenTool, is_finished

KEPT: Final = 50
"""Finished messages that stay in memory and in snapshots."""
ABORTED: Final = "aborted"
"""The code of a message's error when its run was aborted."""
MOST: Final = 2**53 - 1
"""Where sums stop: the largest whole number that every JSON reader reads as it is."""

_Number = TypeVar("_Number", int, float)
_Said = Callable[[Any, OpenMessage, Any, Event], None]


class Conversation:
    """`apply` takes the events of one log in order. `metrics` counts what it has taken in."""

    def __init__(
        self, messages: Iterable[Message] = (), metrics: Metrics | None = None, *, storing: bool = True
    ) -> None:
        """Goes on from `messages`, in order. `storing`: finished messages wait in memory for `take_finished`."""
        self.metrics = metrics or Metrics()
        self._done: list[Message] = []
        self._open: dict[MessageId, OpenMessage] = {}
        self._finished: dict[MessageId, Message] | None = {} if storing else None
        self._going: tuple[type, MessageId, PartId, RunId | UnsetType, OpenText] | None = None
        """What the last event was a piece of: another piece of it changes nothing but the text."""
        for message in messages:
            if is_finished(message):
                self._done.append(message)
            else:
                self._open[message.info.id] = OpenMessage.again(message)

    @property
    def messages(self) -> tuple[Message, ...]:
        """The last finished messages and all open ones, in order."""
        return tuple(sorted((*self._done, *(m.served() for m in self._open.values())), key=_place))

    @property
    def open_from(self) -> Seq | UnsetType:
        """The seq of the first message that is open."""
        return min((m.info.first for m in self._open.values()), default=UNSET)

    def message(self, wanted: MessageId) -> Message | None:
        """An open message as far as it has been said, or one of the last finished ones."""
        found = self._open.get(wanted)
        return self._finished_one(wanted) if found is None else found.served()

    def info(self, wanted: MessageId) -> MessageInfo | None:
        """The same without its parts."""
        found = self._open.get(wanted) or self._finished_one(wanted)
        return None if found is None else found.info

    def _finished_one(self, wanted: MessageId) -> Message | None:
        return next((message for message in reversed(self._done) if message.info.id == wanted), None)

    def take_finished(self) -> list[StoredMessage]:
        """The messages finished, or finished anew, since the last call: to be stored, replacing what has their id."""
        taken, self._finished = self._finished or {}, None if self._finished is None else {}
        return [StoredMessage(id=m.info.id, first=m.info.first, data=encode_message(m)) for m in taken.values()]

    def apply(self, event: Event, record: Record | None) -> None:
        """Take in one event. `record` is the record before it: it knows what has been said and who is answered."""
        body = event.body
        self._going = None
        handle = self._SAYING.get(type(body))
        if handle is not None:
            message = self._find(cast(e.Said, body), event, record)
            if message is not None:
                handle(self, message, body, event)
                if message.info.completed is not UNSET:
                    self._settle(message)
        elif isinstance(body, e.RunStart | e.Steered):
            self._say(body, event, record)
        elif isinstance(body, RUN_ENDS):
            self._cut([m for m in self._open.values() if m.info.run == event.run], event, _error(body))
        elif isinstance(body, CLOSES_EPOCH):
            self._cut(list(self._open.values()), event, UNSET)
        elif isinstance(body, e.FilesChanged):
            self._patch(body, event)
        elif isinstance(body, e.Compacted) and body.message is not UNSET:
            self._summarise(body.message)

    def more(self, body: AnyBody, run: RunId | UnsetType) -> bool:
        """Take in an event that is another piece of the text that the last one was a piece of. False: it is not, and
        nothing has changed."""
        going = self._going
        if going is None or type(body) is not going[0]:
            return False
        piece = cast("e.TextDelta | e.ReasoningDelta", body)
        _, message, part, named, text = going
        if piece.part != part or piece.message != message or run != named:
            return False
        text.chunks.append(piece.delta)
        return True

    # --- messages -----------------------------------------------------------------------------------------------------

    def _find(self, body: e.Said, event: Event, record: Record | None) -> OpenMessage | None:
        """The open message this is about: opened now, or again for its own run; None if it is final."""
        found = self._open.get(body.message)
        if found is not None:
            return found
        done = self._finished_one(body.message)
        if done is None:
            return self._begin(body, event, record)
        if event.run is UNSET or done.info.run != event.run or done.info.role == "user":
            return None
        return self._reopen(done)

    def _reopen(self, done: Message) -> OpenMessage:
        self._done.remove(done)
        message = self._open[done.info.id] = OpenMessage.again(done)
        return message

    def _begin(self, body: e.Said, event: Event, record: Record | None) -> OpenMessage:
        run = record.run if record is not None else UNSET
        answers = run.message if run is not UNSET and run.run == event.run and body.task is UNSET else UNSET
        info = MessageInfo(
            id=body.message,
            role="assistant",
            created=event.at,
            first=event.seq,
            session=UNSET if record is None else record.session,
            parent=answers,
            task=body.task,
            run=event.run,
        )
        message = self._open[body.message] = OpenMessage(info)
        self.metrics = replace(self.metrics, messages=self.metrics.messages + 1)
        return message

    def _say(self, body: e.RunStart | e.Steered, event: Event, record: Record | None) -> None:
        if self._knows(body.message, record):
            return
        info = MessageInfo(
            id=body.message,
            role="user",
            created=event.at,
            completed=event.at,
            first=event.seq,
            session=UNSET if record is None else record.session,
            run=event.run,
            by=event.by,
            said_at=body.said_at if isinstance(body, e.RunStart) else UNSET,
        )
        parts = tuple(_given(body.message, n, part, event.at) for n, part in enumerate(body.input))
        counted = self.metrics
        self.metrics = replace(counted, messages=counted.messages + 1, inputs=counted.inputs + 1)
        self._finish(Message(info=info, parts=parts))

    def _knows(self, message: MessageId, record: Record | None) -> bool:
        """Whether this input is a message already: steered into an earlier run, or offered again."""
        if message in self._open or any(m.info.id == message for m in self._done):
            return True
        if record is None:
            return False
        run = record.run  # open before a run-start only when a fold is made again from a store
        return was_said(record, message) or (run is not UNSET and run.message == message and run.said)

    def _settle(self, message: OpenMessage) -> None:
        if message.is_settled:
            del self._open[message.info.id]
            self._finish(message.served())

    def _finish(self, message: Message) -> None:
        insort(self._done, message, key=_place)
        del self._done[:-KEPT]
        if self._finished is not None:
            self._finished[message.info.id] = message

    def _cut(self, messages: Sequence[OpenMessage], event: Event, error: e.Failure | UnsetType) -> None:
        for message in messages:
            for part in message.parts.values():
                if isinstance(part, OpenTool) and part.status == "running":
                    self._count(part)
            message.cut(event.at, error)
            self._settle(message)

    def _summarise(self, wanted: MessageId) -> None:
        done = self._finished_one(wanted)
        message = self._open.get(wanted) if done is None else self._reopen(done)
        if message is not None:
            message.info = replace(message.info, summary=True)
            self._settle(message)

    def _patch(self, body: e.FilesChanged, event: Event) -> None:
        """A part of the last message that the run has said. One that said nothing has nothing to show it in."""
        infos = [m.info for m in (*self._done, *self._open.values())]
        said = [i for i in infos if i.run == event.run and i.role == "assistant" and i.task is UNSET]
        if event.run is UNSET or not said:
            return
        last = max(said, key=lambda info: info.first).id
        message = self._open.get(last) or self._reopen(next(m for m in self._done if m.info.id == last))
        part = PartId(f"patch_{event.seq}")
        message.parts[part] = PatchPart(id=part, files=body.files, truncated=body.truncated)
        if message.info.completed is not UNSET:
            self._settle(message)

    # --- what is said in a message ------------------------------------------------------------------------------------

    def _message_start(self, message: OpenMessage, body: e.MessageStart, _: Event) -> None:
        given = {n: v for n in ("agent", "model", "parent", "task", "said_at") if (v := getattr(body, n)) is not UNSET}
        message.info = replace(message.info, role=body.role, **given)

    def _message_done(self, message: OpenMessage, body: e.MessageDone, event: Event) -> None:
        message.finish(event.at, body.finish, body.error)

    def _part_start(self, message: OpenMessage, body: e.PartStart, event: Event) -> None:
        if body.kind in ("text", "reasoning") and body.part not in message.parts:
            message.parts[body.part] = OpenText(body.part, _KINDS[body.kind], event.at)

    def _delta(self, message: OpenMessage, body: e.TextDelta | e.ReasoningDelta, event: Event) -> None:
        part = message.parts.get(body.part)
        if part is None:
            kind = TextPart if type(body) is e.TextDelta else ReasoningPart
            part = message.parts[body.part] = OpenText(body.part, kind, event.at)
        if type(part) is OpenText:
            part.add(body.delta)
            self._going = (type(body), body.message, body.part, event.run, part)

    def _part_reset(self, message: OpenMessage, body: e.PartReset, _: Event) -> None:
        part = message.parts.get(body.part)
        if isinstance(part, OpenText):
            part.chunks, part.end = [], UNSET
        elif isinstance(part, OpenTool) and part.status == "pending":
            part.raw = []

    def _part_done(self, message: OpenMessage, body: e.PartDone, event: Event) -> None:
        part = message.parts.get(body.part)
        if part is None and body.text is not UNSET:
            part = message.parts[body.part] = OpenText(body.part, TextPart, event.at)
        if isinstance(part, OpenText):
            part.chunks = part.chunks if body.text is UNSET else [body.text]
            part.finish(event.at)
        elif isinstance(part, OpenTool) and part.status == "pending" and body.text is not UNSET:
            part.raw = [body.text]

    def _tool_input(self, message: OpenMessage, body: e.ToolInputDelta, _: Event) -> None:
        part = message.tool(body.part, body.call)
        if part is not None and part.status == "pending":
            part.raw.append(body.delta)

    def _tool_start(self, message: OpenMessage, body: e.ToolStart, event: Event) -> None:
        part = message.tool(body.part, body.call)
        if part is not None and part.is_open:
            self._count(part, body.tool)
            part.run(event.at, body.input, body.title)

    def _tool_delta(self, message: OpenMessage, body: e.ToolDelta, event: Event) -> None:
        part = message.tool(body.part, body.call)
        if part is not None and part.is_open:
            if part.status == "pending":
                part.run(event.at)
            part.output.append(body.delta)

    def _tool_complete(self, message: OpenMessage, body: e.ToolComplete, event: Event) -> None:
        part = message.tool(body.part, body.call)
        if part is not None and part.is_open:
            self._count(part)
            part.metadata = part.metadata if body.metadata is UNSET else body.metadata
            part.end_well(event.at, body.output, body.title)

    def _tool_error(self, message: OpenMessage, body: e.ToolError, event: Event) -> None:
        part = message.tool(body.part, body.call)
        if part is not None and part.is_open:
            self._count(part)
            part.metadata = part.metadata if body.metadata is UNSET else body.metadata
            part.end_badly(event.at, body.error)

    def _count(self, part: OpenTool, name: str = "unknown") -> None:
        """A call counts once, when it is first named; one that nobody named, when it ends."""
        if part.tool is UNSET:
            part.tool = name
            usage = self.metrics.tool_usage
            usage = usage | {name: usage.get(name, 0) + 1}
            self.metrics = replace(self.metrics, tool_calls=self.metrics.tool_calls + 1, tool_usage=usage)

    def _attachment(self, message: OpenMessage, body: e.Attachment, _: Event) -> None:
        part = FilePart(id=body.part, mime=body.mime, filename=body.filename, url=body.url, blob=body.blob)
        if isinstance(message.parts.setdefault(body.part, part), FilePart):
            message.parts[body.part] = part

    def _step_start(self, message: OpenMessage, body: e.StepStart, _: Event) -> None:
        message.parts.setdefault(body.part, StepStartPart(id=body.part))

    def _step_finish(self, message: OpenMessage, body: e.StepFinish, _: Event) -> None:
        part = body.part
        if isinstance(message.parts.get(part), StepStartPart):
            part = PartId(f"{part}.end")  # the step's start has this id: both stay
        if part in message.parts:
            return
        message.parts[part] = StepFinishPart(id=part, reason=body.reason, tokens=body.tokens, cost=body.cost)
        info, metrics = message.info, self.metrics
        before = e.Tokens() if info.tokens is UNSET else info.tokens
        paid = 0.0 if info.cost is UNSET else info.cost
        message.info = replace(info, tokens=_sum(before, body.tokens), cost=_added(paid, body.cost))
        tokens, cost = _sum(metrics.tokens, body.tokens), _added(metrics.cost, body.cost)
        self.metrics = replace(metrics, steps=metrics.steps + 1, tokens=tokens, cost=cost)

    def _retry(self, message: OpenMessage, body: e.Retry, event: Event) -> None:
        part = RetryPart(id=body.part, attempt=body.attempt, error=body.error, created=event.at, next_ms=body.next_ms)
        if isinstance(message.parts.setdefault(body.part, part), RetryPart):
            message.parts[body.part] = part

    _SAYING: ClassVar[dict[type, _Said]] = {
        e.MessageStart: _message_start,
        e.MessageDone: _message_done,
        e.PartStart: _part_start,
        e.TextDelta: _delta,
        e.ReasoningDelta: _delta,
        e.ToolInputDelta: _tool_input,
        e.PartReset: _part_reset,
        e.PartDone: _part_done,
        e.ToolStart: _tool_start,
        e.ToolDelta: _tool_delta,
        e.ToolComplete: _tool_complete,
        e.ToolError: _tool_error,
        e.Attachment: _attachment,
        e.StepStart: _step_start,
        e.StepFinish: _step_finish,
        e.Retry: _retry,
    }


def _place(message: Message) -> Seq:
    return message.info.first


def _given(message: MessageId, number: int, part: e.InputPart, at: int) -> Part:
    name = PartId(f"{message}.{number}")
    if isinstance(part, e.TextInput):
        return TextPart(id=name, text=part.text, start=at, end=at)
    return FilePart(id=name, mime=part.mime, filename=part.filename, url=part.url)


def _error(body: e.Body) -> e.Failure | UnsetType:
    """What an open message of a run that ends like this is told."""
    if isinstance(body, e.RunAborted):
        return e.Failure(code=ABORTED, message=f"the run was aborted: {body.reason}")
    return body.error if isinstance(body, e.RunError) else UNSET


def _sum(one: e.Tokens, two: e.Tokens) -> e.Tokens:
    return e.Tokens(**{n: _added(getattr(one, n), getattr(two, n)) for n in e.Tokens.__struct_fields__})


def _added(one: _Number, two: _Number) -> _Number:
    return max(min(one + two, MOST), -MOST)


_KINDS: Final[dict[str, type[TextPart] | type[ReasoningPart]]] = {"text": TextPart, "reasoning": ReasoningPart}
