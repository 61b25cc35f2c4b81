"""Being told of a run while it goes on: one function for each kind of thing that happens (`AsyncSession.send`).

They are called in the order of the events, one at a time; a coroutine is awaited. What one of them raises stops nothing
at the hub: the first such error is raised once the run has ended.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from inspect import isawaitable
from typing import Any, Final, Literal, Protocol, TypedDict, cast

import anyio

from roost.client.runs import ends, failure_of
from roost.client.stream import OnLink
from roost.model import events as e
from roost.model.conversation import Conversation
from roost.model.envelope import Event
from roost.model.errors import InvalidRequest, PermissionNotFound, RoostError, RunNotFound
from roost.model.ids import RunId
from roost.model.info import Accepted
from roost.model.messages import FilePart, Part, RetryPart, StepFinishPart, StepStartPart, ToolPart
from roost.model.record import Pending

Reply = Literal["once", "always", "reject"]
PermissionReply = Reply | tuple[Reply, str | None]
"""What to answer, and with a rejection, what the agent should do instead."""
Answers = Sequence[Sequence[str]] | None
"""One list of labels, or own words, for each question; None rejects."""
FAILED: Final = "whoever was to decide this could not"
"""Told to the agent when `on_permission` raised, or gave no answer."""


class Callbacks(TypedDict, total=False):
    """Each may be a function or a coroutine function. `on_event` is given every event, before the others."""

    on_event: Callable[[Event], object]
    on_text: Callable[[str], object]
    on_reasoning: Callable[[str], object]
    on_tool_start: Callable[[ToolPart], object]
    on_tool_complete: Callable[[ToolPart], object]
    on_tool_error: Callable[[ToolPart], object]
    on_attachment: Callable[[FilePart], object]
    on_step_start: Callable[[StepStartPart], object]
    on_step_finish: Callable[[StepFinishPart], object]
    on_retry: Callable[[RetryPart], object]
    on_permission: Callable[[e.PermissionAsked], PermissionReply | Awaitable[PermissionReply]]
    on_question: Callable[[e.QuestionAsked], Answers | Awaitable[Answers]]
    on_todos: Callable[[tuple[e.Todo, ...]], object]
    on_compacted: Callable[[], object]
    on_error: Callable[[e.Failure], object]
    on_connect: Callable[[], object]
    on_disconnect: Callable[[], object]


class Answering(Protocol):
    """What of a session is needed here."""

    def events(self, *, after: int, until: Callable[[Event], bool], on_link: OnLink) -> AsyncGenerator[Event]: ...

    async def pending(self) -> tuple[Pending, ...]: ...

    async def reply_to_permission(self, request: str, reply: Reply, message: str | None = None) -> Accepted: ...

    async def reply_to_question(self, request: str, answers: Answers) -> Accepted: ...


class Listener:
    """Follows one run and calls back. `patience`: seconds after which a permission that nobody has answered is answered
    with `default`, and a question rejected; None waits for ever."""

    def __init__(
        self, session: Answering, callbacks: Callbacks, *, patience: float | None, default: PermissionReply
    ) -> None:
        self._session, self._patience, self._default = session, patience, default
        self._callbacks = cast(dict[str, Callable[..., Any]], callbacks)
        self._conversation = Conversation(storing=False)
        self._steps: list[e.StepFinish] = []
        self._failed: Exception | None = None

    async def follow(self, run: RunId, after: int) -> tuple[Event, list[e.StepFinish]]:
        """The event that ends this run, and its steps. Raises: what a callback raised; RunNotFound; StreamLost."""
        lost: RoostError | None = None
        last: Event | None = None
        async with anyio.create_task_group() as late:
            try:
                events = self._session.events(after=after, until=lambda event: ends(event, run), on_link=self._linked)
                async with aclosing(events):
                    async for event in events:
                        await self._take(event, run, late)
                        last = event
            except RoostError as error:  # out of the group as it is, not as a group
                lost = error
            late.cancel_scope.cancel()
        if lost is not None:
            raise lost
        if self._failed is not None:
            raise self._failed
        if last is None or not ends(last, run):
            raise RunNotFound(f"the log ended without an end of run {run}", run=run)
        return last, self._steps

    async def _linked(self, up: bool) -> None:
        await self._call("on_connect" if up else "on_disconnect")

    async def _take(self, event: Event, run: RunId, late: anyio.abc.TaskGroup) -> None:
        await self._call("on_event", event)
        if event.run != run:
            return
        self._conversation.apply(event, None)
        match event.body:
            case e.TextDelta(delta=delta):
                await self._call("on_text", delta)
            case e.ReasoningDelta(delta=delta):
                await self._call("on_reasoning", delta)
            case e.PermissionAsked() | e.QuestionAsked() as asked:
                await self._asked(asked, late)
            case e.TodosUpdated(todos=todos):
                await self._call("on_todos", todos)
            case e.Compacted():
                await self._call("on_compacted")
            case e.RunError():
                await self._call("on_error", failure_of(event))
            case e.Said() as said:
                await self._part(said)
            case _:
                pass

    async def _part(self, said: e.Said) -> None:
        if isinstance(said, e.StepFinish):
            self._steps.append(said)
        name = _PARTS.get(type(said))
        if name in self._callbacks and (part := self._find(said)) is not None:
            await self._call(name, part)

    def _find(self, said: Any) -> Part | None:
        """The part that this event is about, as it stands after it."""
        messages = (m for m in reversed(self._conversation.messages) if m.info.id == said.message)
        return next((part for message in messages for part in message.parts if part.id == said.part), None)

    async def _call(self, name: str, *arguments: object) -> Any:
        """What the callback gives; None if there is none, or if it raised."""
        callback = self._callbacks.get(name)
        if callback is None:
            return None
        try:
            given = callback(*arguments)
            return await given if isawaitable(given) else given
        except Exception as error:  # noqa: BLE001  # raised once the run is over
            self._failed = self._failed or error
            return None

    # --- deciding ---

    async def _asked(self, asked: e.PermissionAsked | e.QuestionAsked, late: anyio.abc.TaskGroup) -> None:
        name = "on_permission" if isinstance(asked, e.PermissionAsked) else "on_question"
        if name in self._callbacks:
            await self._decide(name, asked)
        elif self._patience is not None:
            late.start_soon(self._answer_late, asked, self._patience)

    async def _decide(self, name: str, asked: e.PermissionAsked | e.QuestionAsked) -> None:
        """Ask the callback, unless a rule or somebody else has answered already."""
        if all(entry.request != asked.request for entry in await self._session.pending()):
            return
        reply: Any = self._default if isinstance(asked, e.PermissionAsked) else None
        with anyio.move_on_after(self._patience):
            reply = await self._call(name, asked)
        await self._answer(asked, reply)

    async def _answer_late(self, asked: e.PermissionAsked | e.QuestionAsked, seconds: float) -> None:
        await anyio.sleep(seconds)
        await self._answer(asked, self._default if isinstance(asked, e.PermissionAsked) else None)

    async def _answer(self, asked: e.PermissionAsked | e.QuestionAsked, reply: Any) -> None:
        """Somebody else may have been quicker. What is no answer (the callback failed) is a rejection."""
        with suppress(PermissionNotFound):
            try:
                await self._reply(asked, reply)
            except InvalidRequest as error:
                self._failed = self._failed or error
                await self._reply(asked, None)

    async def _reply(self, asked: e.PermissionAsked | e.QuestionAsked, reply: Any) -> None:
        if isinstance(asked, e.QuestionAsked):
            await self._session.reply_to_question(asked.request, reply)
            return
        given = cast(PermissionReply, reply or ("reject", FAILED))
        word, message = given if isinstance(given, tuple) else (given, None)
        await self._session.reply_to_permission(asked.request, word, message)


_PARTS: Final[dict[type, str]] = {
    e.ToolStart: "on_tool_start",
    e.ToolComplete: "on_tool_complete",
    e.ToolError: "on_tool_error",
    e.Attachment: "on_attachment",
    e.StepStart: "on_step_start",
    e.StepFinish: "on_step_finish",
    e.Retry: "on_retry",
}

__all__ = ["Answers", "Callbacks", "Listener", "PermissionReply", "Reply"]
