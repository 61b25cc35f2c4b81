"""What is asked of a session and recorded there: by a handle with requests, by a socket with frames, in the same
words."""

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import UNSET

from roost.client.callbacks import Reply
from roost.model.commands import AnyCommand, Archive, ReplyPermission, ReplyQuestion, Resume, Send, Unqueue
from roost.model.events import InputPart
from roost.model.ids import MessageId, RequestId
from roost.model.info import Accepted

Delivery = Literal["prompt", "steer", "queue"]
Input = str | Sequence[InputPart]


class AsyncCommanding:
    """Commands. Each is recorded once, however often the connection is lost meanwhile, and returns once it is.

    Every method may raise SessionNotFound, Forbidden, SessionArchived, SessionClosed, RateLimited, HubUnreachable.
    """

    async def _command(self, command: AnyCommand, key: str | None = None) -> Accepted:
        """Have it recorded, under this idempotency key or a new one."""
        raise NotImplementedError

    async def start(self, given: Input, *, delivery: Delivery = "prompt", key: str | None = None) -> Accepted:
        """Hand over input and return once it is recorded. `key`: your own idempotency key, to repeat the call safely
        from another process too.

        Raises: SessionBusy (delivery `prompt`), SessionArchived, SessionClosed, QueueFull, BodyTooLarge.
        """
        text, parts = (given, UNSET) if isinstance(given, str) else (UNSET, tuple(given))
        return await self._command(Send(text=text, input=parts, delivery=delivery), key)

    async def steer(self, given: Input, *, key: str | None = None) -> Accepted:
        """Input that joins the open run; without one it is a prompt. What the run did not take in any more goes to the
        head of the queue. Returns once it is recorded; `events_of` it shows the rest."""
        return await self.start(given, delivery="steer", key=key)

    async def queue(self, given: Input, *, key: str | None = None) -> Accepted:
        """Input that waits for its own run; without anything to wait for it is a prompt. Raises: QueueFull."""
        return await self.start(given, delivery="queue", key=key)

    async def unqueue(self, message: str) -> Accepted:
        """Give up an input that waits. Raises: MessageNotFound: it does not wait (any more)."""
        return await self._command(Unqueue(message=MessageId(message)))

    async def resume(self) -> Accepted:
        """Wake; on a live session without a run, let a held queue go on. Returns before the host is up. Raises:
        SessionArchived, SessionClosed."""
        return await self._command(Resume())

    async def archive(self) -> Accepted:
        """Stop everything and keep the history, for good."""
        return await self._command(Archive())

    async def reply_to_permission(
        self, request: str, reply: Reply, message: str | None = None, *, key: str | None = None
    ) -> Accepted:
        """Answer a permission request, for everybody. `always` also allows from now on what the request proposes.
        `reject` without a message stops the run; with one, the agent reads it and goes on. Either rejects the session's
        other open permissions too. Raises: PermissionNotFound: unknown, or answered already."""
        said = UNSET if message is None else message
        return await self._command(ReplyPermission(request=RequestId(request), reply=reply, message=said), key)

    async def reply_to_question(self, request: str, answers: Sequence[Sequence[str]] | None) -> Accepted:
        """Answer a question, or reject it (None). Raises: PermissionNotFound."""
        return await (self.reject_question(request) if answers is None else self.answer_question(request, answers))

    async def answer_question(self, request: str, answers: Sequence[Sequence[str]]) -> Accepted:
        """One list of labels, or own words, per question. Raises: PermissionNotFound."""
        given = tuple(tuple(answer) for answer in answers)
        return await self._command(ReplyQuestion(request=RequestId(request), answers=given))

    async def reject_question(self, request: str) -> Accepted:
        """Raises: PermissionNotFound."""
        return await self._command(ReplyQuestion(request=RequestId(request), reply="reject"))


def route_of(command: AnyCommand) -> tuple[str, str, Any]:
    """Method, path below the session's, and body of a command's own route."""
    match command:
        case Send():
            return "POST", "/input", command
        case Unqueue():
            return "DELETE", f"/queue/{command.message}", None
        case ReplyPermission():
            said = {} if command.message is UNSET else {"message": command.message}
            return "POST", f"/permissions/{command.request}", {"reply": command.reply, **said}
        case ReplyQuestion():
            given = {} if command.reply == "reject" else {"answers": command.answers}
            return "POST", f"/questions/{command.request}", {"reply": command.reply, **given}
        case _:
            return "POST", f"/{command.__struct_config__.tag}", None
