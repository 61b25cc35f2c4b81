"""Lists, counts and searches: only the filters that are wanted become part of a statement.

Totals come from the tallies, which every commit keeps, wherever these know what is filtered by; else the sessions are
counted, once until what is listed changes. A filter that lets few through is answered from these few, one that lets
many through by walking along the list's index, which soon has a page of them. A search that finds many is counted in
`words` alone.
"""

import sqlite3
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

import msgspec
from msgspec import Struct

from roost.model.access import org_of
from roost.model.doing import LIVE
from roost.model.ids import Seq
from roost.model.record import decode_record
from roost.model.stored import SessionPage, SessionQuery, StoredSession
from roost.storage import finding
from roost.storage.sqlite.sql import SQL

_LIST_STEP: Final = 500
"""Session rows fetched at once."""
_FEW: Final = 1000
"""What a filter lets through is fetched one by one up to so many sessions."""
_SORTED: Final = 2000
"""Of a folder so many are sorted by their creation: its index has all that this takes."""
_RARE: Final = 2000
"""So much for a search: three characters in no more sessions are rare, and to find more by walking takes less."""
_MOST_PARTS: Final = 16
"""Of a long term so many threes of characters are tried, the last ones."""
_TALLIED: Final = frozenset(("phases", "shown", "agent", "owner", "visibility", "visible", "hidden"))
"""Filters by what the tallies know."""
_IN_WORDS: Final = _TALLIED | {"folder", "search"}
"""Filters by what `words` knows."""
_MOVING: Final = frozenset(("updated_from", "updated_before"))
"""Filters whose count changes with every event."""
_MOST_TOTALS: Final = 500
_LIVE: Final = frozenset(phase.value for phase in LIVE)


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


class _Plan(Struct):
    """How a query is answered. `names`: fragments of queries.sql that filter; `values`: what fragments are bound to;
    `source`: where it looks. `facet`: whose tallies count it, if the other filters are tallied. `at_least`: it matches
    so many in `words` up to the key `seen`, and more after it."""

    names: list[str]
    values: dict[str, Any]
    phase: str
    source: str
    facet: str
    at_least: int = 0

    @property
    def walks(self) -> bool:
        """Whether it looks at all sessions, in the order of the list."""
        return self.source in ("created", "updated")

    def look_at(self, source: str, instead_of: str = "") -> None:
        """`instead_of`: the filter that is met there by all."""
        self.source = source
        if instead_of:
            self.names.remove(instead_of)


_rows = msgspec.json.Decoder(list[_SessionRow])


def list_sessions(connection: sqlite3.Connection, query: SessionQuery, known: dict[Any, dict[str, int]]) -> SessionPage:
    """`known`: counts that still hold, by filter; it is added to."""
    plan = _plan(connection, query)
    total = _total(connection, plan, known)
    end = total if query.limit is None else min(total, query.offset + query.limit)
    rows: list[StoredSession] = []
    rank = "tags" if plan.source == "tag" and query.order == "created" else "sessions"
    statement = _statement("list", tuple(plan.names), plan.phase, plan.source, query.order, rank)
    for offset in range(query.offset, end, _LIST_STEP):
        span = {"offset": offset, "limit": min(_LIST_STEP, end - offset)}
        sizes, joined = connection.execute(statement, plan.values | span).fetchone()
        start = 0
        for row in _rows.decode(sizes):
            rows.append(_session(row, joined[start : start + row.size]))
            start += row.size
    return SessionPage(rows=rows, total=total)


def count_sessions(
    connection: sqlite3.Connection, query: SessionQuery, known: dict[Any, dict[str, int]]
) -> dict[str, int]:
    """How many match, by the phase that is shown. `known`: as above."""
    plan = _plan(connection, query)
    if plan.phase == "phase" and (tally := _tally(connection, plan)) is not None:
        return tally
    return dict(_counted(connection, "count", plan, known))


def _total(connection: sqlite3.Connection, plan: _Plan, known: dict[Any, dict[str, int]]) -> int:
    if plan.phase == "phase" or "shown" not in plan.names:
        tally = _tally(connection, plan)
        if tally is not None:
            return sum(tally.values())
    return plan.at_least + _counted(connection, "total", plan, known)[""]


def _tally(connection: sqlite3.Connection, plan: _Plan) -> dict[str, int] | None:
    """How many match, by the phase that the log has; None if the tallies do not know."""
    names = [name for name in plan.names if name not in ("tags", "folder")]
    if not plan.facet or not _TALLIED.issuperset(names):
        return None
    statement = _statement("tally", (f"of-{plan.facet}", *names), plan.phase)
    return dict(connection.execute(statement, plan.values).fetchall())


def _counted(
    connection: sqlite3.Connection, name: str, plan: _Plan, known: dict[Any, dict[str, int]]
) -> dict[str, int]:
    """What `count` or `total` counts."""
    names, source = tuple(plan.names), "created" if plan.source == "updated" else plan.source
    if plan.walks and "search" in names and _IN_WORDS.issuperset(names):
        unseen = ("unseen",) if plan.at_least and name == "total" else ()
        names, source = (*unseen, *_in_words(names)), "words"
    same = (name, names, source, tuple(plan.values.items()))
    found = known.get(same)
    if found is None:
        statement = _statement(name, names, plan.phase, source)
        found = dict(connection.execute(statement, plan.values).fetchall())
        if plan.phase == "phase" and _MOVING.isdisjoint(names):
            known[same] = found
    return found


def _in_words(names: Iterable[str]) -> tuple[str, ...]:
    return tuple("spelled" if name == "search" else name for name in names)


@cache
def _statement(
    name: str, names: tuple[str, ...], phase: str, source: str = "", order: str = "created", rank: str = "sessions"
) -> str:
    """A statement with these filters. Its source names the index where the planner would have to guess."""
    wanted = [SQL[f"where-{each}"].format(phase=SQL[phase]) for each in names]
    where = "WHERE " + "\n AND ".join(wanted) if wanted else ""
    looked_at = SQL[f"from-{source}"] if source else ""
    return SQL[name].format(order=order, rank=rank, phase=SQL[phase], where=where, source=looked_at)


def _plan(connection: sqlite3.Connection, query: SessionQuery) -> _Plan:
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
    facet = _add_facets(query, names, values)
    plan = _Plan(names, values, phase, query.order, facet)
    _narrow_by_search(connection, plan)
    _narrow_by_tags(connection, plan)
    _narrow_by_folder(connection, plan)
    if plan.walks and "live" in plan.names and query.phases is not None and query.phases <= _LIVE:
        plan.look_at("live")
    return plan


def _add_facets(query: SessionQuery, names: list[str], values: dict[str, Any]) -> str:
    """Filters that may let only few through. Returns whose tallies know all of them; empty: no one's."""
    facets: set[str] = set()
    if query.of_live is not None:
        names.append("live")
        values["of_live"] = _list(query.of_live)
        facets.add("")
    if query.tags:
        names.append("tags")
        values |= {"tags": _list(query.tags), "tag_count": len(query.tags)}
        facets.add("tag" if len(query.tags) == 1 else "")
    if query.folder is not None:
        names.append("folder")
        values["folder"] = query.folder.rstrip("/")
        facets.add("folder")
    if query.search:
        names.append("search")
        values["term"] = finding.fold(query.search)
        facets.add("")
    return "all" if not facets else facets.pop() if len(facets) == 1 else ""


def _narrow_by_search(connection: sqlite3.Connection, plan: _Plan) -> None:
    """From the index of three characters if some of the term's are rare; else by reading `words`, all of it unless many
    are found before its end."""
    if "search" not in plan.names:
        return
    term: str = plan.values["term"]
    part = _rare_part(connection, term)
    if part is not None:
        (plan.values["few"],) = connection.execute(SQL["found"], {"term": term, "match": _quoted(part)}).fetchone()
        plan.look_at("few", instead_of="search")
    elif _IN_WORDS.issuperset(plan.names):
        statement = _statement("spelled", _in_words(plan.names), plan.phase)
        found, number, seen = connection.execute(statement, plan.values | {"most": _RARE + 1}).fetchone()
        if number <= _RARE:
            plan.values["few"], plan.names = found, []
            plan.look_at("few")
        else:
            plan.values["seen"], plan.at_least = seen, number


def _rare_part(connection: sqlite3.Connection, term: str) -> str | None:
    """Three characters of the term that are in few sessions. The index is not asked for a term of frequent parts: it
    would compare the places of all of them, which takes longer than to read `words`."""
    last = len(term) - finding.TRIGRAM
    starts = [*range(0, last, finding.TRIGRAM), last][-_MOST_PARTS:] if last >= 0 else []
    parts = [term[start : start + finding.TRIGRAM] for start in starts]
    for part in sorted(parts, key=str.isalpha):  # what holds more than letters is rare more often
        (sessions,) = connection.execute(SQL["rarity"], {"match": _quoted(part), "rare": _RARE}).fetchone()
        if sessions <= _RARE:
            return part
    return None


def _quoted(term: str) -> str:
    return '"' + term.replace('"', '""') + '"'


def _narrow_by_tags(connection: sqlite3.Connection, plan: _Plan) -> None:
    """Along the rarest tag, whose sessions are in the order of their creation; sorted by another if they are few."""
    if "tags" not in plan.names:
        return
    numbers: dict[str, int] = dict(connection.execute(SQL["tagged"], plan.values).fetchall())
    tags: list[str] = msgspec.json.decode(plan.values["tags"])
    plan.values["tag"] = rarest = min(tags, key=lambda tag: numbers.get(tag, 0))
    if plan.source == "created" or (plan.source == "updated" and numbers.get(rarest, 0) <= _FEW):
        plan.look_at("tag", instead_of="tags" if len(tags) == 1 else "")


def _narrow_by_folder(connection: sqlite3.Connection, plan: _Plan) -> None:
    if "folder" in plan.names and plan.walks:
        inside = connection.execute(_statement("tally", ("of-folder",), "phase"), plan.values).fetchall()
        if sum(number for _, number in inside) <= (_SORTED if plan.source == "created" else _FEW):
            plan.look_at("folder")


def _may_fade(connection: sqlite3.Connection, query: SessionQuery) -> bool:
    """Whether a session may be shown in another phase than it is in."""
    if not query.at:
        return False
    own, hubs = connection.execute(SQL["fading"]).fetchone()
    return bool(own or (hubs and query.fade_ms))


def _list(values: Iterable[str]) -> str:
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
