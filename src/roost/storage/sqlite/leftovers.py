"""Rows of what was deleted or trimmed. They are out of sight at once and removed later, a few at a time, so that no
commit waits until a long log is gone."""

import sqlite3
from typing import Final

from roost.storage.sqlite.sql import SQL

ROWS: Final = 1000
"""Removed in one transaction: some milliseconds."""


def any_left(connection: sqlite3.Connection) -> bool:
    return connection.execute(SQL["leftover"]).fetchone() is not None


def sweep(connection: sqlite3.Connection) -> bool:
    """Remove up to ROWS rows; whether more may be left."""
    connection.execute(SQL["begin"])
    try:
        leftover = connection.execute(SQL["leftover"]).fetchone()
        if leftover is not None:
            key, before = leftover
            gone = connection.execute(SQL["sweep-events"], (key, before, ROWS)).rowcount
            if not gone:
                gone = connection.execute(SQL["sweep-messages"], (key, ROWS)).rowcount
            if not gone:
                connection.execute(SQL["leftover-done"], (key,))
        connection.execute(SQL["commit"])
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute(SQL["rollback"])
        raise
    return leftover is not None
