"""Where a program lies that is not the system's: what has to be readable so that it runs."""

import os
import shlex
from collections.abc import Collection, Iterator
from pathlib import Path
from shutil import which
from typing import Final

MAX_LINKS: Final = 16
MAX_INTERPRETERS: Final = 4
_HEAD_BYTES: Final = 256


def roots(program: str, path: str | None, private: Collection[Path], depth: int = MAX_INTERPRETERS) -> Iterator[Path]:
    """Folders and files that this program, found in `path`, is made of: where its links lead, where it is installed,
    and the same of its interpreter. No folder that holds a `private` one: then the file alone."""
    found = which(program, path=path)
    if found is None or not depth:
        return
    file = Path(found).absolute()
    for _ in range(MAX_LINKS):
        yield _installed(file, private)
        if not file.is_symlink():
            break
        file = Path(os.path.normpath(file.parent / file.readlink()))
    if interpreter := _interpreter(file):
        yield from roots(interpreter, path, private, depth - 1)


def _installed(file: Path, private: Collection[Path]) -> Path:
    """The folder that a file was installed with, or the file."""
    parts = file.parts
    if "node_modules" in parts:
        wanted = Path(*parts[: parts.index("node_modules") + 1])
    elif file.parent.name in ("bin", "sbin"):
        wanted = file.parent.parent
    else:
        return file
    return file if any(one.is_relative_to(wanted) for one in private) else wanted


def _interpreter(file: Path) -> str | None:
    """Of a script, from its first line."""
    try:
        with file.open("rb") as opened:
            head = opened.read(_HEAD_BYTES)
    except OSError:
        return None
    if not head.startswith(b"#!"):
        return None
    words = shlex.split(head[2:].split(b"\n")[0].decode(errors="replace"))
    if words and Path(words[0]).name == "env":
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    return words[0] if words else None
