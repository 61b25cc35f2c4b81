"""What an agent asks when it first starts in a folder is answered before it asks: on a screen nobody may be there to.

Only what it would write itself, had a person said yes; all else in its files stays as it is. An agent with a home of
its own, in a sandbox, has its answers there.
"""

import json
import logging
import os
import stat
import tomllib
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

KEY_CHARS: Final = 20
"""Claude Code knows an API key by its last characters."""
FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
MAX_FILE_BYTES: Final = 8 * 1024 * 1024
"""Of a file that answers are added to. Claude Code keeps a line for each project in its own."""

log = logging.getLogger("roost.drivers.terminal")


class Answers(NamedTuple):
    """Where an agent looks for what it was told, `file` in the folder that `variable` names, or else in this one of its
    home; and what it then reads, of what it read before."""

    variable: str
    folder: str
    file: str
    told: Callable[[str, str, Mapping[str, str]], str]


def prepare(agent: str, workspace: Path, env: Mapping[str, str], home: str = "") -> None:
    """Blocks. `env`: what is set for the agent beside what it inherits; `home`: where its home lies, if that is not its
    user's: there it may have made links, and none is followed."""
    if (row := ANSWERS.get(agent)) is None:
        return
    env = {**os.environ, **env}
    try:
        own = Path(env.get("HOME") or Path.home())
        folder = Path(env.get(row.variable) or own / row.folder)
        if home:
            base, parts = Path(home), folder.relative_to(own).parts
        else:
            base, parts = Path(os.path.realpath(folder / row.file)).parent, ()
            base.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = row.file if home else Path(os.path.realpath(folder / row.file)).name
        with _entered(base, parts) as place:
            before = _read(place, name)
            after = row.told(before, str(workspace), env)
            if after != before:
                _put(place, name, after)
    except (OSError, ValueError) as error:
        log.warning("%s may ask before it starts: %s", agent, error)


def _claude(text: str, workspace: str, env: Mapping[str, str]) -> str:
    """Without `hasCompletedOnboarding` it calls its vendor, and its question about trust has No as its default.

    Raises: ValueError: the file is no JSON."""
    told = _table(json.loads(text or "{}"))
    before = json.dumps(told)
    told.setdefault("hasCompletedOnboarding", True)
    told.setdefault("theme", "dark")
    projects = told["projects"] = _table(told.get("projects"))
    projects[workspace] = _table(projects.get(workspace)) | {"hasTrustDialogAccepted": True}
    if key := env.get("ANTHROPIC_API_KEY"):
        answers = told["customApiKeyResponses"] = _table(told.get("customApiKeyResponses"))
        approved = cast("list[str]", answers.setdefault("approved", []))
        answers.setdefault("rejected", [])
        if key[-KEY_CHARS:] not in [*approved, *cast("list[str]", answers["rejected"])]:
            approved.append(key[-KEY_CHARS:])
    return text if json.dumps(told) == before else json.dumps(told, indent=2) + "\n"


def _codex(text: str, workspace: str, env: Mapping[str, str]) -> str:
    """It asks whether the folder is trusted. Raises: ValueError: its file is no TOML."""
    if workspace in _table(tomllib.loads(text).get("projects")):
        return text
    name = json.dumps(workspace, ensure_ascii=False)
    return f'{text.rstrip()}\n\n[projects.{name}]\ntrust_level = "trusted"\n'.lstrip()


@contextmanager
def _entered(base: Path, parts: Sequence[str]) -> Generator[int]:
    """A descriptor of the folder to which these names lead from `base`, made where there is none. Raises: OSError: one
    of them is a link, or no folder."""
    folder = os.open(base, FOLDER)
    try:
        for part in parts:
            with suppress(FileExistsError):
                os.mkdir(part, 0o700, dir_fd=folder)
            inner = os.open(part, FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _read(folder: int, name: str) -> str:
    """Empty: there is none. Raises: OSError: it is a link, or no file; ValueError: it is too large, or no text."""
    try:
        descriptor = os.open(name, FILE, dir_fd=folder)
    except FileNotFoundError:
        return ""
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{name} is no file")
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"{name} has more than {MAX_FILE_BYTES} bytes")
    return content.decode()


def _put(folder: int, name: str, text: str) -> None:
    """Whole, with the rights it had. Raises: OSError."""
    mode = 0o600
    with suppress(FileNotFoundError):
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode & 0o777
    draft = f"{name}.roost-{os.getpid()}"
    with suppress(FileNotFoundError):
        os.unlink(draft, dir_fd=folder)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(draft, flags, mode, dir_fd=folder), "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(draft, name, src_dir_fd=folder, dst_dir_fd=folder)


def _table(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


ANSWERS: Final[dict[str, Answers]] = {
    "claude": Answers("CLAUDE_CONFIG_DIR", "", ".claude.json", _claude),
    "codex": Answers("CODEX_HOME", ".codex", "config.toml", _codex),
}
