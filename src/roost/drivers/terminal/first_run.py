"""What an agent asks when it first starts in a folder is answered before it asks: on a screen nobody may be there to.

Only what it would write itself, had a person said yes; all else in its files stays as it is.
"""

import json
import logging
import os
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, cast

KEY_CHARS: Final = 20
"""Claude Code knows an API key by its last characters."""

log = logging.getLogger("roost.drivers.terminal")


def prepare(agent: str, workspace: Path, env: Mapping[str, str]) -> None:
    """Blocks. `env`: what is set for the agent beside what it inherits."""
    if agent in PREPARES:
        try:
            PREPARES[agent](workspace, {**os.environ, **env})
        except (OSError, ValueError) as error:
            log.warning("%s may ask before it starts: %s", agent, error)


def _claude(workspace: Path, env: Mapping[str, str]) -> None:
    """Without `hasCompletedOnboarding` it calls its vendor, and its question about trust has No as its default.

    Raises: OSError; ValueError: the file is no JSON."""
    folder = env.get("CLAUDE_CONFIG_DIR")
    path = Path(folder or env.get("HOME") or Path.home()) / ".claude.json"
    told: dict[str, Any] = {}
    with suppress(FileNotFoundError):
        told = _table(json.loads(path.read_text(encoding="utf-8")))
    before = json.dumps(told)
    told.setdefault("hasCompletedOnboarding", True)
    told.setdefault("theme", "dark")
    projects = told["projects"] = _table(told.get("projects"))
    projects[str(workspace)] = _table(projects.get(str(workspace))) | {"hasTrustDialogAccepted": True}
    if key := env.get("ANTHROPIC_API_KEY"):
        answers = told["customApiKeyResponses"] = _table(told.get("customApiKeyResponses"))
        approved = cast("list[str]", answers.setdefault("approved", []))
        answers.setdefault("rejected", [])
        if key[-KEY_CHARS:] not in [*approved, *cast("list[str]", answers["rejected"])]:
            approved.append(key[-KEY_CHARS:])
    if json.dumps(told) != before:
        _put(path, json.dumps(told, indent=2) + "\n")


def _codex(workspace: Path, env: Mapping[str, str]) -> None:
    """It asks whether the folder is trusted. Raises: OSError; ValueError: its file is no TOML."""
    folder = Path(env.get("CODEX_HOME") or Path(env.get("HOME") or Path.home()) / ".codex")
    path, text = folder / "config.toml", ""
    with suppress(FileNotFoundError):
        text = path.read_text(encoding="utf-8")
    if str(workspace) not in _table(tomllib.loads(text).get("projects")):
        name = json.dumps(str(workspace), ensure_ascii=False)
        _put(path, f'{text.rstrip()}\n\n[projects.{name}]\ntrust_level = "trusted"\n'.lstrip())


def _put(path: Path, text: str) -> None:
    """Whole, with the rights it had; where a link leads, there. Raises: OSError."""
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.roost-{os.getpid()}")
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def _table(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


PREPARES: Final[dict[str, Callable[[Path, Mapping[str, str]], None]]] = {"claude": _claude, "codex": _codex}
