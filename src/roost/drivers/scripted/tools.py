"""The two tools a script has: they really write and really run."""

import codecs
import os
from pathlib import Path

import anyio
from anyio import to_thread
from msgspec import UNSET, UnsetType

from roost.model.events import PartStart, ToolComplete, ToolDelta, ToolError, ToolStart
from roost.model.ids import MessageId, new_part_id
from roost.ports import Process, Turn


class OutsideWorkspace(ValueError):
    """The path leads out of the workspace."""


def write_file(workspace: Path, path: str, content: str) -> Path:
    """Write inside the workspace, making folders. Raises: OutsideWorkspace; OSError."""
    return write_bytes(workspace, path, content.encode(errors="replace"))


def write_bytes(workspace: Path, path: str, content: bytes) -> Path:
    """The same with bytes."""
    root = workspace.resolve()
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise OutsideWorkspace(f"{path}: paths are relative to the workspace and stay inside it")
    target = root / path
    if not target.resolve().is_relative_to(root):
        raise OutsideWorkspace(f"{path}: a link on the way leads out of the workspace")
    target = target.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o666), "wb") as file:
        file.write(content)
    return target


class ToolCall:
    """One call's events: started when made, ended once."""

    def __init__(self, turn: Turn, message: MessageId, tool: str, arguments: dict[str, str], title: str) -> None:
        self._turn, self._message = turn, message
        self._part = new_part_id()
        self._call = f"call_{self._part.removeprefix('part_')}"
        self._tool, self._arguments, self._title = tool, arguments, title

    async def start(self) -> None:
        await self._turn.emit(
            PartStart(message=self._message, part=self._part, kind="tool"),
            ToolStart(
                message=self._message,
                part=self._part,
                call=self._call,
                tool=self._tool,
                input=self._arguments,
                title=self._title,
            ),
        )

    async def print(self, text: str) -> None:
        await self._turn.emit(ToolDelta(message=self._message, part=self._part, call=self._call, delta=text))

    async def complete(self, *, output: str | UnsetType = UNSET, **metadata: int) -> None:
        await self._turn.emit(
            ToolComplete(
                message=self._message,
                part=self._part,
                call=self._call,
                output=output,
                metadata=dict(metadata) or UNSET,
            )
        )

    async def fail(self, error: str) -> None:
        await self._turn.emit(ToolError(message=self._message, part=self._part, call=self._call, error=error))


async def write(turn: Turn, message: MessageId, path: str, content: str) -> None:
    call = ToolCall(turn, message, "write", {"path": path, "content": content}, f"write {path}")
    await call.start()
    try:
        await to_thread.run_sync(write_file, turn.workspace, path, content)
    except (OSError, ValueError) as error:
        await call.fail(str(error))
    else:
        await call.complete(output=f"wrote {len(content.encode(errors='replace'))} bytes to {path}")


async def bash(turn: Turn, message: MessageId, command: str) -> None:
    """Run a shell command; its output streams. A non-zero exit is an error of the tool, not of the run."""
    call = ToolCall(turn, message, "bash", {"command": command}, command)
    await call.start()
    try:
        process = await turn.spawn(command)
    except (OSError, ValueError) as error:
        await call.fail(str(error))
        return
    try:
        code = await _follow(call, process)
    except anyio.get_cancelled_exc_class():
        with anyio.CancelScope(shield=True):
            await process.kill()
            await call.fail("aborted")
        raise
    if code:
        await call.fail(f"exit code {code}" if code > 0 else f"killed by signal {-code}")
    else:
        await call.complete(exit_code=code)


async def _follow(call: ToolCall, process: Process) -> int:
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    async for chunk in process.output():
        if text := decoder.decode(chunk):
            await call.print(text)
    if text := decoder.decode(b"", final=True):
        await call.print(text)
    return await process.wait()
