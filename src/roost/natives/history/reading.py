"""The records of a session from where they lie, told as events; and what a list says of it. Blocks; reads, no more.

A file is read line by line, up to where it ended when it was opened.
"""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, Protocol

from msgspec import UNSET, Struct, UnsetType

from roost.model import events as e
from roost.model.envelope import Draft
from roost.natives.database import open_database
from roost.natives.history.claude import Claude
from roost.natives.history.codex import Codex
from roost.natives.history.opencode import OpenCode
from roost.natives.history.pi import Pi
from roost.natives.history.telling import Telling
from roost.natives.history.values import table, text
from roost.natives.places import NativeSession
from roost.natives.records import Record, read_line

MAX_LINE_BYTES: Final = 32 * 1024 * 1024
"""A longer record is left out, and the history says so."""
MAX_COUNTED_BYTES: Final = 4 * 1024 * 1024
"""Messages of a larger session are not counted for a list."""
MAX_PROMPT_CHARS: Final = 4000
"""Of a first prompt, as a list may have it."""
MAX_PEEKED: Final = 400
"""Records that are looked through for what a larger one begins with."""
MAX_NESTED: Final = 4
"""Sub-agents of sub-agents."""
UNREADABLE: Final = "unreadable"
"""The `type` of a record that stands for one that could not be read."""
_AGENT: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MESSAGES: Final = "SELECT id, substr(data, 1, ?) FROM message WHERE session_id = ? ORDER BY time_created, id"
_PARTS: Final = "SELECT id, substr(data, 1, ?) FROM part WHERE message_id = ? ORDER BY id"


class Teller(Protocol):
    """Tells what the records of one session say."""

    telling: Telling

    def take(self, record: Record) -> Iterator[Draft]: ...

    def end(self) -> Iterator[Draft]:
        """There are no more."""
        ...


class Look(Struct, frozen=True, kw_only=True):
    """What a list says of a session. `messages`: absent, it is too large to count. Times in ms."""

    prompt: str = ""
    title: str = ""
    began_at: int | UnsetType = UNSET
    messages: int | UnsetType = UNSET


def history(session: NativeSession) -> tuple[Teller, Iterator[Draft]]:
    """The whole session; the teller knows, when that is over, what else there is to know.

    While it is read: OSError, sqlite3.Error. Raises: KeyError: no records of such an agent are known."""
    make, read = AGENTS[session.agent]
    teller = make()
    return teller, told(read(session), teller)


def told(records: Iterator[Record], teller: Teller) -> Iterator[Draft]:
    """What these records say. One that makes no sense is kept as it is."""
    for record in records:
        yield from told_one(record, teller)
    yield from teller.end()


def told_one(record: Record, teller: Teller) -> Iterator[Draft]:
    """What this record says. Nothing of one that makes no sense is lost: it is kept as it is."""
    try:
        yield from teller.take(record)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        yield from teller.telling.native(record, f"a record that makes no sense: {error}"[:300])


def look(session: NativeSession) -> Look:
    """Raises: OSError, sqlite3.Error; KeyError."""
    make, read = AGENTS[session.agent]
    teller, records = make(), read(session)
    whole = session.size_bytes <= MAX_COUNTED_BYTES
    first: e.RunStart | None = None
    messages = 0
    for number, record in enumerate(records):
        if not whole and (first is not None or number >= MAX_PEEKED):
            break
        for draft in told_one(record, teller):
            first = draft.body if first is None and isinstance(draft.body, e.RunStart) else first
            messages += isinstance(draft.body, e.RunStart | e.MessageStart)
    if first is None:
        return Look(title=teller.telling.title, messages=messages if whole else UNSET)
    words = next((part.text for part in first.input if isinstance(part, e.TextInput)), "")
    return Look(
        prompt=words[:MAX_PROMPT_CHARS],
        title=teller.telling.title,
        began_at=first.said_at,
        messages=messages if whole else UNSET,
    )


def lines(path: Path, max_bytes: int = MAX_LINE_BYTES) -> Iterator[Record]:
    """Each line as a record. What could not be read is one that says so; the last line may be half written."""
    with path.open("rb") as file:
        end = path.stat().st_size
        while (at := file.tell()) < end and (line := file.readline(max_bytes)):
            record = read_line(line)
            if record is not None:
                yield record
            elif line.endswith(b"\n") and line.strip():
                yield {"type": UNREADABLE, "text": line[:1024].decode(errors="replace")}
            elif len(line) >= max_bytes:
                while (more := file.readline(max_bytes)) and not more.endswith(b"\n"):
                    pass
                yield {"type": UNREADABLE, "bytes": file.tell() - at}


def _claude(session: NativeSession) -> Iterator[Record]:
    """With what its sub-agents said, from files of their own, before the result that names them."""
    seen = set[str]()
    for record in lines(session.path):
        agent = text(table(record.get("toolUseResult")).get("agentId"))
        if agent not in seen and _AGENT.fullmatch(agent):
            seen.add(agent)
            for file in (session.path.with_suffix("") / "subagents", session.path.parent):
                if (own := file / f"agent-{agent}.jsonl").is_file() and not own.is_symlink():
                    for said in lines(own):
                        yield said | {"isSidechain": True, "agentId": agent}
                    break
        yield record


def _file(session: NativeSession) -> Iterator[Record]:
    return lines(session.path)


def _opencode(session: NativeSession) -> Iterator[Record]:
    with closing(open_database(session.path)) as database:
        database.text_factory = bytes
        yield from _rows(database, session.id, lane="", seen={session.id})


def _rows(database: sqlite3.Connection, session: str, *, lane: str, seen: set[str], depth: int = 0) -> Iterator[Record]:
    """Messages and their parts; those of a sub-agent before the part of the call that it serves."""
    for name, data in database.execute(_MESSAGES, (MAX_LINE_BYTES, session)):
        message = _name(name)
        yield {"message": message, "data": _data(data), "lane": lane}
        for part, inner in database.execute(_PARTS, (MAX_LINE_BYTES, message)):
            record = _data(inner)
            child = text(table(table(record.get("state")).get("metadata")).get("sessionId"))
            if child and child not in seen and depth < MAX_NESTED:
                seen.add(child)
                yield from _rows(database, child, lane=child, seen=seen, depth=depth + 1)
            yield {"part": _name(part), "data": record, "lane": lane}


def _name(raw: object) -> str:
    """An id; of what is none, no name."""
    return raw.decode(errors="replace") if isinstance(raw, bytes) else ""


def _data(raw: object) -> Record:
    record = read_line(raw) if isinstance(raw, bytes) else None
    return {"type": UNREADABLE} if record is None else record


AGENTS: Final[dict[str, tuple[Callable[[], Teller], Callable[[NativeSession], Iterator[Record]]]]] = {
    "claude": (Claude, _claude),
    "codex": (Codex, _file),
    "opencode": (OpenCode, _opencode),
    "pi": (Pi, _file),
}
"""For each agent whose history can be read: what tells it, and where its records come from."""
