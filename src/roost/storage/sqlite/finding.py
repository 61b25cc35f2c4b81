"""Lists, counts and searches: only the filters that are wanted become part of a statement.

Totals come from the tallies, which every commit keeps, wherever these know what is filtered by; else the sessions are
counted. A search that finds few is answered from what it found, one that finds many by walking along the list's index.
"""

import sqlite3
from functools import cache
from typing import Any, Final

import msgspec
from msgspec import Struct

from roost.model.access import org_of
from roost.model.ids import Seq
from roost.model.record import decode_record
from roost.model.stored import SessionPage, SessionQuery, StoredSession
from roost.storage import finding
from roost.storage.sqlite.sql import SQL

_LIST_STEP: Final = 500
"""Session rows fetched at once."""
_FEW: Final = 1000
"""Up to so many hits of a search are fetched one by one."""
_TALLIED: Final = frozenset(("phases", "shown", "agent", "owner", "visibility", "visible", "hidden"))
"""Filters by what the tallies know."""


class _SessionRow(Struct, array_like=True):
    head: Seq
    first: Seq
    produced: int
    env: dict[str, str]
    token_hash: str
    size: int


class _Filters(Struct):
    """`names`: fragments of queries.sql; `values`: what they are bound to. `few`: the search found no more than FEW."""

    names: tuple[str, ...]
    values: dict[str, Any]
    phase: str
    few: bool = False


_rows = msgspec.json.Decoder(list[_SessionRow])


def list_sessions(connection: sqlite3.Connection, query: SessionQuery) -> SessionPage:
    filters = _filters(connection, query)
    total = sum(_counts(connection, filters).values())
    end = total if query.limit is None else min(total, query.offset + query.limit)
    rows: list[StoredSession] = []
    statement = _statement("list", filters.names, query.order, filters.phase, filters.few)
    for offset in range(query.offset, end, _LIST_STEP):
        span = {"offset": offset, "limit": min(_LIST_STEP, end - offset)}
        sizes, joined = connection.execute(statement, filters.values | span).fetchone()
        start = 0
        for row in _rows.decode(sizes):
            rows.append(_session(row, joined[start : start + row.size]))
            start += row.size
    return SessionPage(rows=rows, total=total)


def count_sessions(connection: sqlite3.Connection, query: SessionQuery) -> dict[str, int]:
    filters = _filters(connection, query)
    return _counts(connection, filters)


def _counts(connection: sqlite3.Connection, filters: _Filters) -> dict[str, int]:
    """How many match, by the phase that is shown."""
    tallied = filters.phase == "phase" and _TALLIED.issuperset(filters.names)
    statement = _statement("tally" if tallied else "count", filters.names, "created", filters.phase, filters.few)
    return dict(connection.execute(statement, filters.values).fetchall())


@cache
def _statement(name: str, names: tuple[str, ...], order: str, phase: str, few: bool) -> str:
    """A statement with these filters; the index is named where the planner would have to guess."""
    wanted = [SQL[f"where-{each}"].format(phase=SQL[phase]) for each in names]
    where = "WHERE " + "\n AND ".join(wanted) if wanted else ""
    hint = "" if few else f"INDEXED BY by_{order}"
    return SQL[name].format(order=order, phase=SQL[phase], where=where, hint=hint)


def _filters(connection: sqlite3.Connection, query: SessionQuery) -> _Filters:
    values: dict[str, Any] = {}
    for name in ("agent", "owner", "visibility", "created_from", "created_before", "updated_from", "updated_before"):
        if (value := getattr(query, name)) is not None:
            values[name] = value
    if query.hidden is not None or not query.include_hidden:
        values["hidden"] = bool(query.hidden)
    if query.folder is not None:
        values["folder"] = query.folder.rstrip("/")
    names = list(values)
    if query.phases is not None:
        names.append("phases")
        values["phases"] = _list(query.phases)
    if query.visible_to is not None and query.visible_to.kind != "service":
        names.append("visible")
        values |= {"viewer": query.visible_to.user, "viewer_org": org_of(query.visible_to)}
    if query.tags:
        names.append("tags")
        values |= {"tags": _list(query.tags), "tag_count": len(query.tags)}
    phase = "phase-shown" if _may_fade(connection, query) else "phase"
    if phase == "phase-shown":
        values |= {"at": query.at, "fade_ms": query.fade_ms}
    if (shown := finding.shown_phases(query)) is not None:
        names.append("shown")
        values["shown"] = _list(shown)
    few = _search(connection, query, names, values)
    return _Filters(tuple(names), values, phase, few)


def _search(connection: sqlite3.Connection, query: SessionQuery, names: list[str], values: dict[str, Any]) -> bool:
    """Add the search to the filters; whether it found few."""
    term = finding.fold(query.search or "")
    if not term:
        return False
    kind = "term" if len(term) >= finding.TRIGRAM else "short-term"
    bound = {"match": '"' + term.replace('"', '""') + '"'} if kind == "term" else {"term": term}
    (found,) = connection.execute(SQL[f"found-{kind}"], bound | {"few": _FEW + 1}).fetchone()
    if found.count(",") >= _FEW:
        names.append(kind)
        values |= bound
        return False
    names.append("found")
    values["found"] = found
    return True


def _may_fade(connection: sqlite3.Connection, query: SessionQuery) -> bool:
    """Whether a session may be shown in another phase than it is in."""
    if not query.at:
        return False
    own, hubs = connection.execute(SQL["fading"]).fetchone()
    return bool(own or (hubs and query.fade_ms))


def _list(values: frozenset[str]) -> str:
    return msgspec.json.encode(sorted(values)).decode()


def _session(row: _SessionRow, raw: bytes) -> StoredSession:
    return StoredSession(
        record=decode_record(raw),
        head=row.head,
        first=row.first,
        produced=row.produced,
        env=row.env,
        token_hash=bytes.fromhex(row.token_hash) or None,
    )
