"""What a scripted agent finds when it looks for what it was given."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec

from roost.model.events import Kit

SKILLS: Final = ".roost/skills"
"""Where it looks for skills (host/given.py)."""
NOT_SAID: Final = ("files", "skills")
"""Of the kit; what of them lies in the workspace is said instead."""


def given(kit: Kit, workspace: Path, env: Mapping[str, str]) -> dict[str, Any]:
    """Blocks."""
    told = msgspec.to_builtins(kit)
    found = {name: value for name, value in told.items() if name not in NOT_SAID}
    skills = sorted(path.parent.name for path in (workspace / SKILLS).glob("*/SKILL.md"))
    return found | {
        "env": sorted(env),
        "files": {file.path: _hash(workspace / file.path) for file in kit.files},
        "skills": {name: _hash(workspace / SKILLS / name / "SKILL.md") for name in skills},
    }


def _hash(path: Path) -> str:
    try:
        return "sha256-" + sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
