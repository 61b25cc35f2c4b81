"""Opening the file: its settings, its schema and the way from older ones."""

import errno
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from roost.model.errors import RoostError, SchemaTooNew, StorageFull, StorageUnavailable
from roost.model.record import decode_record
from roost.storage.finding import words_of
from roost.storage.sqlite.sql import script

STEPS: Final[tuple[str, ...]] = ("schema.sql", "schema_2.sql", "schema_3.sql", "schema_4.sql", "schema_5.sql")
"""Step n leads from version n to n + 1. An empty file is version 0. Never change a step that was released: add one."""
OLDEST_SQLITE: Final = (3, 35, 0)
_APPLICATION: Final = 0x526F6F73  # "Roos": marks the file as ours
_PAGE_BYTES: Final = 4096
_CHECKPOINT_PAGES: Final = 4000  # 16 MiB of log before it is copied to the main file
_BUSY_SECONDS: Final = 5.0


def storage_error(error: sqlite3.Error | OSError) -> RoostError:
    """What the caller is told."""
    code = getattr(error, "sqlite_errorcode", 0)  # errors that Python's module makes by itself have none
    if code & 0xFF == sqlite3.SQLITE_FULL or getattr(error, "errno", None) == errno.ENOSPC:
        return StorageFull()
    return StorageUnavailable(f"The store failed: {error}")


def connect_writer(path: Path, steps: Sequence[str] | None = None) -> sqlite3.Connection:
    """The one connection that writes, to a file of the newest version: made, or brought there by `steps` (SQL texts;
    default: those of STEPS). It is for its owner only, because it holds the sessions' secrets.

    Raises: SchemaTooNew, StorageUnavailable: not a file of ours; both leave it as it is. sqlite3.Error, OSError.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = _connect(path)
    connection.create_function("words_of", 1, _words_of, deterministic=True)
    try:
        texts = [script(name) for name in STEPS] if steps is None else steps
        version = _check(connection, newest=len(texts))
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {4 * _CHECKPOINT_PAGES * _PAGE_BYTES}")
        for number in range(version, len(texts)):
            _step(connection, texts[number], number + 1)
    except BaseException:
        connection.close()
        raise
    return connection


def _words_of(raw: bytes) -> str:
    """For steps that look into records."""
    return words_of(decode_record(raw))


def connect_reader(path: Path) -> sqlite3.Connection:
    connection = _connect(path)
    connection.execute("PRAGMA query_only = ON")
    return connection


def copy_store(path: Path, copy: Path) -> None:
    """All that is committed now, in a new file for its owner only. One read, beside which others write on."""
    os.close(os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with closing(connect_reader(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def _connect(path: Path) -> sqlite3.Connection:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise StorageUnavailable(f"Roost needs SQLite {oldest} or newer; this Python has {sqlite3.sqlite_version}.")
    return sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
    )


def _check(connection: sqlite3.Connection, *, newest: int) -> int:
    """The version of the file, if it is for us to write. Reads only."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    owner: int = connection.execute("PRAGMA application_id").fetchone()[0]
    tables: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if owner != _APPLICATION and (owner or tables):
        raise StorageUnavailable("This file is a database of another program.")
    if version > newest:
        raise SchemaTooNew(f"The store has version {version}; this Roost knows up to {newest}.")
    return version


def _step(connection: sqlite3.Connection, text: str, version: int) -> None:
    """One transaction: the step and its mark."""
    marks = f"PRAGMA application_id = {_APPLICATION}; PRAGMA user_version = {version};"
    connection.executescript(f"BEGIN IMMEDIATE;\n{text}\n{marks}\nCOMMIT;")
