"""The home that an agent has inside, at the path of its user's: its own, kept as long as the session, and in it of the
user's home only what the agent signs in and is set up with."""

import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Sequence
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
    """`place`: the session's own; `home`: the user's; `at`: its path inside. An agent of an older host may still be at
    work in it. Blocks."""
    own = place / "home"
    own.mkdir(parents=True, exist_ok=True, mode=0o700)
    walls.write(at, own)
    for name in needs.configuration:
        _copy(home / name, own, name)
    for name in needs.credentials:
        if (home / name).is_file():
            _copy(home / name, own, name, empty=True)  # what is bound there needs a place
            walls.write(at / name, home / name)
    _write(own, ".gitconfig", lambda: _git_identity().encode(), changed_at=0)


def make_temporary(place: Path, walls: Walls) -> None:
    """Shared by all that runs inside."""
    for name in ("tmp", "var/tmp"):
        own = place / "tmp" / name.replace("/", "-")
        own.mkdir(parents=True, exist_ok=True, mode=0o700)
        walls.write(Path("/", name), own)


def clear_temporary(place: Path) -> None:
    """Nothing runs inside any more. Blocks."""
    shutil.rmtree(place / "tmp", ignore_errors=True)


def _copy(source: Path, own: Path, name: str, *, empty: bool = False) -> None:
    """If there is something newer. What the agent has changed in its copy since is lost then, and only then."""
    with suppress(OSError):
        found = source.stat()
        if source.is_file() and found.st_size <= MAX_COPIED_BYTES:
            changed = 0 if empty else found.st_mtime_ns
            _write(own, name, (lambda: b"") if empty else source.read_bytes, changed_at=changed)


def _write(own: Path, name: str, content: Callable[[], bytes], *, changed_at: int) -> None:
    """Write this file, if there is none, or one older than `changed_at` (ns). No link on the way is followed: an agent
    may have made it, to have the host write elsewhere."""
    *parents, last = Path(name).parts
    folder = os.open(own, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        for part in parents:
            inner = _entered(part, folder)
            os.close(folder)
            folder = inner
        with suppress(FileNotFoundError):
            found = os.stat(last, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISREG(found.st_mode) and found.st_mtime_ns >= changed_at:
                return
            os.unlink(last, dir_fd=folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(last, flags, 0o600, dir_fd=folder), "wb") as file:
            file.write(content())
    finally:
        os.close(folder)


def _entered(name: str, folder: int) -> int:
    """The folder of this name, made if there is none. What is no folder makes room for it."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    try:
        return os.open(name, flags, dir_fd=folder)
    except FileNotFoundError:
        pass
    except OSError:  # a link or a file
        os.unlink(name, dir_fd=folder)
    os.mkdir(name, 0o700, dir_fd=folder)
    return os.open(name, flags, dir_fd=folder)


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
