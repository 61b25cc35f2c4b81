"""An agent's record of a session, copied to where the agent finds it in a home of its own. Blocks.

An agent that is enclosed sees nothing of its user's home. What it is given is this one session, as it was when it was
imported; the record itself is left alone, whatever the agent adds to its copy.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from roost.natives.database import open_database
from roost.natives.places import NativeSession

MAX_FILES: Final = 2000
"""Beside the record itself; what is beyond is left behind."""
WHOLE: Final = frozenset({"claude", "codex", "pi"})
"""Agents that keep each session in files of its own."""
FAMILY: Final = """
WITH RECURSIVE family(id) AS (
    VALUES (?) UNION SELECT session.id FROM session JOIN family ON session.parent_id = family.id
) SELECT id FROM family
"""
"""A session of opencode, and those of its sub-agents, by their ids."""
OWNED: Final = {
    "session": "id", "message": "session_id", "part": "session_id", "todo": "session_id",
    "event_sequence": "aggregate_id", "event": "aggregate_id",
}  # fmt: skip
"""opencode's tables whose rows belong to a session, and the column that says to which."""
COMMON: Final = ("migration", "data_migration", "__drizzle_migrations")
"""Those that say of what version the file is. All others, with accounts and other secrets among them, stay empty."""


def carry(native: NativeSession, home: Path, own: Path) -> bool:
    """Copy the record below `home`, the user's, to the same place below `own`. False: it cannot be carried, since it is
    not kept there. Raises: OSError, sqlite3.Error."""
    if not native.path.is_relative_to(home):
        return False
    target = own / native.path.relative_to(home)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if native.agent == "opencode":
        _carry_rows(native, target)
    elif native.agent in WHOLE:
        for number, path in enumerate(_files(native)):
            if number <= MAX_FILES:
                copy = own / path.relative_to(home)
                copy.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                shutil.copyfile(path, copy, follow_symlinks=False)
    return True


def _files(native: NativeSession) -> Iterator[Path]:
    """The record, and of Claude Code what lies in the folder of its name: sub-agents, long results of tools. No links
    are followed."""
    yield native.path
    if native.agent == "claude":
        for place, _, names in os.walk(native.path.with_suffix("")):
            for name in sorted(names):
                if (path := Path(place) / name).is_file() and not path.is_symlink():
                    yield path


def _carry_rows(native: NativeSession, target: Path) -> None:
    """A database like opencode's, with the rows of this session and of its sub-agents alone."""
    with closing(open_database(native.path)) as whole, closing(sqlite3.connect(target)) as copy:
        target.chmod(0o600)
        made = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
        things = sorted(whole.execute(made), key=lambda thing: thing[0] != "table")
        for _, _, sql in things:
            copy.execute(sql)
        tables = {name for kind, name, _ in things if kind == "table"}
        family = [name for (name,) in whole.execute(FAMILY, (native.id,))]
        for table in tables.intersection(COMMON):
            _copy(whole, copy, table, "1", ())
        if "project" in tables:
            _copy(whole, copy, "project", "id = (SELECT project_id FROM session WHERE id = ?)", (native.id,))
        for table, column in OWNED.items():
            for name in family if table in tables else ():
                _copy(whole, copy, table, f"{column} = ?", (name,))
        copy.commit()


def _copy(whole: sqlite3.Connection, copy: sqlite3.Connection, table: str, which: str, values: tuple[str, ...]) -> None:
    """Rows as they are; table and condition are words of this module."""
    rows = whole.execute(f"SELECT * FROM {table} WHERE {which}", values)  # noqa: S608
    places = ", ".join("?" * len(rows.description))
    copy.executemany(f"INSERT INTO {table} VALUES ({places})", rows)  # noqa: S608
