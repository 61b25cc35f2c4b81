"""Opening an agent's SQLite file to read it, while the agent may be writing."""

import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Final
from urllib.parse import quote

BUSY_SECONDS: Final = 1.0


def open_database(path: Path) -> sqlite3.Connection:
    """Read-only, whoever writes: what is not checkpointed yet is seen, and nothing is made or changed beside the file.
    Blocks; the caller closes it, and may use it in one thread after the other.

    Raises: sqlite3.Error: it is none, or it is missing; OSError."""
    log, index = (path.with_name(path.name + end).exists() for end in ("-wal", "-shm"))
    if log and not index:  # nobody has it open, and its log can be read only beside an index that would have to be made
        return _copied(path)
    return _opened(path, "mode=ro&readonly_shm=1" if log else "mode=ro&immutable=1")


def _copied(path: Path) -> sqlite3.Connection:
    """The files go as soon as the copy is open."""
    with tempfile.TemporaryDirectory(prefix="roost-records-") as place:
        copy = Path(place) / path.name
        for end in ("", "-wal"):
            shutil.copyfile(path.with_name(path.name + end), copy.with_name(copy.name + end))
        return _opened(copy, "mode=rw")


def _opened(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"file:{quote(str(path.resolve()))}?{mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, check_same_thread=False)
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection
