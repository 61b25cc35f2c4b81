"""Where each agent keeps the records of its sessions, and which of them belong to a folder.

A folder is matched by what the records themselves say, since names of files do not tell folders apart (`a-b`, `a/b`).
Sources: spec of each agent in docs/explanation/activity.md. All functions but the slugs block; files that cannot be
read are passed over.
"""

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, cast

from msgspec import Struct

from roost.natives.database import open_database
from roost.natives.records import Record, head

CLAUDE_SLUG_UNITS: Final = 200
"""Of UTF-16: a longer slug is cut there, and a hash follows."""
CODEX_DEPTH: Final = 4
"""Year, month, day, file."""
HEAD_LINES: Final = 64
"""A session says its id and folder that early, or never;"""
CODEX_HEAD_LINES: Final = 10
"""of Codex."""


class Homes(Struct, frozen=True, kw_only=True):
    """The folders in which agents keep what is theirs; of opencode, the database file. `user`: the home they are in."""

    user: Path
    claude: Path
    codex: Path
    pi: Path
    opencode: Path
    gemini: Path


class NativeSession(Struct, frozen=True, kw_only=True):
    """A session in an agent's own records. `id`: what the agent resumes it by. `folder`: where it began, if the records
    say so. `path`: its file; of opencode the database, which holds them all. `changed_at`: in ms since the epoch.
    `size_bytes` of the file; of opencode 0."""

    agent: str
    id: str
    path: Path
    changed_at: int
    folder: str | None = None
    size_bytes: int = 0


def homes_of(env: Mapping[str, str], outside: str = "") -> Homes:
    """Where an agent with this environment keeps its records. `HOME` unset: that of this process's user. `outside`:
    where its `HOME` really is, if it is enclosed in a sandbox and cannot tell."""
    inside = Path(env.get("HOME") or Path.home())

    def place(name: str, default: str) -> Path:
        path = Path(env.get(name) or inside / default)
        return Path(outside) / path.relative_to(inside) if outside and path.is_relative_to(inside) else path

    return Homes(
        user=Path(outside or inside),
        claude=place("CLAUDE_CONFIG_DIR", ".claude"),
        codex=place("CODEX_HOME", ".codex"),
        pi=place("PI_CODING_AGENT_DIR", ".pi/agent"),
        opencode=place("XDG_DATA_HOME", ".local/share") / "opencode" / "opencode.db",
        gemini=place("GEMINI_CLI_HOME", ".") / ".gemini",
    )


def sessions_of(agent: str, homes: Homes, folder: Path | None = None, *, since: int = 0) -> list[NativeSession]:
    """The agent's sessions, the newest first: all, or those that began in `folder`, whatever links lead there; those
    alone that have changed at `since` (ms) or later, for which no file is opened that has not.

    Raises: KeyError: no records of such an agent are known."""
    wanted = None if folder is None else os.path.realpath(folder)
    told = LOOKS[agent](homes, wanted, since)
    found = (session for session in told if wanted is None or _began_in(session, wanted))
    return sorted(found, key=lambda session: (-session.changed_at, session.id))


def claude_slug(folder: str) -> str:
    """The name of the folder for the sessions of `folder` (absolute, links resolved): everything but ASCII letters and
    digits is a dash. Of a long one, the part before the hash."""
    units = folder.encode("utf-16-le", "surrogatepass")
    slug = "".join(
        chr(unit) if unit < 128 and chr(unit).isalnum() else "-"
        for unit in (int.from_bytes(units[at : at + 2], "little") for at in range(0, len(units), 2))
    )
    return slug[:CLAUDE_SLUG_UNITS]


def _claude(homes: Homes, wanted: str | None, since: int) -> Iterator[NativeSession]:
    """One file per session, named by its id; those of its sub-agents begin with `agent-`."""
    slug = None if wanted is None else claude_slug(wanted)
    for project in _entries(homes.claude / "projects", folders=True):
        if slug is None or project.name == slug or (len(slug) == CLAUDE_SLUG_UNITS and project.name.startswith(slug)):
            for path in _entries(project, ending=".jsonl"):
                if not path.name.startswith("agent-"):
                    yield from _session("claude", path, since, lambda r, path=path: (path.stem, _first(r, "cwd")))


def _codex(homes: Homes, _wanted: str | None, since: int) -> Iterator[NativeSession]:
    def told(records: list[Record]) -> tuple[str | None, str | None]:
        for record in records:
            payload = record.get("payload", record)
            if record.get("type") == "session_meta" and isinstance(payload, dict):
                return _text(cast(Record, payload), "id"), _text(cast(Record, payload), "cwd")
        return None, None

    for path in _below(homes.codex / "sessions", CODEX_DEPTH):
        yield from _session("codex", path, since, told, lines=CODEX_HEAD_LINES)


def _pi(homes: Homes, _wanted: str | None, since: int) -> Iterator[NativeSession]:
    def told(records: list[Record]) -> tuple[str | None, str | None]:
        first = records[0] if records and records[0].get("type") == "session" else {}
        return _text(first, "id"), _text(first, "cwd")

    for project in _entries(homes.pi / "sessions", folders=True):
        for path in _entries(project, ending=".jsonl"):
            yield from _session("pi", path, since, told, lines=1)


def _gemini(homes: Homes, wanted: str | None, since: int) -> Iterator[NativeSession]:
    """The folder is known only by its hash, but where a file beside the chats names it."""

    def told(records: list[Record], root: str | None) -> tuple[str | None, str | None]:
        hashed = _first(records, "projectHash")
        if root is None and wanted is not None and hashed == hashlib.sha256(os.fsencode(wanted)).hexdigest():
            root = wanted
        return _first(records, "sessionId"), root

    for project in _entries(homes.gemini / "tmp", folders=True):
        root = None
        with suppress(OSError, UnicodeDecodeError):
            root = (project / ".project_root").read_text(encoding="utf-8").strip() or None
        for path in _entries(project / "chats", ending=".jsonl"):
            yield from _session("gemini", path, since, lambda records, root=root: told(records, root))


def _opencode(homes: Homes, _wanted: str | None, since: int) -> Iterator[NativeSession]:
    """Sub-agents' sessions, which have a parent, are left out."""
    query = "SELECT id, directory, time_updated FROM session WHERE parent_id IS NULL AND time_updated >= ?"
    if not homes.opencode.is_file():
        return
    with suppress(sqlite3.Error, OSError), closing(open_database(homes.opencode)) as database:
        for number, directory, changed_at in database.execute(query, (since,)).fetchall():
            yield NativeSession(
                agent="opencode", id=number, path=homes.opencode, changed_at=changed_at, folder=directory
            )


LOOKS: Final[Mapping[str, Callable[[Homes, str | None, int], Iterator[NativeSession]]]] = {
    "claude": _claude,
    "codex": _codex,
    "gemini": _gemini,
    "opencode": _opencode,
    "pi": _pi,
}
"""For each agent whose records we know: all its sessions, or at least those of a folder (links resolved), that have
changed at a time or later (ms)."""


def _session(
    agent: str,
    path: Path,
    since: int,
    told: Callable[[list[Record]], tuple[str | None, str | None]],
    lines: int = HEAD_LINES,
) -> Iterator[NativeSession]:
    """One or none: `told` gives id and folder from the first records."""
    with suppress(OSError):
        stat = path.stat()
        if stat.st_mtime_ns // 1_000_000 < since:
            return
        number, folder = told(list(head(path, limit=lines)))
        if number is not None:
            yield NativeSession(
                agent=agent,
                id=number,
                path=path,
                changed_at=stat.st_mtime_ns // 1_000_000,
                folder=folder,
                size_bytes=stat.st_size,
            )


def _began_in(session: NativeSession, wanted: str) -> bool:
    """A file of Claude that names no folder yet is believed by the folder it lies in."""
    if session.folder is None:
        return session.agent == "claude" and session.path.parent.name == claude_slug(wanted)
    return os.path.realpath(session.folder) == wanted


def _entries(folder: Path, *, folders: bool = False, ending: str = "") -> Iterator[Path]:
    """Folders or files in it, no links; none if it cannot be read."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            kind = entry.is_dir(follow_symlinks=False) if folders else entry.is_file(follow_symlinks=False)
            if kind and entry.name.endswith(ending):
                yield Path(entry.path)


def _below(folder: Path, depth: int) -> Iterator[Path]:
    yield from _entries(folder, ending=".jsonl")
    if depth > 1:
        for inner in _entries(folder, folders=True):
            yield from _below(inner, depth - 1)


def _first(records: list[Record], key: str) -> str | None:
    return next((value for record in records if (value := _text(record, key)) is not None), None)


def _text(record: Record, key: str) -> str | None:
    value = record.get(key)
    return value if isinstance(value, str) and value else None
