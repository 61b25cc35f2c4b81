"""One run as its driver sees it (ports.Turn)."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import monotonic

import anyio
from anyio.lowlevel import checkpoint

from roost.host.coalesce import Coalescer
from roost.host.errands import Errands
from roost.host.outbox import Outbox
from roost.host.tree import Command, Tree
from roost.model.envelope import AnyBody, encode_body
from roost.model.errors import SpoolFull
from roost.model.events import (
    Blob,
    Body,
    FileInput,
    InputPart,
    PermissionAsked,
    PermissionReplied,
    Question,
    QuestionAsked,
    QuestionReplied,
    RequestWithdrawn,
)  # fmt: skip
from roost.model.ids import RequestId, RunId, Seq, new_request_id

EMITS_PER_CHECKPOINT = 64

Reply = PermissionReplied | QuestionReplied


class RunTurn:
    """An open run. The host feeds it with what it reads from the log; the driver takes and emits."""

    def __init__(
        self,
        run: RunId,
        parts: tuple[InputPart, ...],
        *,
        outbox: Outbox,
        tree: Tree,
        env: Mapping[str, str],
        errands: Errands,
    ) -> None:
        self.run, self.input, self.env = run, parts, env
        self.workspace = Path()
        """Set before the driver sees the turn."""
        self.stopped: str | None = None
        """Why the run is being stopped, once it is."""
        self.closed = False
        """The hub has written the run's end."""
        self.scope = anyio.CancelScope()
        """Around the driver's work."""
        self.done = anyio.Event()
        """The driver has returned."""
        self._outbox, self._tree, self._errands = outbox, tree, errands
        self._coalescer = Coalescer()
        self._moved = anyio.Event()
        self._emitted = 0
        self._steers: list[tuple[Seq, tuple[InputPart, ...]]] = []
        self._waiting: dict[RequestId, anyio.Event] = {}
        self._replies: dict[RequestId, Reply] = {}

    # --- what the driver calls ---

    async def emit(self, *bodies: Body | bytes) -> None:
        held, now = self._coalescer.deadline, monotonic()
        ready: list[bytes] = []
        try:
            for body in bodies:
                ready += self._coalescer.add(body, now)
        finally:  # one that cannot be encoded does not take those before it along
            self._outbox.put(ready, self.run)
        if held != self._coalescer.deadline:
            self._moved.set()
        self._emitted += len(bodies)
        if self._emitted >= EMITS_PER_CHECKPOINT:
            self._emitted = 0
            await checkpoint()

    async def drained(self, below: int) -> None:
        while self._outbox.unacknowledged >= below:
            await self._outbox.progress()
        await checkpoint()

    async def ask(self, asked: PermissionAsked) -> PermissionReplied:
        async with self._asking(asked.request) as answered:
            await self.emit(asked)
            await answered.wait()
            reply = self._replies[asked.request]
        assert isinstance(reply, PermissionReplied)
        return reply

    async def ask_question(self, *questions: Question) -> QuestionReplied:
        asked = QuestionAsked(request=new_request_id(), questions=questions)
        async with self._asking(asked.request) as answered:
            await self.emit(asked)
            await answered.wait()
            reply = self._replies[asked.request]
        assert isinstance(reply, QuestionReplied)
        return reply

    async def spawn(self, command: Sequence[str] | str, *, cwd: Path | None = None) -> Command:
        return await self._tree.spawn(command, cwd=cwd or self.workspace, env=self.env, run=self.run)

    async def keep(self, content: bytes | Path, mime: str) -> Blob:
        if isinstance(content, Path):
            return await self._errands.keep_file(self.workspace, str(content), mime)
        return await self._errands.keep(content, mime)

    async def fetch(self, part: FileInput) -> bytes:
        return await self._errands.content_of(part)

    def steered(self) -> Sequence[tuple[InputPart, ...]]:
        inputs = [parts for _, parts in self._steers]
        self._steers.clear()
        return inputs

    def _withdraw(self, request: RequestId) -> None:
        with suppress(SpoolFull):  # the run is about to end, and what it has asked with it
            self.flush()
            self._outbox.put([encode_body(RequestWithdrawn(request=request))], self.run)

    # --- what the host calls ---

    def steer(self, seq: Seq, parts: tuple[InputPart, ...]) -> None:
        self._steers.append((seq, parts))

    def answer(self, reply: AnyBody) -> bool:
        """Take a reply from the log; False: nobody here waits for it."""
        if not isinstance(reply, PermissionReplied | QuestionReplied) or reply.request not in self._waiting:
            return False
        self._replies[reply.request] = reply
        self._waiting[reply.request].set()
        return True

    def read_up_to(self, cursor: Seq) -> Seq:
        """The cursor this run's end may claim: before the first input that the driver has not taken."""
        return min([cursor, *(seq - 1 for seq, _ in self._steers)])

    def flush(self) -> None:
        """Send what is held back. Raises: SpoolFull."""
        self._outbox.put(self._coalescer.flush(monotonic()), self.run)

    async def keep_flushing(self) -> None:
        """Send held deltas when their time has come, until cancelled."""
        while True:
            self._moved = anyio.Event()
            deadline = self._coalescer.deadline
            with anyio.move_on_after(None if deadline is None else max(0.0, deadline - monotonic())):
                await self._moved.wait()
            try:
                self._outbox.put(self._coalescer.due(monotonic()), self.run)
            except SpoolFull:
                return  # the host stops the run

    @asynccontextmanager
    async def _asking(self, request: RequestId) -> AsyncGenerator[anyio.Event]:
        """Registered before the request leaves, so that no reply can pass it. Who waits no more withdraws it, unless
        the run is being stopped: then the hub settles what is open."""
        answered = self._waiting[request] = anyio.Event()
        try:
            yield answered
        except BaseException:
            if not answered.is_set() and self.stopped is None:
                self._withdraw(request)
            raise
        finally:
            self._waiting.pop(request, None)
            self._replies.pop(request, None)
