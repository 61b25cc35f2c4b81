"""Commands for the workspace's shell, asked for by people and programs: off the record, whole or not at all."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio

from roost.host.inside import Inside, must_be
from roost.host.tree import Command, Tree
from roost.link.packing import packed
from roost.model.errors import BodyTooLarge, InvalidRequest, ShellTimeout
from roost.model.workspace import MAX_COMMAND_BYTES, MAX_OUTPUT_BYTES, MAX_SHELL_TIMEOUT_MS, Shell, ShellResult


class _Kept:
    """The beginning of an output."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.truncated = False

    def add(self, chunk: bytes) -> None:
        room = MAX_OUTPUT_BYTES - len(self.data)
        self.truncated = self.truncated or len(chunk) > room
        self.data += chunk[:room]

    def told(self, name: str) -> dict[str, Any]:
        """As fields of `Output`; a character that was cut in two at the limit is left out."""
        told = packed(name, bytes(self.data), cut=self.truncated)
        return told | ({f"{name}_truncated": True} if self.truncated else {})


def check_shell(asked: Shell) -> None:
    """Raises: InvalidRequest, BodyTooLarge."""
    given = sum(len(name.encode()) + len(value.encode()) for name, value in asked.env.items())
    if len(asked.command.encode(errors="replace")) > MAX_COMMAND_BYTES or given > MAX_COMMAND_BYTES:
        raise BodyTooLarge(
            f"command and env: at most {MAX_COMMAND_BYTES} bytes each; put more into a file",
            limit_bytes=MAX_COMMAND_BYTES,
        )
    if not 0 < asked.timeout <= MAX_SHELL_TIMEOUT_MS:
        raise InvalidRequest(f"timeout: 1 to {MAX_SHELL_TIMEOUT_MS} ms")
    texts = (asked.command, *asked.env, *asked.env.values())
    if any("\0" in text for text in texts) or any("=" in name or not name for name in asked.env):
        raise InvalidRequest("command and env hold no NUL, and the names of variables no `=`")


async def run_shell(tree: Tree, inside: Inside, asked: Shell, env: Mapping[str, str]) -> ShellResult:
    """Until it ends; what it left in the background goes on. Cancelled, or too slow, everything it started is killed.

    Raises: ShellTimeout, with what it had printed; FileMissing, NotAFolder, PathOutside: that is no `cwd`, nothing was
    started; InvalidRequest, BodyTooLarge.
    """
    check_shell(asked)
    parts = inside.parts(asked.cwd)
    must_be("folder", inside.stat(parts))
    cwd = Path(inside.root, *parts)
    command = await _spawn(tree, cwd, asked, env)
    out, err = _Kept(), _Kept()
    code: int | None = None
    try:
        with anyio.move_on_after(asked.timeout / 1000):
            code = await _follow(command, out, err)
    finally:
        if code is None:
            with anyio.CancelScope(shield=True):
                await command.kill()
    printed = out.told("stdout") | err.told("stderr")
    if code is None:
        raise ShellTimeout(f"the command took longer than {asked.timeout} ms and was killed", **printed)
    return ShellResult(exit_code=code, **printed)


async def _spawn(tree: Tree, cwd: Path, asked: Shell, env: Mapping[str, str]) -> Command:
    """Not cancelled half-way: once it exists, it is ours to kill. Raises: InvalidRequest."""
    started: Command | None = None
    with anyio.CancelScope(shield=True):
        try:
            started = await tree.spawn(asked.command, cwd=cwd, env={**env, **asked.env}, apart=True, outside=True)
        except OSError as error:
            raise InvalidRequest(f"the command cannot be started: {os.strerror(error.errno or 0)}") from None
    assert started is not None
    return started


async def _follow(command: Command, out: _Kept, err: _Kept) -> int:
    async def keep(chunks: Any, kept: _Kept) -> None:
        async for chunk in chunks:
            kept.add(chunk)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(keep, command.stdout(), out)
        tasks.start_soon(keep, command.stderr(), err)
    return await command.wait()
