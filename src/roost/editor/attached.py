"""A session that an editor has open: told of what happens in it, and asked to do things."""

import logging
from contextlib import aclosing, suppress
from typing import Any, Final, Protocol

import anyio
from acp import RequestError
from anyio.abc import TaskGroup
from msgspec import UNSET, UnsetType

from roost.client import AsyncSession
from roost.client.runs import Waiting, ends, failure_of
from roost.editor.asking import Answer, answer_of, request_of, words_of
from roost.editor.settings import Choices
from roost.editor.telling import Teller, Update, joined
from roost.model import events as e
from roost.model.envelope import Event
from roost.model.errors import PermissionNotFound, RoostError, RunNotFound, SessionBusy, StreamLost
from roost.model.events import InputPart
from roost.model.ids import MessageId, RequestId, RunId
from roost.model.info import Accepted, SessionInfo

PAGE: Final = 1000
"""Events that are read at once for a replay."""
NEWS: Final = (e.AgentConfigured, e.AgentState, e.MessageDone, e.RunComplete, e.RunAborted, e.RunError)
"""After these the agent may say other things of itself."""
SET_SECONDS: Final = 20.0
"""How long an agent may take to be set to something."""
META: Final = "roost"

log = logging.getLogger("roost.editor")


class Editor(Protocol):
    """The other end."""

    async def tell(self, method: str, params: dict[str, Any]) -> None:
        """A notification. In the order of the calls."""
        ...

    async def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Raises: RequestError, ConnectionError."""
        ...

    async def withdraw(self, name: str) -> None:
        """Take back the request that carries this name, if it is still open."""
        ...


class _Prompt:
    """An input of the editor, from its record to the end of its run."""

    def __init__(self, accepted: Accepted) -> None:
        self.run: RunId | UnsetType = accepted.run
        self.message: MessageId | UnsetType = UNSET
        self.end: Event | None = None
        self.given_up = False
        self.known = anyio.Event()
        self.stop = "end_turn"
        self.over = anyio.Event()
        self._accepted, self._waiting = accepted, Waiting(accepted)

    def hear(self, event: Event) -> None:
        if event.seq == self._accepted.seq and isinstance(event.body, e.Queued):
            self.message = event.body.message
            self.known.set()
        if self.run is UNSET:
            try:
                self.run = self._waiting.run_after(event)
            except RunNotFound:
                self.given_up = True
                return
        if self.run is not UNSET:
            self.known.set()
            self.end = event if ends(event, self.run) else None


class Attached:
    """One session. `run` follows it until cancelled, once it was brought to a cursor by `begin`."""

    def __init__(self, session: AsyncSession, info: SessionInfo, editor: Editor) -> None:
        self.session = session
        self.choices = Choices()
        self.cancels = 0
        """How often the editor has cancelled: a prompt that is still on its way may be meant."""
        self._editor = editor
        self._teller = Teller(_root(info))
        self._seq = info.seq
        self._prompts: list[_Prompt] = []
        self._open: dict[RequestId, e.PermissionAsked | e.QuestionAsked] = {}
        self._asking: dict[RequestId, anyio.CancelScope] = {}
        self._turn = anyio.Lock()
        self._scope = anyio.CancelScope()
        self._configured = anyio.Event()
        self._refused: tuple[e.Refusal, ...] = ()

    # --- following ---

    async def begin(self, *, silent_from: int, told_from: int) -> int:
        """Take in what happened from the one cursor, and tell what did from the other, up to what the session had come
        to when it was looked at; returns that. Raises: CursorAhead, CursorTrimmed."""
        after, last = min(silent_from, told_from), self._seq
        if told_from > last:
            await self.session.read(after=told_from, limit=1)
        while after < last:
            page = await self.session.read(after=after, limit=min(PAGE, last - after))
            told: list[tuple[int, Update]] = []
            for event in page.events:
                updates = self._take_in(event)
                if event.seq > told_from:
                    told += [(event.seq, update) for update in updates]
                after = event.seq
            await self._tell_all(told)
            if not page.events:
                break
        self._seq = after
        return after

    async def run(self, opened: anyio.Event) -> None:
        """Follow it, from where `begin` has come to, once the editor knows that it is open. What is asked already is
        asked now."""
        with self._scope:
            await opened.wait()
            if self.choices.commands:
                commands = {"sessionUpdate": "available_commands_update", "availableCommands": self.choices.commands}
                await self._send(commands)
            async with anyio.create_task_group() as asking:
                for request in list(self._open):
                    asking.start_soon(self._ask, request)
                try:
                    await self._follow(asking)
                except RoostError as error:
                    log.warning("%s is not followed any more: %s", self.session.id, error)
                asking.cancel_scope.cancel()
            self._end()  # also if there will be no more: it was ended or deleted

    def leave(self) -> None:
        """Follow it no more; the session goes on by itself."""
        self._scope.cancel()
        self._end()

    async def _follow(self, asking: TaskGroup) -> None:
        async with aclosing(self.session.events(after=self._seq)) as events:
            async for event in events:
                async with self._turn:  # a prompt that is being handed over is known before its events are told
                    await self._hear(event, asking)

    async def _hear(self, event: Event, asking: TaskGroup) -> None:
        for prompt in self._prompts:
            prompt.hear(event)
        body, own = event.body, self._is_own(event)
        updates = self._take_in(event, own=own)
        for prompt in self._prompts:
            prompt.stop = self._teller.stop if prompt.end is event else prompt.stop
        await self._tell(event.seq, updates)
        if isinstance(body, e.PermissionAsked | e.QuestionAsked):
            asking.start_soon(self._ask, body.request)
        elif isinstance(body, e.PermissionReplied | e.QuestionReplied | e.RequestWithdrawn):
            await self._withdraw(body.request)
        if isinstance(body, NEWS):
            await self._tell_news()
        if isinstance(body, e.AgentConfigured):
            self._refused = body.refused
            self._configured.set()
        for prompt in self._prompts:
            if prompt.end or prompt.given_up:  # now that all of it has been told
                prompt.over.set()
        self._prompts = [prompt for prompt in self._prompts if not prompt.over.is_set()]

    def _take_in(self, event: Event, *, own: bool = False) -> list[Update]:
        body = event.body
        updates = self._teller.tell(event, own=own)
        if isinstance(body, e.PermissionAsked | e.QuestionAsked):
            self._open[body.request] = body
            if isinstance(body, e.QuestionAsked) and request_of(body) is None:
                content = {"type": "text", "text": words_of(body)}
                updates.append({"sessionUpdate": "agent_message_chunk", "content": content})
        elif isinstance(body, e.PermissionReplied | e.QuestionReplied | e.RequestWithdrawn):
            self._open.pop(body.request, None)
        return updates

    def _is_own(self, event: Event) -> bool:
        """Whether it is of a prompt of the editor: its input, or the end of its run."""
        return event.run is not UNSET and any(prompt.run == event.run for prompt in self._prompts)

    # --- telling ---

    async def _tell_all(self, told: list[tuple[int, Update]]) -> None:
        """Of a replay: pieces of one text together, under the seq of the last."""
        at = 0
        while at < len(told):
            end = at + 1
            while end < len(told) and len(joined([told[at][1], told[end][1]])) == 1:
                end += 1
            (update,) = joined([each for _, each in told[at:end]])
            seq, behind = told[end - 1][0], end
            while behind < len(told) and told[behind][0] == seq:
                behind += 1
            await self._send(update, seq, behind - end)
            at = end

    async def _tell(self, seq: int, updates: list[Update]) -> None:
        for number, update in enumerate(updates, 1):
            await self._send(update, seq, len(updates) - number)

    async def _send(self, update: Update, seq: int | None = None, more: int = 0) -> None:
        """`seq`: the cursor behind this update; `more`: so many of the same event are still to come."""
        params: dict[str, Any] = {"sessionId": self.session.id, "update": update}
        if seq is not None:
            params["_meta"] = {META: {"seq": seq} | ({"more": more} if more else {})}
        await self._editor.tell("session/update", params)

    async def _tell_news(self) -> None:
        """What the agent says of itself now, if that is something else."""
        with suppress(RoostError):
            for update in self.choices.news((await self.session.info()).capabilities):
                await self._send(update)

    # --- deciding ---

    async def _ask(self, request: RequestId) -> None:
        """Ask the editor; its answer counts if nobody was faster."""
        asked = self._open.get(request)
        told = request_of(asked) if asked else None
        if asked is None or told is None:
            return
        params = {"sessionId": self.session.id, **told, "_meta": {META: {"request": request}}}
        with anyio.CancelScope() as scope, suppress(RequestError, ConnectionError):
            self._asking[request] = scope
            answer = answer_of(asked, (await self._editor.ask("session/request_permission", params)).get("outcome", {}))
            del self._asking[request]
            if answer is not None:
                await self._answer(asked, answer)
        self._asking.pop(request, None)

    async def _answer(self, asked: e.PermissionAsked | e.QuestionAsked, answer: Answer) -> None:
        try:
            if isinstance(asked, e.PermissionAsked):
                assert answer in ("once", "always", "reject")
                await self.session.reply_to_permission(asked.request, answer)
            else:
                await self.session.reply_to_question(asked.request, None if isinstance(answer, str) else answer)
        except PermissionNotFound:
            pass  # somebody was faster
        except RoostError as error:
            log.warning("an answer was not taken: %s", error)

    async def _withdraw(self, request: RequestId) -> None:
        """It is decided: by the editor, or elsewhere, and then the editor is not to ask any more."""
        scope = self._asking.pop(request, None)
        if scope is not None:
            scope.cancel()
            await self._editor.withdraw(request)

    # --- doing ---

    async def prompt(self, parts: list[InputPart], cancels: int) -> tuple[str, RunId | UnsetType]:
        """Hand it over and wait for the end of its run: the protocol's reason for that, and the run. `cancels`: as many
        as there were when the editor said it. Raises: RequestError: the run has failed; StreamLost; what
        `AsyncSession.start` raises."""
        async with self._turn:
            if cancels != self.cancels:
                return "cancelled", UNSET
            try:
                accepted = await self.session.start(parts)
            except SessionBusy:
                accepted = await self.session.start(parts, delivery="queue")
            prompt = _Prompt(accepted)
            self._prompts.append(prompt)
        if cancels != self.cancels:
            await prompt.known.wait()
            await self._stop([prompt])
        await prompt.over.wait()
        if prompt.end is None:
            if prompt.given_up:
                return "cancelled", UNSET
            raise StreamLost("The session is not followed any more.")
        failure = failure_of(prompt.end)
        if isinstance(prompt.end.body, e.RunError) and failure is not UNSET:
            raise RequestError(-32603, failure.message, {"code": failure.code})
        return "cancelled" if isinstance(prompt.end.body, e.RunAborted) else prompt.stop, prompt.run

    async def set(self, change: dict[str, Any]) -> None:
        """Set model, mode or options (`AsyncSession.configure`); an agent that is here has done so when this returns.
        Raises: RequestError: it has refused; OptionUnknown."""
        self._configured = anyio.Event()
        await self.session.configure(**change)
        now = await self.session.options()
        if not now.live or all(
            now.settings.get(name) == value for name, value in change.get("options", change).items()
        ):
            return  # it sleeps, and is set when it wakes; or it is set so already
        with anyio.move_on_after(SET_SECONDS):
            await self._configured.wait()
        if self._configured.is_set() and self._refused:
            raise RequestError.invalid_params({"details": "; ".join(each.reason for each in self._refused)})

    async def cancel(self) -> None:
        """Stop the open run, and give up what the editor has queued."""
        self.cancels += 1
        await self._stop(self._prompts)

    async def _stop(self, prompts: list[_Prompt]) -> None:
        for prompt in prompts:
            if prompt.run is UNSET and prompt.message is not UNSET:
                with suppress(RoostError):
                    await self.session.unqueue(prompt.message)
        with suppress(RoostError):
            await self.session.abort(wait=False)

    def _end(self) -> None:
        """Nobody hears any more how prompts end."""
        for prompt in self._prompts:
            prompt.known.set()
            prompt.over.set()


def _root(info: SessionInfo) -> str:
    """The folder it works in."""
    place = info.workspace
    return str(place.root) if place.root is not UNSET else str(place.path) if place.path is not UNSET else "/"
