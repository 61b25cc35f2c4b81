"""A page of a long list of sessions, by kind of query, over HTTP: for who sees all of them, for who sees half, and as
Coder's client asks for it."""

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import anyio
import httpx

from bench import machine
from bench.bench import Bench
from bench.hub import COLD, Hub
from bench.table import Row, Spread, percentile
from roost.model.envelope import Draft, committed, draft
from roost.model.events import Principal, RuntimeReady, RuntimeStarting, SessionCreated, SessionPaused, WorkspaceSpec
from roost.model.ids import SessionId, new_session_id
from roost.model.record import fold_records
from roost.model.stored import Append
from roost.ports import Store
from roost.storage import lock_folder, open_store

LIST_MS: Final = 10.0
SEARCH_MS: Final = 50.0
PAGE: Final = 50
AT_ONCE: Final = 256
FOLDERS: Final = 100
AREAS: Final = 20
OWNER: Final = Principal(user="owner", kind="api-key")
STRIDE: Final = 7919
"""From one number that is asked for to the next: prime, so that they are far apart and none comes twice."""
WORDS: Final = ("failing", "fix the", "failing test", "number", "find out why", "the failing test")
SYLLABLES: Final = ("fi", "e", "te", "st", "t n", "ou")
"""Terms too short for the index, or nearly; like WORDS, in every session."""


class Kind(NamedTuple):
    """`name` of its row; `queries`: what is asked, in turns; `all_match`: every session that one may see."""

    name: str
    what: str
    goal_ms: float
    queries: Sequence[Mapping[str, str]]
    all_match: bool

    @property
    def on_coder(self) -> bool:
        """Whether that wire has such a query: it knows no filter but a search."""
        return all(query.keys() <= {"q"} for query in self.queries)


class Reader(NamedTuple):
    """Somebody with a key. `suffix` of the row's name; `seen`: how many sessions this one may see."""

    suffix: str
    who: str
    http: httpx.Client
    seen: int
    wire: "Wire"


class Wire(NamedTuple):
    """Where it is asked, what a search is called there, and which sessions an answer holds."""

    path: str
    term: str
    sessions: Callable[[Any], Sequence[Any]]


V1: Final = Wire("/v1/sessions", "q", lambda found: found["sessions"])
CODER: Final = Wire("/api/hub/sessions", "search", lambda found: found["sessions"]["websocket"])


def measure(bench: Bench) -> list[Row]:
    count = bench.sizes.listed
    data = bench.fresh("list") / "data"
    data.mkdir()
    bench.say(f"writing {count} sessions into the store")
    took = anyio.run(_fill, data, count)
    with Hub(data, command=COLD, core=bench.server_core) as hub, _half_blind(hub) as http:
        half = Reader("-half", ", by who sees half", http, count // 2, V1)
        coder = Reader("-coder", ", on the Coder wire", hub.http, count, CODER)
        readers = (Reader("", "", hub.http, count, V1), half, coder)
        rows = [
            _row(bench, hub, kind, reader)
            for kind in _kinds(count)
            for reader in readers
            if reader is not coder or kind.on_coder
        ]
    rows[0].details["filled_in_seconds"] = took
    return rows


def _kinds(count: int) -> tuple[Kind, ...]:
    """What is even is shared, so that every reader finds something."""
    numbers = [2 * (number * STRIDE % (count // 2)) for number in range(min(100, count // 2))]
    tags = [{"tag": tag} for tag in ("bench", *(f"area-{area}" for area in range(0, AREAS, 2)))]
    folders = [{"folder": f"/srv/projects/{folder}"} for folder in range(0, min(FOLDERS, count), 2)]
    rare, words, short = ([{"q": term} for term in terms] for terms in (map(_told, numbers), WORDS, SYLLABLES))
    return (
        Kind("list", "list", LIST_MS, [{}], True),
        Kind("list-narrowed", "list by tag or folder", LIST_MS, [*tags, *folders], False),
        Kind("search-rare", "search for what one session has", SEARCH_MS, rare, False),
        Kind("search-frequent", "search for what all have", SEARCH_MS, words, True),
        Kind("search-short", "search for 1 to 3 characters that all have", SEARCH_MS, short, True),
    )


def _told(number: int) -> str:
    return f"number {number} fails"


def _half_blind(hub: Hub) -> httpx.Client:
    """With the key of somebody who may see what is shared with the organisation."""
    key = hub.call("POST", "/v1/keys", json={"user": "visitor", "scope": "observer"})["secret"]
    return httpx.Client(base_url=hub.url, headers={"Authorization": f"Bearer {key}"}, timeout=hub.http.timeout)


def _row(bench: Bench, hub: Hub, kind: Kind, reader: Reader) -> Row:
    sizes = bench.sizes
    queries = cycle(kind.queries)
    worst: list[float] = []
    medians: list[float] = []
    for run in range(sizes.runs):
        bench.say(f"{sizes.lists} x {kind.what}{reader.who}, run {run + 1} of {sizes.runs}")
        with machine.on_core(bench.load_core):
            times = list(_times(hub, kind, reader, islice(queries, sizes.lists)))
        worst.append(percentile(times, 0.99))
        medians.append(percentile(times, 0.5))
    return Row(
        name=kind.name + reader.suffix,
        what=f"{kind.what}: {PAGE} of {sizes.listed:,} sessions{reader.who}, p99",
        unit="ms",
        measured=Spread.of(worst),
        better="less",
        goal=kind.goal_ms,
        note=f"p50 {statistics.median(medians):.1f} ms",
        details={"p50_ms": medians, "lists_per_run": sizes.lists},
    )


def _times(hub: Hub, kind: Kind, reader: Reader, queries: Iterable[Mapping[str, str]]) -> Iterator[float]:
    """How long each query takes, in ms. Before it a session changes, so that no count is remembered."""
    changing = hub.call("GET", "/v1/sessions", params={"limit": 1})["sessions"][0]["session"]
    for number, query in enumerate(queries):
        hub.call("PATCH", f"/v1/sessions/{changing}", json={"metadata": {"changed": number}})
        wire = reader.wire
        asked = {wire.term if name == "q" else name: value for name, value in query.items()}
        began = time.perf_counter()
        answer = reader.http.get(wire.path, params={**asked, "limit": PAGE})
        yield (time.perf_counter() - began) * 1000
        found: Any = answer.json()
        sessions = wire.sessions(found)
        total = reader.seen if kind.all_match else found["total"]
        if not total or found["total"] != total or len(sessions) != min(PAGE, total):
            raise AssertionError(f"{query}: {len(sessions)} of {found['total']}")


async def _fill(data: Path, count: int) -> float:
    """Write paused sessions straight into the store, as a hub would have left them; the seconds it took."""
    began = time.monotonic()
    with lock_folder(data):
        store = await open_store("sqlite", data)
        for first in range(0, count, AT_ONCE):
            async with anyio.create_task_group() as tasks:
                for number in range(first, min(first + AT_ONCE, count)):
                    tasks.start_soon(_put, store, number)
        await store.close()
    return time.monotonic() - began


async def _put(store: Store, number: int) -> None:
    session = new_session_id()
    at = 1_700_000_000_000 + number
    drafts = _life(session, number)
    record = fold_records(None, [committed(each, seq=seq, at=at) for seq, each in enumerate(drafts, 1)])
    await store.create(Append(session=session, drafts=drafts, at=at, record=record))


def _life(session: SessionId, number: int) -> list[Draft]:
    created = SessionCreated(
        session=session,
        label=f"fix the failing test {number}",
        agent="scripted",
        workspace=WorkspaceSpec(kind="folder", path=f"/srv/projects/{number % FOLDERS}"),
        owner=OWNER,
        task=f"The test {_told(number)}; find out why.",
        tags=(f"area-{number % AREAS}", "bench") if number % 3 else (f"area-{number % AREAS}",),
        visibility="private" if number % 2 else "organization",
    )
    hub = Principal(user="roost", kind="service")
    return [
        draft(created, by=OWNER),
        draft(RuntimeStarting(epoch=1), by=hub),
        draft(RuntimeReady(epoch=1, pid=1), by=hub),
        draft(SessionPaused(reason="idle"), by=hub),
    ]
