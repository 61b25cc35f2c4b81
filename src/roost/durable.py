"""What is still there after a power cut. Content lasts once its file was synced, a name once its folder was: whoever
promises a file makes both last before it answers (docs/explanation/fault-proof.md, "Power cut"). All of it blocks.
"""

import errno
import os
from pathlib import Path

_CANNOT = frozenset({errno.EINVAL, errno.EBADF, errno.ENOTSUP})
"""What a file system says that does not sync folders."""


def sync_folder(folder: Path) -> None:
    """Make the names in it last, and what was removed from it stay away; as far as its file system can, and we may
    read it. Raises: OSError."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
    finally:
        os.close(descriptor)


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Make it unless it is there, with those above it, as `mkdir(parents=True, exist_ok=True)` does; each lasts.
    Raises: OSError."""
    try:
        folder.mkdir(mode=mode)
    except FileExistsError:
        if not folder.is_dir():
            raise
        return
    except FileNotFoundError:
        make_folder(folder.parent)
        folder.mkdir(mode=mode, exist_ok=True)
    sync_folder(folder.parent)


def make_file(file: Path, content: bytes, mode: int = 0o600) -> None:
    """Write it beside its place, and put it there whole. Raises: OSError."""
    draft = file.with_name(f"{file.name}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    put(draft, file)


def put(draft: Path, place: Path) -> None:
    """Give a file, or a folder, of which the content lasts its name; what had it is gone. Raises: OSError."""
    draft.replace(place)
    sync_folder(place.parent)


def remove(file: Path) -> None:
    """It is gone for good, if it was there. Raises: OSError."""
    file.unlink(missing_ok=True)
    sync_folder(file.parent)
