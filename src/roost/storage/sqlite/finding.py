"""Lists, counts and searches: only the filters that are wanted become part of a statement.

Totals come from the tallies, which every commit keeps, wherever these know what is filtered by; else the sessions are
counted, once until what is listed changes. A filter that lets few through is answered from these few, one that lets
many through by walking along the list's index, which soon has a page of them.
"""

import sqlite3
from collections.abc import Iterator
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
"""What a filter lets through is fetched one by one up to so many sessions."""
_TALLIED: Final = frozenset(("phases", "shown", "agent", "owner", "visibility", "visible", "hidden"))
"""Filters by what the tallies know."""
_MOVING: Final = frozenset(("updated_from", "updated_before"))
"""Filters whose count changes with every event."""
_MOST_TOTALS: Final = 500


class Totals:
    """Counts of filters asked for before; good until a commit changes what is listed. Safe from several threads."""

    def __init__(self) -> None:
        self._kept: tuple[int, dict[Any, dict[str, int]]] = (0, {})

    def of(self, version: int) -> dict[Any, dict[str, int]]:
        """What is known at this version, by filter."""
        kept: tuple[int, dict[Any, dict[str, int]]] = self._kept
        if kept[0] != version or len(kept[1]) >= _MOST_TOTALS:
            self._kept = kept = (version, {})
        return kept[1]


class _SessionRow(Struct, array_like=True):
    head: Seq
    first: Seq
    produced: int
    env: dict[str, str]
    token_hash: str
    size: int


class _Filters(Struct):
    """`names`: fragments of queries.sql; `values`: what they are bound to. `few`: what matches is among a few."""

    names: tuple[str, ...]
    values: dict[str, Any]
    phase: str
    few: bool = False


_rows = msgspec.json.Decoder(list[_SessionRow])


def list_sessions(connection: sqlite3.Connection, query: SessionQuery, known: dict[Any, dict[str, int]]) -> SessionPage:
    """`known`: counts that still hold, by filter; it is added to."""
    filters = _filters(connection, query)
    total = _total(connection, filters, known)
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


def count_sessions(
    connection: sqlite3.Connection, query: SessionQuery, known: dict[Any, dict[str, int]]
) -> dict[str, int]:
    return dict(_counts(connection, _filters(connection, query), known))


def _total(connection: sqlite3.Connection, filters: _Filters, known: dict[Any, dict[str, int]]) -> int:
    """How many match. Where nothing but a search leaves any out, its index alone says so."""
    others = tuple(name for name in filters.names if name != "search")
    if len(others) < len(filters.names) and "match" in filters.values and _all_pass(connection, filters, others):
        same = ("search", filters.values["match"])
        if same not in known:
            (found,) = connection.execute(SQL["count-found"], {"match": filters.values["match"]}).fetchone()
            known[same] = {"": found}
        return known[same][""]
    return sum(_counts(connection, filters, known).values())


def _all_pass(connection: sqlite3.Connection, filters: _Filters, names: tuple[str, ...]) -> bool:
    """Whether these filters let every session through, as far as the tallies know."""
    if filters.phase != "phase" or not _TALLIED.issuperset(names):
        return False
    every, some = (
        sum(n for _, n in connection.execute(_statement("tally", each, "created", "phase", False), filters.values))
        for each in ((), names)
    )
    return bool(every == some)


def _counts(connection: sqlite3.Connection, filters: _Filters, known: dict[Any, dict[str, int]]) -> dict[str, int]:
    """How many match, by the phase that is shown."""
    if filters.phase == "phase" and _TALLIED.issuperset(filters.names):
        statement = _statement("tally", filters.names, "created", filters.phase, filters.few)
        return dict(connection.execute(statement, filters.values).fetchall())
    names = tuple("searched" if name == "search" and "match" in filters.values else name for name in filters.names)
    same = (names, tuple(filters.values.items()))
    found = known.get(same)
    if found is None:
        statement = _statement("count", names, "created", filters.phase, filters.few)
        found = dict(connection.execute(statement, filters.values).fetchall())
        if filters.phase == "phase" and _MOVING.isdisjoint(names):
            known[same] = found
    return found


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
    names = list(values)
    if query.phases is not None:
        names.append("phases")
        values["phases"] = _list(query.phases)
    if query.visible_to is not None and query.visible_to.kind != "service":
        names.append("visible")
        values |= {"viewer": query.visible_to.user, "viewer_org": org_of(query.visible_to)}
    phase = "phase-shown" if _may_fade(connection, query) else "phase"
    if phase == "phase-shown":
        values |= {"at": query.at, "fade_ms": query.fade_ms}
    if (shown := finding.shown_phases(query)) is not None:
        names.append("shown")
        values["shown"] = _list(shown)
    few = [_narrow(connection, *each, names, values) for each in _narrowing(query)]
    return _Filters(tuple(names), values, phase, any(few))


def _narrowing(query: SessionQuery) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Filters that may let only few through: their names when they let many through and when few, and their values."""
    term = finding.fold(query.search or "")
    if len(term) >= finding.TRIGRAM:
        yield "search", "found", {"term": term, "match": '"' + term.replace('"', '""') + '"'}
    elif term:
        yield "search", "", {"term": term}
    if query.tags:
        yield "tags", "tagged", {"tags": _list(query.tags), "tag_count": len(query.tags)}
    if query.folder is not None:
        yield "folder", "inside", {"folder": query.folder.rstrip("/")}


def _narrow(
    connection: sqlite3.Connection, many: str, few: str, bound: dict[str, Any], names: list[str], values: dict[str, Any]
) -> bool:
    """Add the filter; whether it lets few through."""
    if few:
        (found,) = connection.execute(SQL[f"few-{few}"], bound | {"few": _FEW + 1}).fetchone()
        if found.count(",") < _FEW:
            names.append(few)
            values[few] = found
            return True
    names.append(many)
    values |= bound
    return False


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
