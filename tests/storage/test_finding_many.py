"""Among more sessions than a filter's few, lists and searches find what a plain reading finds, and look at little."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from anyio import create_task_group

from roost.model.events import Principal, WorkspaceSpec
from roost.model.lifecycle import Phase
from roost.model.record import Record
from roost.model.stored import SessionQuery
from roost.storage.finding import matches
from roost.storage.sqlite.connect import connect_reader
from roost.storage.sqlite.finding import count_sessions, list_sessions
from roost.storage.sqlite.store import FILE, open_sqlite
from tests.contract.given import append, created, record

MANY = 2_500
CLEO, DORA = (Principal(user=user, org="acme") for user in ("cleo", "dora"))
TAGS = {"every": 1, "third": 3, "seldom": 100}
"""Each n-th session has the tag; the oldest 1,100 have another, `old`: more than are fetched one by one."""
STEPS_OF_A_PAGE = 8_000
"""What the virtual machine of SQLite does at most for 50 of all; to look at all of them takes it more than 20,000."""


def nth(number: int) -> Record:
    its = tuple(tag for tag, every in TAGS.items() if number % every == 0)
    return record(
        f"s{number:04}",
        label=f"fix the failing test {number}",
        tags=(*its, "old") if number < 1_100 else its,
        metadata={"ticket": "qz"} if number % 500 == 0 else {},
        owner=CLEO if number % 2 else DORA,
        visibility="private" if number % 5 else "organization",
        phase=Phase.PAUSED if number % 4 else Phase.ACTIVE,
        hidden=number % 11 == 0,
        workspace=WorkspaceSpec(kind="folder", path=f"/srv/{number % 2}/{number % 7}"),
        created_at=number // 2,
        updated_at=MANY - number // 2,
    )


RECORDS = [nth(number) for number in range(MANY)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """A connection that reads a store with all of them."""
    data: Path = tmp_path_factory.mktemp("many")

    async def fill() -> None:
        store = await open_sqlite(data)
        async with create_task_group() as tasks:
            for each in RECORDS:
                tasks.start_soon(store.create, append(created(each.session), session=each.session, record=each))
        await store.close()

    asyncio.run(fill())
    with closing(connect_reader(data / FILE)) as connection:
        yield connection


def tags(*names: str) -> dict[str, Any]:
    return {"tags": frozenset(names)}


QUERIES: list[dict[str, Any]] = [
    {},
    tags("every"), tags("third"), tags("old"), tags("seldom"), tags("none"), tags("third", "old"),
    tags("every", "seldom"), tags("old") | {"created_from": 500},
    {"folder": "/srv"}, {"folder": "/srv/1"}, {"folder": "/srv/1/3"}, {"folder": "/srv"} | tags("third"),
    {"search": "failing"}, {"search": "failing test"}, {"search": "test 24"}, {"search": "nowhere"},
    {"search": "t"}, {"search": "qz"}, {"search": "49"}, {"search": "x t"}, {"search": "~"},
    {"search": "failing"} | tags("old"), {"search": "qz"} | tags("every"),
    {"search": "t", "folder": "/srv/1"}, {"search": "t", "folder": "/srv/1/3"},
    {"search": "failing", "created_from": 100, "created_before": 1_200}, {"search": "fail", "updated_from": 2_000},
    {"search": "t", "include_archived": False, "phases": frozenset(("paused",))},
]  # fmt: skip


def named(wanted: dict[str, Any]) -> str:
    """The same in every process, whatever order a set has there."""
    return " ".join(f"{name}={sorted(v) if isinstance(v, frozenset) else v}" for name, v in wanted.items()) or "all"


@pytest.mark.parametrize("order", ["created", "updated"])
@pytest.mark.parametrize("wanted", QUERIES, ids=named)
def test_what_many_match_is_what_a_plain_reading_finds(
    store: sqlite3.Connection, wanted: dict[str, Any], order: Any
) -> None:
    for reader in (None, CLEO, Principal(user="dora")):
        query = SessionQuery(**wanted, order=order, visible_to=reader, offset=3, limit=30)
        found = sorted((each for each in RECORDS if matches(each, query)), key=lambda each: each.session)
        found.sort(key=lambda each: each.created_at if order == "created" else each.updated_at, reverse=True)
        page = list_sessions(store, query, {})
        assert [row.record.session for row in page.rows] == [each.session for each in found[3:33]]
        assert page.total == len(found)
        assert count_sessions(store, query, {}) == Counter(each.phase.value for each in found)


@pytest.mark.parametrize("wanted", [{}, tags("old"), {"folder": "/srv"}], ids=named)
@pytest.mark.parametrize("reader", [None, CLEO], ids=["hub", "reader"])
def test_a_page_by_tag_or_folder_looks_at_no_more_than_it_shows(
    store: sqlite3.Connection, wanted: dict[str, Any], reader: Principal | None
) -> None:
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 100

    store.set_progress_handler(count, 100)
    page = list_sessions(store, SessionQuery(**wanted, visible_to=reader, limit=50), {})
    store.set_progress_handler(None, 0)
    assert len(page.rows) == 50
    assert 0 < steps < STEPS_OF_A_PAGE
