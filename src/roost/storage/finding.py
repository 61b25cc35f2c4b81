"""What every store takes a query to mean: which words are searched, which phase is shown, who may see what."""

from collections.abc import Iterator
from typing import Any, Final, cast

import msgspec
from msgspec import UNSET

from roost.model.access import may_see
from roost.model.doing import LIVE
from roost.model.lifecycle import VIEWS, Phase, standing
from roost.model.record import Record
from roost.model.stored import SessionQuery

TRIGRAM: Final = 3
"""Shorter terms have no entry in an index of three characters."""
SEPARATOR: Final = "\ufdd0"
"""Stands between two texts of a session; no text and no term has it."""
_PLAIN: Final = str.maketrans(dict.fromkeys(f"\0\ufffe\uffff{SEPARATOR}", "\ufffd"))
DEFAULT_FADE: Final = -1
"""Instead of milliseconds: this session sleeps as long as the hub's sessions do."""


def fold(text: str) -> str:
    """Text so that equal up to case is equal. NUL and three noncharacters of Unicode, which mean something to a
    store, count as U+FFFD."""
    return text.casefold().translate(_PLAIN)


def words_of(record: Record) -> str:
    """All that is searched of a session, folded: its label, its task, each key and value of its metadata."""
    task = () if record.task is UNSET else (record.task,)
    return SEPARATOR.join(fold(text) for text in (record.label, *task, *_texts(record.metadata)))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in cast("dict[str, Any]", value).items():
            yield key
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in cast("list[Any]", value):
            yield from _texts(each)
    elif value is not UNSET:
        yield msgspec.json.encode(value).decode()


def fade_of(record: Record) -> int:
    """For how long it may sleep before it counts as history, in milliseconds; 0: for ever; or DEFAULT_FADE."""
    paused = record.timeouts.paused
    return DEFAULT_FADE if paused is UNSET else int(paused * 1000)


def slept_out(record: Record, at: int, fade_ms: int) -> bool:
    """Whether a session sleeps longer than it may. `at` 0: none does; `fade_ms`: what DEFAULT_FADE stands for."""
    fade = fade_of(record)
    limit = fade_ms if fade < 0 else fade
    return record.phase is Phase.PAUSED and at > 0 and limit > 0 and record.slept_at + limit <= at


def shown(record: Record, at: int, fade_ms: int) -> str:
    """The phase that is shown: `archived` after too long a sleep."""
    return (Phase.ARCHIVED if slept_out(record, at, fade_ms) else record.phase).value


def shown_phases(query: SessionQuery) -> frozenset[str] | None:
    """The phases whose view the query wants; None: any."""
    wanted: set[str] | None = None
    if query.statuses is not None:
        wanted = {phase.value for phase in Phase if VIEWS[standing(phase)].status in query.statuses}
    if query.buckets is not None:
        found = {phase.value for phase in Phase if VIEWS[standing(phase)].bucket in query.buckets}
        wanted = found if wanted is None else wanted & found
    if not query.include_archived:
        wanted = {phase.value for phase in Phase} if wanted is None else wanted
        wanted -= {Phase.ARCHIVED.value, Phase.ENDED.value}
    return None if wanted is None else frozenset(wanted)


def folder_of(record: Record) -> str:
    """The project folder: what the session was given, not what Roost made of it."""
    path = record.workspace.path
    return path if path is not UNSET else ""


def matches(record: Record, query: SessionQuery) -> bool:
    """The plain reading of a query."""
    wanted = shown_phases(query)
    folder = None if query.folder is None else query.folder.rstrip("/")
    path = folder_of(record)
    return (
        (query.phases is None or record.phase in query.phases)
        and (query.of_live is None or record.phase not in LIVE or record.session in query.of_live)
        and (wanted is None or shown(record, query.at, query.fade_ms) in wanted)
        and query.tags <= frozenset(record.tags)
        and (query.agent is None or record.agent == query.agent)
        and (folder is None or path == folder or path.startswith(folder + "/"))
        and (query.owner is None or record.owner.user == query.owner)
        and (query.visibility is None or record.visibility == query.visibility)
        and (query.visible_to is None or may_see(record.visibility, record.owner, query.visible_to))
        and (query.hidden is None or record.hidden == query.hidden)
        and (query.hidden is not None or query.include_hidden or not record.hidden)
        and _within(record.created_at, query.created_from, query.created_before)
        and _within(record.updated_at, query.updated_from, query.updated_before)
        and (query.search is None or fold(query.search) in words_of(record))
    )


def _within(at: int, first: int | None, before: int | None) -> bool:
    return (first is None or at >= first) and (before is None or at < before)
