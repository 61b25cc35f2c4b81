"""Plays a script: one assistant message, a part or more for each step."""

import os
import signal
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from time import monotonic, monotonic_ns
from typing import Any, Final, Literal, Protocol

import anyio
import msgspec
from anyio import to_thread
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from roost.drivers.scripted import lookout, script, tools
from roost.drivers.scripted.say import DeltaPress, closed, opened, spoken, texts
from roost.model.errors import RoostError, error_from
from roost.model.events import (
    ArtifactPublished,
    Failure,
    FileInput,
    GoalUpdated,
    InputPart,
    Kit,
    MessageDone,
    PartDone,
    PartStart,
    PermissionAsked,
    RunResult,
    StepFinish,
    SubtaskEnd,
    SubtaskStart,
    TextInput,
    Todo,
    TodosUpdated,
)  # fmt: skip
from roost.model.ids import MessageId, TaskId, new_message_id, new_part_id, new_request_id
from roost.ports import Past, Turn

BATCH = 256
WINDOW = 2048
"""Deltas that are as fast as acknowledged keep less than this many events on the way."""
MAX_RESULT_CHARS = 32 * 1024
MAX_TEXT_BYTES = 64 * 1024
"""A longer artifact is kept beside the log."""


def read_input(parts: Sequence[InputPart]) -> list[script.Step]:
    """What an input asks for. Raises: ScriptInvalid."""
    said = [p.text for p in parts if isinstance(p, TextInput)]
    begin = next((number for number, text in enumerate(said) if script.is_script(text)), None)
    if begin is not None:  # what the host says first is for agents that read
        return script.read_script("\n".join(said[begin:]))
    text = "\n".join(p.text if isinstance(p, TextInput) else f"[{p.filename or p.mime}]" for p in parts)
    return [script.Step(text=text)]


class Agent(Protocol):
    """Whose run it is (driver.py)."""

    options: dict[str, Any]
    past: Past | None

    async def hang(self) -> None: ...


class Play:
    """One run."""

    def __init__(self, turn: Turn, agent: Agent) -> None:
        self.turn, self.agent = turn, agent
        self.message = new_message_id()
        self.stopped = False
        """A permission was rejected without a word: no step follows."""
        self._said: list[str] = []
        self._chars = 0
        self._closed = False

    async def all(self, steps: Sequence[script.Step]) -> None:
        """Every step, and those of inputs that join on the way. Raises: RoostError: a step asked for it."""
        await self.turn.emit(opened(self.message))
        try:
            await self._each(steps)
        except RoostError as error:
            failed = Failure(code=error.code, message=error.message)
            await self._close(MessageDone(message=self.message, finish="error", error=failed))
            raise
        await self._close(closed(self.message, "aborted" if self.stopped else "stop"))

    async def result(self) -> RunResult:
        """How it went; ends the message of a play that was cut off."""
        if not self._closed:
            await self._close(closed(self.message, "aborted"))
        text = "".join(self._said)
        return RunResult(message=self.message, text=text if self._chars <= MAX_RESULT_CHARS else UNSET)

    def spoke(self, pieces: Iterable[str], chars: int) -> None:
        """Count this in for the result; too much of it, and the result has no text."""
        self._chars += chars
        if self._chars <= MAX_RESULT_CHARS:
            self._said += pieces

    async def say(self, text: str) -> None:
        self.spoke([text], len(text))
        await self.turn.emit(*spoken(self.message, text))

    async def _each(self, steps: Sequence[script.Step]) -> None:
        for step in (*steps, None):
            for parts in self.turn.steered():
                await self._each(read_input(parts))
            if step is not None and not self.stopped:
                await STEPS[step.name](self, getattr(step, step.name))

    async def _close(self, done: MessageDone) -> None:
        self._closed = True
        await self.turn.emit(done)


async def _text(play: Play, text: str) -> None:
    await play.say(text)


async def _reasoning(play: Play, text: str) -> None:
    await play.turn.emit(*spoken(play.message, text, reasoning=True))


async def _deltas(play: Play, deltas: script.Deltas) -> None:
    if deltas.task is None:
        await _stream(play.turn, deltas, play.message, UNSET)
        play.spoke(texts(deltas), deltas.count * deltas.bytes)
        return
    task, message = TaskId(deltas.task), new_message_id()
    await play.turn.emit(SubtaskStart(task=task, agent="scripted"), opened(message, task))
    await _stream(play.turn, deltas, message, task)
    await play.turn.emit(closed(message, task=task), SubtaskEnd(task=task))


async def _stream(turn: Turn, deltas: script.Deltas, message: MessageId, task: TaskId | UnsetType) -> None:
    part = new_part_id()
    press = DeltaPress(deltas, message, part, task)
    await turn.emit(PartStart(message=message, part=part, task=task))
    start, sent = monotonic(), 0
    while sent < deltas.count:
        due = deltas.count
        if deltas.per_second:
            due = min(due, int((monotonic() - start) * deltas.per_second) + 1)
            if due <= sent:
                await anyio.sleep(max(0.0, start + sent / deltas.per_second - monotonic()))
                continue
        batch = min(due - sent, BATCH)
        await turn.emit(*press.print(sent, batch, monotonic_ns()))
        sent += batch
        if not deltas.per_second:
            await turn.drained(WINDOW)
    await turn.emit(PartDone(message=message, part=part, task=task))


async def _write(play: Play, write: script.Write) -> None:
    await tools.write(play.turn, play.message, write.path, write.content)


async def _bash(play: Play, bash: script.Bash) -> None:
    await tools.bash(play.turn, play.message, bash.command)


async def _ask(play: Play, ask: script.Asking) -> None:
    asked = PermissionAsked(
        request=new_request_id(), permission=ask.permission, patterns=ask.patterns, always=ask.always
    )
    reply = await play.turn.ask(asked)
    if reply.reply in ("once", "always"):
        await play.say(f"{ask.permission}: allowed {reply.reply}")
    elif reply.message:
        await play.say(f"{ask.permission}: rejected: {reply.message}")
    else:
        play.stopped = True


async def _question(play: Play, question: str | script.Choice) -> None:
    reply = await play.turn.ask_question(script.choice(question))
    answer = ", ".join(label for answer in reply.answers for label in answer)
    await play.say(f"answered: {answer}" if reply.reply == "answer" else f"question: {reply.reply}")


async def _todos(play: Play, todos: Sequence[str | Todo]) -> None:
    await play.turn.emit(TodosUpdated(todos=script.todo_list(todos)))


async def _usage(play: Play, usage: script.Usage) -> None:
    await play.turn.emit(
        StepFinish(message=play.message, part=new_part_id(), tokens=usage.tokens, cost=usage.cost),
    )


async def _artifact(play: Play, artifact: script.Artifact) -> None:
    about = ArtifactPublished(key=artifact.key, mime=artifact.mime, version=artifact.version)
    content: bytes | Path = artifact.text.encode() if artifact.path is UNSET else Path(artifact.path)
    if isinstance(content, bytes) and len(content) <= MAX_TEXT_BYTES:
        await play.turn.emit(replace(about, text=artifact.text))
    else:
        await play.turn.emit(replace(about, blob=await play.turn.keep(content, artifact.mime)))


async def _files(play: Play, folder: str) -> None:
    for number, part in enumerate(play.turn.input):
        if isinstance(part, FileInput):
            name = f"{folder}/{part.filename or f'file-{number}'}"
            data = await play.turn.fetch(part)
            await to_thread.run_sync(tools.write_bytes, play.turn.workspace, name, data)
            await play.say(f"{name}: {len(data)} bytes\n")


async def _goal(play: Play, goal: Literal["continue", "complete"] | script.Goal) -> None:
    said = script.verdict(goal)
    await play.turn.emit(GoalUpdated(status=said.status, summary=said.summary, next_action=said.next_action))


async def _given(play: Play, _: bool) -> None:
    kit = play.agent.options.get("kit", Kit())
    told = await to_thread.run_sync(lookout.given, kit, play.turn.workspace, play.turn.env)
    await play.say(msgspec.json.encode(told, order="sorted").decode())


async def _sleep(_: Play, seconds: float) -> None:
    await anyio.sleep(seconds)


async def _fail(_: Play, fail: str | script.Fail) -> None:
    failure = script.failure(fail)
    raise error_from(failure.code, failure.message)


async def _crash(_: Play, __: bool) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    await anyio.sleep_forever()


async def _hang(play: Play, _: bool) -> None:
    await play.agent.hang()


async def _remember(play: Play, note: str) -> None:
    if (past := play.agent.past) is not None:
        past.keep({"notes": [*past.state.get("notes", ()), note]})


async def _recall(play: Play, _: bool) -> None:
    notes: list[str] = []
    runs = 0
    if (past := play.agent.past) is not None:
        notes = list(past.state.get("notes", ()))
        async for event in past.events():
            runs += event.type == "run-start" and event.run != play.turn.run
    await play.say(f"{runs} runs before; {', '.join(notes) or 'nothing'}")


async def _config(play: Play, _: bool) -> None:
    await play.say(msgspec.json.encode(play.agent.options, order="sorted").decode())


STEPS: Final[dict[str, Callable[[Play, Any], Awaitable[None]]]] = {
    "text": _text,
    "deltas": _deltas,
    "reasoning": _reasoning,
    "write": _write,
    "bash": _bash,
    "ask": _ask,
    "question": _question,
    "todos": _todos,
    "usage": _usage,
    "artifact": _artifact,
    "files": _files,
    "goal": _goal,
    "config": _config,
    "remember": _remember,
    "recall": _recall,
    "given": _given,
    "sleep": _sleep,
    "fail": _fail,
    "crash": _crash,
    "hang": _hang,
}
