"""One run with an agent: its prompts, what it says to them, what it asks meanwhile."""

import base64
import binascii
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

import anyio
import anyio.abc
import msgspec
from acp import RequestError
from acp.schema import RequestPermissionRequest

from roost.drivers.acp import files
from roost.drivers.acp.calls import MAX_FIELD_BYTES
from roost.drivers.acp.permissions import CANCELLED, allowed, asked_for, feedback, outcome
from roost.drivers.acp.terminals import Terminals
from roost.drivers.acp.tools import CALLS
from roost.drivers.acp.translate import SOURCE, Media, Said, Saying
from roost.model import events as e
from roost.model.errors import RoostError
from roost.ports import Turn

MAX_ASKED_BYTES: Final = 128 * 1024
"""Of a permission: a longer one could not be shown whole, so it is not asked."""


class Exchange:
    """Takes what the agent says in the order in which it says it. Made anew for each run."""

    def __init__(self, turn: Turn, tasks: anyio.abc.TaskGroup, agent: str) -> None:
        """`tasks` live as long as the run."""
        self.turn, self.aborted = turn, False
        self.saying = Saying(agent)
        self.terminals = Terminals(turn, tasks, self._printed)
        self._agent = agent
        self._feedback: list[str] = []
        self._asking: set[anyio.CancelScope] = set()

    def note(self, words: Iterable[str]) -> None:
        """Tell the agent this in its next turn, as it has no other way to learn it."""
        self._feedback += words

    def ended_by_rejection(self, reason: str) -> bool:
        """Whether a turn that has ended like this was ended by the agent because something was not allowed."""
        return not self.aborted and self.saying.rejected and (reason == "cancelled" or self.saying.speechless)

    def again(self) -> None:
        """The agent begins another turn of the same run: what it says now is another message."""
        self.saying = Saying(self._agent)

    def abort(self) -> None:
        """What it has asked is not answered any more."""
        self.aborted = True
        for scope in self._asking:
            scope.cancel()

    def joined(self) -> list[tuple[e.InputPart, ...]]:
        """What the agent is to be told next: why something was rejected, and inputs that have joined the run."""
        told = [(e.TextInput(text="\n".join(self._feedback)),)] if self._feedback else []
        self._feedback.clear()
        return [*told, *self.turn.steered()]

    async def say(self, said: Iterable[Said]) -> None:
        """Hand events over, in order."""
        for body in said:
            await self.turn.emit(await self._kept(body) if isinstance(body, Media) else body)

    async def asked(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Raises: RequestError, ValidationError."""
        match method:
            case "session/request_permission":
                return await self._permission(params)
            case "fs/read_text_file":
                return await files.read_text_file(self.turn.workspace, params)
            case "fs/write_text_file":
                return await files.write_text_file(self.turn.workspace, params)
            case _ if method.startswith("terminal/"):
                return await self.terminals.asked(method, params)
            case _:
                raise RequestError.method_not_found(method)

    async def _permission(self, params: dict[str, Any]) -> dict[str, Any]:
        RequestPermissionRequest.model_validate(params)
        options, given = params["options"], params["toolCall"]
        call = self.saying.calls.get(given["toolCallId"])
        if call is not None and call.input:  # what was said of it before may say more, and stays what is shown
            await self.say(self.saying.call({**given, "rawInput": None}))
        else:
            await self.say(self.saying.call(given))
        call = self.saying.calls[given["toolCallId"]]
        if call.tool == "other" and call.title in CALLS:
            return allowed(options)
        asked = asked_for(call, given, self.saying.message, self.turn.workspace, options)
        if len(msgspec.json.encode(asked)) > MAX_ASKED_BYTES:
            raise RequestError.invalid_params({"details": f"over {MAX_ASKED_BYTES} bytes to be decided"})
        with anyio.CancelScope() as scope:
            if self.aborted:
                return CANCELLED
            self._asking.add(scope)
            try:
                reply = await self.turn.ask(asked)
            finally:
                self._asking.discard(scope)
            if reply.reply == "reject":
                self.saying.reject()
            if words := feedback(asked, reply):
                self._feedback.append(words)
            return outcome(reply, options)
        return CANCELLED

    async def _printed(self, terminal: str, text: str) -> None:
        await self.say(self.saying.print(terminal, text))

    async def _kept(self, media: Media) -> e.Body:
        """As an attachment: within the event if it is small, else kept by the hub."""
        about = e.Attachment(message=media.message, part=media.part, mime=media.mime)
        if len(media.data) <= MAX_FIELD_BYTES:
            return msgspec.structs.replace(about, url=f"data:{media.mime};base64,{media.data}")
        with suppress(RoostError, binascii.Error):
            blob = await self.turn.keep(base64.b64decode(media.data, validate=True), media.mime)
            return msgspec.structs.replace(about, blob=blob)
        return e.Native(raw={"mimeType": media.mime}, reason="content that could not be kept", source=SOURCE)
