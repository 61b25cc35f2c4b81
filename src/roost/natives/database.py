"""Opening an agent's SQLite file to read it, while the agent may be writing."""

import sqlite3
from pathlib import Path
from typing import Final
from urllib.parse import quote

BUSY_SECONDS: Final = 1.0


def open_database(path: Path) -> sqlite3.Connection:
    """Read-only, whoever writes: what is not checkpointed yet is seen. Blocks; the caller closes it.

    A write-ahead log can be read only beside its index. Where nobody has the file open, there is neither; the file is
    then taken as it lies, so that nothing is made beside it.

    Raises: sqlite3.Error: it is none, or it is missing."""
    quiet = not any(path.with_name(path.name + end).exists() for end in ("-wal", "-shm"))
    mode = "mode=ro&immutable=1" if quiet else "mode=ro"
    connection = sqlite3.connect(f"file:{quote(str(path.resolve()))}?{mode}", uri=True, timeout=BUSY_SECONDS)
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection
