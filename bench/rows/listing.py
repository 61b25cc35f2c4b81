"""A page of a long list of sessions, by kind of query, over HTTP: for who sees all of them, for who sees half, and as
Coder's client asks for it."""

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import cycle, islice
from typing import Any, Final, NamedTuple

import httpx

from bench import machine
from bench.bench import Bench
from bench.crowd import AREAS, FOLDERS, STRIDE, crowd, told
from bench.hub import COLD, Hub
from bench.table import Row, Spread, percentile

LIST_MS: Final = 10.0
SEARCH_MS: Final = 50.0
PAGE: Final = 50
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
    many = crowd(bench, count, bench.sizes.long)
    with Hub(many.data, command=COLD, core=bench.server_core) as hub, _half_blind(hub) as http:
        half = Reader("-half", ", by who sees half", http, count // 2, V1)
        coder = Reader("-coder", ", on the Coder wire", hub.http, count, CODER)
        readers = (Reader("", "", hub.http, count, V1), half, coder)
        return [
            _row(bench, hub, kind, reader)
            for kind in _kinds(count)
            for reader in readers
            if reader is not coder or kind.on_coder
        ]


def _kinds(count: int) -> tuple[Kind, ...]:
    """What is even is shared, so that every reader finds something."""
    numbers = [2 * (number * STRIDE % (count // 2)) for number in range(min(100, count // 2))]
    tags = [{"tag": tag} for tag in ("bench", *(f"area-{area}" for area in range(0, AREAS, 2)))]
    folders = [{"folder": f"/srv/projects/{folder}"} for folder in range(0, min(FOLDERS, count), 2)]
    rare, words, short = ([{"q": term} for term in terms] for terms in (map(told, numbers), WORDS, SYLLABLES))
    return (
        Kind("list", "list", LIST_MS, [{}], True),
        Kind("list-narrowed", "list by tag or folder", LIST_MS, [*tags, *folders], False),
        Kind("search-rare", "search for what one session has", SEARCH_MS, rare, False),
        Kind("search-frequent", "search for what all have", SEARCH_MS, words, True),
        Kind("search-short", "search for 1 to 3 characters that all have", SEARCH_MS, short, True),
    )


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
