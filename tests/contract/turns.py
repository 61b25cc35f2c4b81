"""A turn in memory, for drivers under contract: it keeps what is said and answers as it is told."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import anyio
from anyio.lowlevel import checkpoint
from msgspec import UNSET, UnsetType

from roost.host.coalesce import Coalescer
from roost.host.home import AgentHome
from roost.host.tree import Tree
from roost.model.envelope import AnyBody, Event, decode_body
from roost.model.events import (
    AgentConfigured,
    Blob,
    Body,
    FileInput,
    InputPart,
    PermissionAsked,
    PermissionReplied,
    Question,
    QuestionAsked,
    QuestionReplied,
    TakenUp,
    TextInput,
)
from roost.model.ids import RequestId, RunId, Seq, new_session_id
from roost.ports import Process

Permit = Callable[[PermissionAsked], PermissionReplied]


def permit_once(asked: PermissionAsked) -> PermissionReplied:
    return PermissionReplied(request=asked.request, reply="once")


class Finished:
    """A command that has printed its line and ended."""

    pid = 0

    def __init__(self, printed: bytes, code: int) -> None:
        self._printed, self._code = printed, code

    async def output(self) -> AsyncIterator[bytes]:
        yield self._printed

    async def wait(self) -> int:
        return self._code

    async def kill(self) -> None:
        return None


@asynccontextmanager
async def agent_home(folder: Path, configured: list[AgentConfigured] | None = None) -> AsyncGenerator[AgentHome]:
    """A real one: what is launched in it is a real process, gone with the block. `configured`: takes how agents say
    that they are set."""
    said = [] if configured is None else configured
    tree = Tree(f"{new_session_id()}.1.alone", folder / ".mark")  # by which it is killed: nobody else has it
    async with anyio.create_task_group() as tasks:
        home = AgentHome(tree, lambda _capabilities: None, said.append, folder=folder / ".screen")
        await tasks.start(home.run)
        try:
            yield home
        finally:
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                assert await tree.kill()


class MemoryPast:
    """A ports.Past of a session without events."""

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        self.state: Mapping[str, Any] = state or {}

    def keep(self, state: Mapping[str, Any], taken_up: TakenUp | UnsetType = UNSET) -> None:
        self.state = json.loads(json.dumps(dict(state)))

    async def events(self, after: Seq = 0) -> AsyncIterator[Event]:
        for event in ():
            yield event


class MemoryTurn:
    """A ports.Turn. Spawned commands only pretend: `false` fails, everything else prints itself."""

    def __init__(self, prompt: str, workspace: Path, *, permit: Permit = permit_once) -> None:
        self.run = RunId("run_1")
        self.input: tuple[InputPart, ...] = (TextInput(text=prompt),)
        self.workspace = workspace
        self.env: Mapping[str, str] = {}
        self.said: list[AnyBody] = []
        self.grown = anyio.Event()
        self.joining: list[tuple[InputPart, ...]] = []
        self._coalescer = Coalescer()
        self._now = 0.0
        self._permit = permit

    async def emit(self, *bodies: Body | bytes) -> None:
        for body in bodies:
            self._now += 1.0
            self.said += [decode_body(raw) for raw in self._coalescer.add(body, self._now)]
        self.grown.set()
        self.grown = anyio.Event()
        await checkpoint()

    async def drained(self, below: int) -> None:
        assert below > 0
        await checkpoint()

    async def ask(self, asked: PermissionAsked) -> PermissionReplied:
        await self.emit(asked)
        return self._permit(asked)

    async def ask_question(self, *questions: Question) -> QuestionReplied:
        request = RequestId("req_1")
        await self.emit(QuestionAsked(request=request, questions=questions))
        first = tuple((q.options[0].label if q.options else "yes",) for q in questions)
        return QuestionReplied(request=request, reply="answer", answers=first)

    async def spawn(self, command: Sequence[str] | str, *, cwd: Path | None = None) -> Process:
        text = command if isinstance(command, str) else " ".join(command)
        return Finished(text.encode() + b"\n", 1 if text == "false" else 0)

    async def keep(self, content: bytes | Path, mime: str) -> Blob:
        data = (self.workspace / content).read_bytes() if isinstance(content, Path) else content
        return Blob(hash=f"sha256-{sha256(data).hexdigest()}", size=len(data), mime=mime)

    async def fetch(self, part: FileInput) -> bytes:
        return part.url.encode()

    def steered(self) -> Sequence[tuple[InputPart, ...]]:
        joined, self.joining = self.joining, []
        return joined

    async def until(self, found: Callable[[], object]) -> None:
        """Wait until what was said fulfils this."""
        with anyio.fail_after(10):
            while not found():
                await self.grown.wait()
