"""What an agent without Roost's tools says in files of its workspace, read when its turn ends: the same as with them.

`.roost/goal.json` holds what the tool `goal` is given; every file in `.roost/artifacts` is published under its name.
What was read is taken away.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from anyio import to_thread

from roost.drivers.acp.tools import PublishArtifact, Tools, publish
from roost.model.errors import RoostError
from roost.ports import Turn

FOLDER: Final = ".roost"
GOAL: Final = "goal.json"
ARTIFACTS: Final = "artifacts"
MAX_GOAL_BYTES: Final = 64 * 1024
MAX_ARTIFACTS: Final = 50
"""In one turn."""
TOLD: Final = """\
You work in a session of Roost. Say whether the goal that you work towards is reached by writing `.roost/goal.json`: \
{"status": "complete" or "continue", "summary": "...", "next_action": "..."}. Hand over a result by putting the file \
into `.roost/artifacts/`. Both are read when you end your turn."""
_OPEN: Final = os.O_RDONLY | os.O_NOFOLLOW


async def take_reports(turn: Turn, tools: Tools) -> list[str]:
    """What was wrong with them, for the agent's next turn."""
    wrong: list[str] = []
    goal, names = await to_thread.run_sync(_found, turn.workspace)
    if goal is not None:
        try:
            await tools.call("goal", _decoded(goal))
        except RoostError as error:
            wrong.append(f"{FOLDER}/{GOAL}: {error.message}")
    for name in names:
        path = f"{FOLDER}/{ARTIFACTS}/{name}"
        try:
            await publish(turn, PublishArtifact(key=name, path=path))
        except RoostError as error:
            wrong.append(f"{path}: {error.message}")
        else:
            await to_thread.run_sync(lambda path=path: (turn.workspace / path).unlink(missing_ok=True))
    return wrong


def _found(workspace: Path) -> tuple[bytes | None, list[str]]:
    """The verdict, taken away, and the names of files. Nothing through a link. Blocks."""
    try:
        folder = os.open(workspace / FOLDER, _OPEN | os.O_DIRECTORY)
    except OSError:
        return None, []
    try:
        return _taken(folder), list(_names(folder))
    finally:
        os.close(folder)


def _taken(folder: int) -> bytes | None:
    try:
        with os.fdopen(os.open(GOAL, _OPEN | os.O_NONBLOCK, dir_fd=folder), "rb") as file:
            content = file.read(MAX_GOAL_BYTES + 1) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""
        os.unlink(GOAL, dir_fd=folder)
    except OSError:
        return None
    return content


def _names(folder: int) -> Iterator[str]:
    try:
        descriptor = os.open(ARTIFACTS, _OPEN | os.O_DIRECTORY, dir_fd=folder)
    except OSError:
        return
    try:
        for name in sorted(os.listdir(descriptor))[:MAX_ARTIFACTS]:  # noqa: PTH208  # a descriptor
            if stat.S_ISREG(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode):
                yield name
    finally:
        os.close(descriptor)


def _decoded(content: bytes) -> Any:
    """Whatever makes no sense is refused where it is read."""
    if len(content) > MAX_GOAL_BYTES:
        return f"over {MAX_GOAL_BYTES} bytes"
    try:
        return msgspec.json.decode(content)
    except msgspec.MsgspecError as error:
        return str(error)
