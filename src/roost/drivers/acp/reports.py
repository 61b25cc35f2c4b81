"""What an agent without Roost's tools says in files of its workspace, read when its turn ends: the same as with them.

`.roost/goal.json` holds what the tool `goal` is given; every file in `.roost/artifacts` is published under its name.
What was read is taken away.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec
from anyio import to_thread

from roost.drivers.acp.tools import PublishArtifact, Tools, publish
from roost.drivers.acp.within import FILE, folder
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
            await to_thread.run_sync(_take_away, turn.workspace, name)
    return wrong


def _found(workspace: Path) -> tuple[bytes | None, list[str]]:
    """The verdict, taken away, and the names of files. Blocks."""
    goal, names = None, list[str]()
    with suppress(OSError), folder(workspace, (FOLDER,)) as own:
        with os.fdopen(os.open(GOAL, os.O_RDONLY | FILE, dir_fd=own), "rb") as file:
            goal = file.read(MAX_GOAL_BYTES + 1) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""
        os.unlink(GOAL, dir_fd=own)
    with suppress(OSError), folder(workspace, (FOLDER, ARTIFACTS)) as place:
        for name in sorted(os.listdir(place))[:MAX_ARTIFACTS]:  # noqa: PTH208  # a descriptor
            if stat.S_ISREG(os.stat(name, dir_fd=place, follow_symlinks=False).st_mode):
                names.append(name)
    return goal, names


def _take_away(workspace: Path, name: str) -> None:
    with suppress(OSError), folder(workspace, (FOLDER, ARTIFACTS)) as place:
        os.unlink(name, dir_fd=place)


def _decoded(content: bytes) -> Any:
    """Whatever makes no sense is refused where it is read."""
    if len(content) > MAX_GOAL_BYTES:
        return f"over {MAX_GOAL_BYTES} bytes"
    try:
        return msgspec.json.decode(content)
    except msgspec.MsgspecError as error:
        return str(error)
