"""An agent's record of a session, copied to where the agent finds it in a home of its own. Blocks.

An agent that is enclosed sees nothing of its user's home. What it is given is this one session, as it was when it was
imported; the record itself is left alone, whatever the agent adds to its copy.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from roost.natives.places import NativeSession

MAX_FILES: Final = 2000
"""Beside the record itself; what is beyond is left behind."""
WHOLE: Final = frozenset({"claude", "codex", "pi"})
"""Agents that keep each session in files of its own. opencode's database holds all of them, and secrets."""


def carry(native: NativeSession, home: Path, own: Path) -> bool:
    """Copy the record below `home`, the user's, to the same place below `own`. False: it cannot be carried: the agent
    does not keep it there, or not by itself. Raises: OSError."""
    if native.agent not in WHOLE or not native.path.is_relative_to(home):
        return False
    for number, path in enumerate(_files(native)):
        if number <= MAX_FILES:
            target = own / path.relative_to(home)
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            shutil.copyfile(path, target, follow_symlinks=False)
    return True


def _files(native: NativeSession) -> Iterator[Path]:
    """The record, and of Claude Code what lies in the folder of its name: sub-agents, long results of tools. No links
    are followed."""
    yield native.path
    if native.agent == "claude":
        for place, _, names in os.walk(native.path.with_suffix("")):
            for name in sorted(names):
                if (path := Path(place) / name).is_file() and not path.is_symlink():
                    yield path
