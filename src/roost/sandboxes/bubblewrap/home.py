"""The home that an agent has inside, at the path of its user's: its own, kept as long as the session, and in it of the
user's home only what the agent signs in and is set up with."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from roost.model.sandbox import Needs
from roost.sandboxes.bubblewrap.walls import Walls

MAX_COPIED_BYTES: Final = 4 * 1024 * 1024
"""A larger file of an agent's configuration is not copied."""
GIT_SECONDS: Final = 10
GIT_KEEPS: Final = r"^(user\.(name|email)|init\.defaultbranch)$"
"""Of the user's git configuration, what is copied: who commits. The rest may hold passwords, or run programs."""


def user_home() -> Path:
    """Of the user that this process is."""
    return Path(os.environ.get("HOME") or Path("~").expanduser())


def make_home(place: Path, needs: Needs, home: Path, walls: Walls, at: Path) -> None:
    """`place`: the session's own; `home`: the user's; `at`: its path inside. Nothing runs inside yet. Blocks."""
    own = place / "home"
    own.mkdir(parents=True, exist_ok=True, mode=0o700)
    walls.write(at, own)
    for name in (*needs.configuration, *needs.credentials, ".gitconfig"):
        _straighten(own, name)
    for name in needs.configuration:
        _copy(home / name, own / name)
    for name in needs.credentials:
        if (home / name).is_file():
            walls.write(at / name, home / name)
    if not (own / ".gitconfig").exists():
        (own / ".gitconfig").write_text(_git_identity())


def _straighten(own: Path, name: str) -> None:
    """Make the folders on the way to this file. A link there, which an agent has made, would lead the host astray."""
    path = own
    for part in Path(name).parts:
        path = path / part
        if path.is_symlink() or (path != own / name and path.is_file()):
            path.unlink()
        if path != own / name:
            path.mkdir(exist_ok=True, mode=0o700)


def make_temporary(place: Path, walls: Walls) -> None:
    """Shared by all that runs inside; empty when a host begins."""
    shutil.rmtree(place / "tmp", ignore_errors=True)
    for name in ("tmp", "var/tmp"):
        own = place / "tmp" / name.replace("/", "-")
        own.mkdir(parents=True, mode=0o700)
        walls.write(Path("/", name), own)


def _copy(source: Path, target: Path) -> None:
    """If there is something newer. What the agent has changed in its copy since is lost then, and only then."""
    with suppress(OSError):
        found = source.stat()
        if found.st_size > MAX_COPIED_BYTES or not source.is_file():
            return
        if not target.exists() or target.stat().st_mtime_ns < found.st_mtime_ns:
            shutil.copy2(source, target)


def _git_identity() -> str:
    """As a git configuration; empty: git knows nobody, or is not there."""
    try:
        said = subprocess.run(
            ["git", "config", "--global", "--null", "--get-regexp", GIT_KEEPS],
            capture_output=True,
            text=True,
            timeout=GIT_SECONDS,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ""
    pairs = [entry.partition("\n")[::2] for entry in said.split("\0") if entry]
    return "".join(f"{_section(key)} = {_quoted(value)}\n" for key, value in pairs)


def _section(key: str) -> str:
    section, _, name = key.partition(".")
    return f"[{section}]\n\t{name}"


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'


def readable_paths(paths: Sequence[str], home: Path) -> list[Path]:
    """Absolute, `~` being the user's home."""
    found = [Path(str(home) + path[1:]) if path.startswith("~/") else Path(path) for path in paths]
    return [path for path in found if path.is_absolute()]
