"""Whatever an agent's own records hold, damaged or written by somebody else: they are read as far as they go, nothing
but what the readers say they raise comes of it, and what is told may stand in a log."""

import random
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from roost.natives.history.carrying import carry
from roost.natives.history.reading import AGENTS, history, look
from roost.natives.looking import read_facts, read_status
from roost.natives.places import homes_of, sessions_of
from roost.natives.records import read_line
from tests.fuzz.frames import BROKEN, ODD, changed, json_of
from tests.fuzz.fuzzing import seed_of_this_run
from tests.natives.recorded import make_home
from tests.natives.test_histories import folded

RECORDS = ("claude", "codex", "gemini", "opencode", "pi")
COLUMNS = {"message": ("data", "session_id", "id"), "part": ("data", "message_id"), "session": ("directory", "id")}
"""What of opencode's tables is read."""


def damaged(chance: random.Random, line: bytes) -> bytes:
    """A line with something changed in it, or something that is no line."""
    match chance.randrange(6):
        case 0:
            return chance.choice(BROKEN)
        case 1:
            return line[: chance.randrange(len(line) + 1)]
        case 2 if line:
            at = chance.randrange(len(line))
            return line[:at] + chance.randbytes(chance.randrange(4)) + line[at + 1 :]
        case 3:
            return line.replace(b'"', chance.choice([b"'", b'"\\ud800', b"\0"]), 1)
        case _:
            record = read_line(line)
            return json_of(changed(chance, record)) if record is not None else line


def damage_file(chance: random.Random, path: Path) -> None:
    """Some lines changed, some doubled or moved."""
    lines = path.read_bytes().split(b"\n")
    for _ in range(chance.randrange(1, 8)):
        at = chance.randrange(len(lines))
        match chance.randrange(6):
            case 0:
                lines.insert(chance.randrange(len(lines)), lines[at])
            case 1:
                lines[at] = b""
            case _:
                lines[at] = damaged(chance, lines[at])
    path.write_bytes(b"\n".join(lines))


def damage_rows(chance: random.Random, path: Path) -> None:
    """Values of rows changed, to other texts and to other types."""
    with closing(sqlite3.connect(path)) as database:
        for _ in range(chance.randrange(1, 8)):
            table = chance.choice(sorted(COLUMNS))
            column = chance.choice(COLUMNS[table])
            row, value = chance.choice(database.execute(f"SELECT rowid, {column} FROM {table}").fetchall())
            new = damaged(chance, str(value).encode())
            with suppress(sqlite3.Error, OverflowError):  # what SQLite itself refuses, no agent has written
                given = chance.choice([new, new.decode(errors="replace"), None, 7, -(2**63), 1e308, *ODD[:8]])
                database.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (given, row))
        database.commit()


def damage(chance: random.Random, home: Path) -> None:
    for path in sorted(home.rglob("*.jsonl")):
        if chance.random() < 0.8:
            damage_file(chance, path)
    if chance.random() < 0.8:
        damage_rows(chance, home / ".local/share/opencode/opencode.db")


def read_all(home: Path, folder: Path, own: Path) -> int:
    """Everything that Roost reads of a home. How many sessions were found."""
    homes, found = homes_of({"HOME": str(home)}), 0
    for agent in RECORDS:
        for session in [*sessions_of(agent, homes), *sessions_of(agent, homes, folder)]:
            found += 1
            with suppress(OSError, sqlite3.Error):
                read_facts(session)
            if agent in AGENTS:
                with suppress(OSError, sqlite3.Error):
                    look(session)
                    folded(history(session)[1])
                    carry(session, home, own)
    read_status(homes, {1: "1"})
    return found


def fuzz(place: Path, rounds: int) -> int:
    chance, found = random.Random(seed_of_this_run()), 0
    place.mkdir()
    whole = make_home(place)
    for _ in range(rounds):
        home = place / "damaged"
        shutil.copytree(whole, home)
        damage(chance, home)
        found += read_all(home, place / "repo", place / "own")
        shutil.rmtree(home)
        shutil.rmtree(place / "own", ignore_errors=True)
    print("sessions read", found)
    return found


def test_damaged_records_are_read_as_far_as_they_go(tmp_path: Path) -> None:
    assert fuzz(tmp_path / "place", 4) > 4


def test_rows_without_an_id_have_no_name_and_are_read(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    with closing(sqlite3.connect(home / ".local/share/opencode/opencode.db")) as database:
        database.execute("UPDATE message SET id = NULL")
        database.execute("UPDATE part SET message_id = ''")
        database.commit()
    assert read_all(home, tmp_path / "repo", tmp_path / "own") == 2 * len(RECORDS)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_damaged_records_are_read_as_far_as_they_go_however_they_are_damaged(tmp_path: Path) -> None:
    assert fuzz(tmp_path / "place", 600) > 600
