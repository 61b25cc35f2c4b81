"""Made from roost/client/commanding.py (make docs): do not edit.

What is asked of a session and recorded there: by a handle with requests, by a socket with frames, in the same
words.
"""

from collections.abc import Sequence
from typing import cast

from roost.client.callbacks import Reply
from roost.client.commanding import AsyncCommanding, Delivery, Input
from roost.client.sync.portal import Twin
from roost.model.commands import ChangeLoop
from roost.model.info import Accepted


class Commanding(Twin):
    """Commands. Each is recorded once, however often the connection is lost meanwhile, and returns once it is.

    Every method may raise SessionNotFound, Forbidden, SessionArchived, SessionClosed, RateLimited, HubUnreachable.
    """

    @property
    def _async(self) -> AsyncCommanding:
        return cast(AsyncCommanding, self._twin)

    def start(self, given: Input, *, delivery: Delivery = "prompt", key: str | None = None) -> Accepted:
        """Hand over input and return once it is recorded. `key`: your own idempotency key, to repeat the call safely
        from another process too.

        Raises: SessionBusy (delivery `prompt`), SessionArchived, SessionClosed, QueueFull, BodyTooLarge.
        """
        return self._portal.call(self._async.start, given, delivery=delivery, key=key)

    def steer(self, given: Input, *, key: str | None = None) -> Accepted:
        """Input that joins the open run; without one it is a prompt. What the run did not take in any more goes to the
        head of the queue. Returns once it is recorded; `events_of` it shows the rest."""
        return self._portal.call(self._async.steer, given, key=key)

    def queue(self, given: Input, *, key: str | None = None) -> Accepted:
        """Input that waits for its own run; without anything to wait for it is a prompt. Raises: QueueFull."""
        return self._portal.call(self._async.queue, given, key=key)

    def start_command(
        self, name: str, args: str = "", *, delivery: Delivery = "prompt", key: str | None = None
    ) -> Accepted:
        """Run a command of the agent's own, and return once that is recorded. Raises: what `start` raises;
        CommandNotFound: the agent, which is here, has it not."""
        return self._portal.call(self._async.start_command, name, args, delivery=delivery, key=key)

    def unqueue(self, message: str) -> Accepted:
        """Give up an input that waits. Raises: MessageNotFound: it does not wait (any more)."""
        return self._portal.call(self._async.unqueue, message)

    def resume(self) -> Accepted:
        """Wake; on a live session without a run, let a held queue go on. Returns before the host is up. Raises:
        SessionArchived, SessionClosed."""
        return self._portal.call(self._async.resume)

    def archive(self) -> Accepted:
        """Stop everything and keep the history, for good."""
        return self._portal.call(self._async.archive)

    def start_loop(
        self,
        goal: str | None = None,
        *,
        max_iterations: int | None = None,
        auto_continue: bool | None = None,
        allow_detached: bool | None = None,
    ) -> Accepted:
        """Work towards a goal, without one towards the session's task, in one run after the other: until the agent says
        that it is reached, `max_iterations` are over, or a run fails. Not `auto_continue`: each next one waits for
        `resume_loop`, or for input. Not `allow_detached`: also while nobody is attached. Raises: LoopRunning."""
        return self._portal.call(
            self._async.start_loop,
            goal,
            max_iterations=max_iterations,
            auto_continue=auto_continue,
            allow_detached=allow_detached,
        )

    def adjust_loop(
        self,
        goal: str | None = None,
        *,
        max_iterations: int | None = None,
        auto_continue: bool | None = None,
        allow_detached: bool | None = None,
    ) -> Accepted:
        """Change what is given, from the next iteration on. Raises: LoopNotFound, LoopEnded."""
        return self._portal.call(
            self._async.adjust_loop,
            goal,
            max_iterations=max_iterations,
            auto_continue=auto_continue,
            allow_detached=allow_detached,
        )

    def pause_loop(self) -> Accepted:
        """No further iteration; the one that goes on comes to its end. Raises: LoopNotFound, LoopEnded."""
        return self._portal.call(self._async.pause_loop)

    def resume_loop(self) -> Accepted:
        """Go on with the next iteration; wakes a session that sleeps. Raises: LoopNotFound, LoopEnded."""
        return self._portal.call(self._async.resume_loop)

    def cancel_loop(self) -> Accepted:
        """End it, and the run of its iteration. Raises: LoopNotFound, LoopEnded."""
        return self._portal.call(self._async.cancel_loop)

    def change_loop(self, command: ChangeLoop) -> Accepted:
        """The same from a command made elsewhere."""
        return self._portal.call(self._async.change_loop, command)

    def reply_to_permission(
        self, request: str, reply: Reply, message: str | None = None, *, key: str | None = None
    ) -> Accepted:
        """Answer a permission request, for everybody. `always` also allows from now on what the request proposes.
        `reject` without a message stops the run; with one, the agent reads it and goes on. Either rejects the session's
        other open permissions too. Raises: PermissionNotFound: unknown, or answered already."""
        return self._portal.call(self._async.reply_to_permission, request, reply, message, key=key)

    def reply_to_question(self, request: str, answers: Sequence[Sequence[str]] | None) -> Accepted:
        """Answer a question, or reject it (None). Raises: PermissionNotFound."""
        return self._portal.call(self._async.reply_to_question, request, answers)

    def answer_question(self, request: str, answers: Sequence[Sequence[str]]) -> Accepted:
        """One list of labels, or own words, per question. Raises: PermissionNotFound."""
        return self._portal.call(self._async.answer_question, request, answers)

    def reject_question(self, request: str) -> Accepted:
        """Raises: PermissionNotFound."""
        return self._portal.call(self._async.reject_question, request)
