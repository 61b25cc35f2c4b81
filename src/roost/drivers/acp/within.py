"""Files below one folder, and no others. Blocks.

An agent in a sandbox has the workspace in its hands, and the driver is outside: whatever is exchanged for a link while
a path is on its way leads to an error and never out.
"""

import os
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
"""Beside how a file is to be opened; no pipe is waited for."""


@contextmanager
def folder(root: Path, parts: Sequence[str], *, make: bool = False) -> Generator[int]:
    """The folder that these names lead to, as a descriptor: one after the other, through no link. Raises: OSError."""
    with ExitStack() as opened:
        found = _opened(opened, os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        for name in parts:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(name, 0o777, dir_fd=found)
            found = _opened(opened, os.open(name, FOLDER, dir_fd=found))
        yield found


def _opened(stack: ExitStack, descriptor: int) -> int:
    stack.callback(os.close, descriptor)
    return descriptor
