"""What is asked of a session and recorded there: by a handle with requests, by a socket with frames, in the same
words."""

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import UNSET

from roost.client.absent import or_absent
from roost.client.callbacks import Reply
from roost.model.commands import (
    AnyCommand,
    Archive,
    ChangeLoop,
    LoopRequest,
    ReplyPermission,
    ReplyQuestion,
    Resume,
    RunCommand,
    Send,
    Unqueue,
)
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

    async def start_command(
        self, name: str, args: str = "", *, delivery: Delivery = "prompt", key: str | None = None
    ) -> Accepted:
        """Run a command of the agent's own, and return once that is recorded. Raises: what `start` raises;
        CommandNotFound: the agent, which is here, has it not."""
        return await self._command(RunCommand(name=name, args=args, delivery=delivery), key)

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

    async def start_loop(
        self, goal: str | None = None, *, max_iterations: int | None = None, auto_continue: bool | None = None,
        allow_detached: bool | None = None,
    ) -> Accepted:  # fmt: skip
        """Work towards a goal, without one towards the session's task, in one run after the other: until the agent says
        that it is reached, `max_iterations` are over, or a run fails. Not `auto_continue`: each next one waits for
        `resume_loop`, or for input. Not `allow_detached`: also while nobody is attached. Raises: LoopRunning."""
        return await self._loop("start", goal, max_iterations, auto_continue, allow_detached)

    async def adjust_loop(
        self, goal: str | None = None, *, max_iterations: int | None = None, auto_continue: bool | None = None,
        allow_detached: bool | None = None,
    ) -> Accepted:  # fmt: skip
        """Change what is given, from the next iteration on. Raises: LoopNotFound, LoopEnded."""
        return await self._loop("adjust", goal, max_iterations, auto_continue, allow_detached)

    async def pause_loop(self) -> Accepted:
        """No further iteration; the one that goes on comes to its end. Raises: LoopNotFound, LoopEnded."""
        return await self._command(ChangeLoop(action="pause"))

    async def resume_loop(self) -> Accepted:
        """Go on with the next iteration; wakes a session that sleeps. Raises: LoopNotFound, LoopEnded."""
        return await self._command(ChangeLoop(action="resume"))

    async def cancel_loop(self) -> Accepted:
        """End it, and the run of its iteration. Raises: LoopNotFound, LoopEnded."""
        return await self._command(ChangeLoop(action="cancel"))

    async def _loop(
        self, action: Literal["start", "adjust"], goal: str | None, most: int | None, goes_on: bool | None,
        detached: bool | None,
    ) -> Accepted:  # fmt: skip
        wanted = LoopRequest(
            goal=or_absent(goal),
            max_iterations=or_absent(most),
            auto_continue=or_absent(goes_on),
            allow_detached=or_absent(detached),
        )
        return await self.change_loop(ChangeLoop(action=action, loop=wanted))

    async def change_loop(self, command: ChangeLoop) -> Accepted:
        """The same from a command made elsewhere."""
        return await self._command(command)

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
        case ChangeLoop():
            return "POST", "/loop", command
        case RunCommand():
            return "POST", "/commands", command
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
