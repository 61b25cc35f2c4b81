"""One hub per data folder: a lock that the kernel releases when its holder dies, however it dies."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from roost.durable import make_folder
from roost.model.errors import DataLocked, DataUnwritable


class FolderLock:
    """The lock on a data folder, held until `release` or the end of the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Let others in. The lock file stays: removing it would let two processes hold two different files."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def lock_folder(data: Path) -> FolderLock:
    """Take the folder (made if absent, for its owner only) or fail at once.

    Raises: DataLocked (details `pid` of the holder, if known): another hub uses it; DataUnwritable.
    """
    try:
        make_folder(data, 0o700)
        descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DataUnwritable(f"The data folder {data} cannot be written: {error.strerror}.") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        os.close(descriptor)
        pid = int(holder) if holder.isdigit() else None
        who = f"process {pid}" if pid else "another process"
        raise DataLocked(f"The data folder {data} is in use by {who}.", pid=pid) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return FolderLock(descriptor)
