"""What every store promises about finding: filters, search, counts, runs, and who did what."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from roost.model.envelope import Draft, draft
from roost.model.events import (
    Principal,
    RunAborted,
    RunComplete,
    RunStart,
    SessionUpdated,
    TextInput,
    Timeouts,
    WorkspaceSpec,
)
from roost.model.ids import MessageId, RunId, SessionId
from roost.model.lifecycle import Phase
from roost.model.stored import ApiKey, AuditEntry, Deed, SessionQuery
from roost.ports import Store
from roost.storage import SCHEMES, open_store
from tests.contract.given import ANNA, NOON, append, created, fact, new_session, record, text

S = SessionId("s")
BERT = Principal(user="bert")
CLEO = Principal(user="cleo", org="acme")
DORA = Principal(user="dora", org="acme")
OTHER_ANNA = Principal(user="anna", org="acme")
HUB = Principal(user="roost", kind="service")


async def ids(store: Store, **query: Any) -> set[str]:
    """What matches; the total and the counts always agree with it."""
    wanted = SessionQuery(**query)
    page = await store.list(wanted)
    assert page.total == len(page.rows)
    assert sum((await store.counts(wanted)).values()) == page.total
    return {row.record.session for row in page.rows}


# --- filters ----------------------------------------------------------------------------------------------------------


async def test_a_list_shows_only_what_its_reader_may_see(store: Store) -> None:
    for name, owner, visibility in [
        ("anna-private", ANNA, "private"),
        ("anna-organization", ANNA, "organization"),
        ("cleo-private", CLEO, "private"),
        ("cleo-organization", CLEO, "organization"),
        ("cleo-collaborate", CLEO, "collaborate"),
    ]:
        await new_session(store, name, owner=owner, visibility=visibility)
    shared = {"cleo-organization", "cleo-collaborate"}
    assert await ids(store, visible_to=ANNA) == {"anna-private", "anna-organization"}
    assert await ids(store, visible_to=BERT) == {"anna-organization"}
    assert await ids(store, visible_to=CLEO) == {"cleo-private"} | shared
    assert await ids(store, visible_to=DORA) == await ids(store, visible_to=OTHER_ANNA) == shared
    assert len(await ids(store, visible_to=HUB)) == len(await ids(store)) == 5
    assert await ids(store, visible_to=DORA, owner="cleo", visibility="collaborate") == {"cleo-collaborate"}


async def test_a_page_of_what_may_be_seen_is_full(store: Store) -> None:
    for number in range(20):
        await new_session(store, f"s{number:02}", owner=ANNA if number % 2 else BERT, created_at=number)
    page = await store.list(SessionQuery(visible_to=ANNA, limit=4, offset=1))
    assert ([row.record.session for row in page.rows], page.total) == (["s17", "s15", "s13", "s11"], 10)


async def test_a_project_folder_holds_what_is_in_it_and_below_and_nothing_beside_it(store: Store) -> None:
    for path in ("/srv/a", "/srv/a/b", "/srv/ab", "/srv/a%", "/srv", "/"):
        await new_session(store, path, workspace=WorkspaceSpec(kind="folder", path=path))
    await new_session(store, "none", workspace=WorkspaceSpec(kind="folder", root="/srv/a"))
    assert await ids(store, folder="/srv/a") == await ids(store, folder="/srv/a/") == {"/srv/a", "/srv/a/b"}
    assert await ids(store, folder="/srv/a%") == {"/srv/a%"}
    assert await ids(store, folder="/srv/a/b") == {"/srv/a/b"}
    assert await ids(store, folder="/srv/none") == set()


async def test_tags_must_all_be_there_and_follow_the_record(store: Store) -> None:
    await new_session(store, "both", tags=("red", "blue"))
    await new_session(store, "one", tags=("red", "red"))
    assert await ids(store, tags=frozenset(("red",))) == {"both", "one"}
    assert await ids(store, tags=frozenset(("red", "blue"))) == {"both"}
    assert await ids(store, tags=frozenset(("re",))) == set()
    await store.append(append(fact(), session="both", record=record("both", tags=("blue", "green"))))
    assert await ids(store, tags=frozenset(("red",))) == {"one"}
    assert await ids(store, tags=frozenset(("green",))) == {"both"}
    await store.delete(SessionId("one"), by=None, at=NOON)
    assert await ids(store, tags=frozenset(("red",))) == set()


async def test_times_are_from_the_first_up_to_before_the_last(store: Store) -> None:
    for number in range(5):
        await new_session(store, str(number), created_at=number, updated_at=10 - number)
    assert await ids(store, created_from=1, created_before=3) == {"1", "2"}
    assert await ids(store, updated_from=7, updated_before=9) == {"2", "3"}
    assert await ids(store, created_from=2, updated_from=8) == {"2"}
    assert await ids(store, created_from=9) == set()


async def test_hidden_ones_are_left_out_shown_too_or_shown_alone(store: Store) -> None:
    await new_session(store, "seen")
    await new_session(store, "hidden", hidden=True)
    assert await ids(store) == await ids(store, hidden=False) == {"seen"}
    assert await ids(store, include_hidden=True) == {"seen", "hidden"}
    assert await ids(store, hidden=True) == {"hidden"}


async def test_statuses_and_buckets_are_those_that_are_shown(store: Store) -> None:
    for phase in Phase:
        await new_session(store, phase.value, phase=phase)
    assert await ids(store, statuses=frozenset(("active",))) == {"active"}
    assert await ids(store, statuses=frozenset(("archived",))) == {"archived", "ended"}
    assert await ids(store, buckets=frozenset(("history",))) == {"failed", "archived", "ended"}
    assert await ids(store, buckets=frozenset(("paused", "provisioning"))) == {"paused", "resuming", "creating"}
    assert await ids(store, buckets=frozenset(("history",)), statuses=frozenset(("failed",))) == {"failed"}
    assert await store.counts(SessionQuery()) == {phase.value: 1 for phase in Phase}


async def test_a_session_that_sleeps_too_long_is_found_as_archived(store: Store) -> None:
    never = Timeouts(paused=0)
    for name, timeouts in [("hubs", Timeouts()), ("own", Timeouts(paused=10)), ("never", never)]:
        await new_session(store, name, phase=Phase.PAUSED, slept_at=NOON, timeouts=timeouts)
    paused, archived = frozenset(("paused",)), frozenset(("archived",))
    assert await ids(store, statuses=paused, at=NOON + 9_999, fade_ms=20_000) == {"hubs", "own", "never"}
    assert await ids(store, statuses=paused, at=NOON + 10_000, fade_ms=20_000) == {"hubs", "never"}
    assert await ids(store, statuses=archived, at=NOON + 20_000, fade_ms=20_000) == {"hubs", "own"}
    assert await ids(store, statuses=paused, at=NOON + 20_000, fade_ms=0) == {"hubs", "never"}
    assert await ids(store, include_archived=False, at=NOON + 20_000, fade_ms=20_000) == {"never"}
    assert await store.counts(SessionQuery(at=NOON + 20_000, fade_ms=20_000)) == {"paused": 1, "archived": 2}
    assert await store.counts(SessionQuery()) == {"paused": 3}


async def test_counts_follow_what_sessions_become(store: Store) -> None:
    for name in "abc":
        await new_session(store, name)
    await store.append(append(fact(), session="a", record=record("a", phase=Phase.PAUSED)))
    assert await store.counts(SessionQuery()) == {"active": 2, "paused": 1}
    await store.append(append(fact(), session="b", record=record("b", hidden=True, visibility="organization")))
    assert await store.counts(SessionQuery()) == {"active": 1, "paused": 1}
    assert await store.counts(SessionQuery(visible_to=BERT, include_hidden=True)) == {"active": 1}
    await store.delete(SessionId("c"), by=None, at=NOON)
    assert await store.counts(SessionQuery(include_hidden=True)) == {"active": 1, "paused": 1}


@pytest.mark.parametrize("order", ["created", "updated"])
async def test_pages_do_not_overlap_and_leave_nothing_out(store: Store, order: str) -> None:
    for number in range(17):
        await new_session(store, f"s{number:02}", created_at=number // 3, updated_at=-number // 4, label=f"n {number}")
    for more in ({}, {"search": "n 1"}, {"search": "n"}, {"visible_to": ANNA}):
        whole = [row.record.session for row in (await store.list(_query(order, **more))).rows]
        assert len(set(whole)) == len(whole)
        for size in (1, 2, 5, 16, 17, 18):
            pages = [await store.list(_query(order, offset=at, limit=size, **more)) for at in range(0, 20, size)]
            assert [row.record.session for page in pages for row in page.rows] == whole
            assert {page.total for page in pages} == {len(whole)}
        assert (await store.list(_query(order, offset=len(whole), limit=5, **more))).rows == []


def _query(order: Any, **more: Any) -> SessionQuery:
    return SessionQuery(order=order, **more)


# --- search -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("needle", True), ("NEEDLE", True), ("eedl", True), ("ne", True), ("N", True), ("nedle", False),
        ("100%", True), ("100_", False), ("%", True), ("a_b", True), ("axb", False), ('say "hi"', True), ('"', True),
        ("it's", True), ("*", False), ("NEAR(", False), ("straße", True), ("STRASSE", True), ("ÉTÉ", True),
        ("the task", True), ("ticket", True), ("A-17", True), ("3.5", True), ("true", True), ("deep down", True),
        ("needlethe", False), ("back\\slash", True), ("", True), ("🦉", True), ("🦉🦉🦉", True), ("🦉🦉🦉🦉", False),
    ],
)  # fmt: skip
async def test_a_search_is_a_literal_substring_whatever_its_case(store: Store, term: str, found: bool) -> None:
    metadata = {"ticket": "A-17", "x": [1, 3.5, True, {"y": "Deep Down"}]}
    label = 'a NeeDle, 100% a_b, say "hi", it\'s back\\slash in der Straße, été 🦉🦉🦉'
    await new_session(store, label=label, task="The task", metadata=metadata)
    await new_session(store, "other", label="zzz", task="www")
    assert await ids(store, search=term) == ({"s", "other"} if not term else {"s"} if found else set())


async def test_a_search_follows_the_label_and_the_metadata(store: Store) -> None:
    await new_session(store, label="first words")
    await store.append(append(fact(), record=record(label="second words", metadata={"k": "hidden treasure"})))
    assert await ids(store, search="first") == set()
    assert await ids(store, search="second") == await ids(store, search="TREASURE") == {"s"}
    await store.delete(S, by=None, at=NOON)
    assert await ids(store, search="second") == await ids(store, search="se") == set()


LETTERS = "abAB ßSsİıΣσς%_'\"*\\(){}\0\uffff\ufffe\ufffd\ufdd0éÉ🦉\n-"
TEXT = st.text(alphabet=st.sampled_from(LETTERS), max_size=12) | st.text(max_size=8)


@example(texts=[("İstanbul", "straße", "ΣΑΣ")], terms=["i", "ss", "σασ", '"', "%", "\0"])
@given(texts=st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=6), terms=st.lists(TEXT, max_size=4))
@settings(max_examples=20)
def test_a_search_finds_what_a_plain_substring_test_finds(texts: list[tuple[str, ...]], terms: list[str]) -> None:
    cut = [text[1:-1] for texts_of in texts for text in texts_of]

    async def check() -> None:
        async with every_store() as stores:
            for store in stores:
                for number, (label, task, value) in enumerate(texts):
                    await new_session(store, str(number), label=label, task=task, metadata={"key": value})
                for term in (*terms, *cut):
                    wanted = {str(n) for n, each in enumerate(texts) if plainly(term, (*each, "key"))}
                    assert await ids(store, search=term) == wanted, term

    asyncio.run(check())


def plainly(term: str, texts: tuple[str, ...]) -> bool:
    def fold(text: str) -> str:
        return re.sub("[\0\ufdd0\ufffe\uffff]", "\ufffd", text.casefold())

    return any(fold(term) in fold(text) for text in texts)


@asynccontextmanager
async def every_store() -> AsyncGenerator[list[Store]]:
    with TemporaryDirectory() as data:
        stores = [await open_store(kind, Path(data)) for kind in SCHEMES]
        try:
            yield stores
        finally:
            for store in stores:
                await store.close()


WHO = st.sampled_from([ANNA, BERT, CLEO, DORA, OTHER_ANNA])
RECORDS = st.fixed_dictionaries(
    {
        "label": st.sampled_from(["alpha", "beta", "ALPHABET"]),
        "owner": WHO,
        "visibility": st.sampled_from(["private", "organization", "collaborate"]),
        "phase": st.sampled_from(list(Phase)),
        "agent": st.sampled_from(["scripted", "codex"]),
        "hidden": st.booleans(),
        "tags": st.lists(st.sampled_from("xyz"), max_size=3).map(tuple),
        "created_at": st.integers(0, 3),
        "updated_at": st.integers(0, 3),
        "slept_at": st.integers(0, 3),
        "timeouts": st.sampled_from([Timeouts(), Timeouts(paused=0), Timeouts(paused=0.002)]),
    }
)
QUERIES = st.fixed_dictionaries(
    {},
    optional={
        "search": st.sampled_from(["alpha", "PHA", "b", "", "gamma"]),
        "visible_to": WHO,
        "statuses": st.frozensets(st.sampled_from(["active", "paused", "archived", "failed"])),
        "buckets": st.frozensets(st.sampled_from(["running", "paused", "history"])),
        "phases": st.frozensets(st.sampled_from([phase.value for phase in Phase])),
        "of_live": st.frozensets(st.sampled_from("025")),
        "tags": st.frozensets(st.sampled_from("xyz"), max_size=2),
        "agent": st.just("codex"),
        "owner": st.just("anna"),
        "visibility": st.just("organization"),
        "include_hidden": st.booleans(),
        "hidden": st.booleans(),
        "include_archived": st.booleans(),
        "at": st.integers(0, 6),
        "fade_ms": st.integers(0, 2),
        "created_from": st.integers(0, 3),
        "updated_before": st.integers(0, 3),
        "order": st.sampled_from(["created", "updated"]),
        "offset": st.integers(0, 4),
        "limit": st.none() | st.integers(0, 5),
    },
)


@given(
    records=st.lists(RECORDS, max_size=8),
    changes=st.lists(st.tuples(st.integers(0, 7), RECORDS), max_size=4),
    queries=st.lists(QUERIES, min_size=1, max_size=6),
)
@settings(max_examples=20)
def test_all_stores_find_and_count_the_same(
    records: list[dict[str, Any]], changes: list[tuple[int, dict[str, Any]]], queries: list[dict[str, Any]]
) -> None:
    async def answers(store: Store) -> list[Any]:
        for number, fields in enumerate(records):
            await new_session(store, str(number), **fields)
        for number, fields in changes:
            if number < len(records):
                whole = record(str(number), **fields | {"created_at": records[number]["created_at"]})
                await store.append(append(fact(), session=str(number), record=whole))
        pages = [await store.list(SessionQuery(**query)) for query in queries]
        counts = [await store.counts(SessionQuery(**query)) for query in queries]
        return [
            ([row.record.session for row in page.rows], page.total, Counter(count))
            for page, count in zip(pages, counts, strict=True)
        ]

    async def check() -> None:
        async with every_store() as stores:
            first, *rest = [await answers(store) for store in stores]
            assert all(other == first for other in rest)

    asyncio.run(check())


# --- runs -------------------------------------------------------------------------------------------------------------


def begun(run: str, by: Principal = ANNA) -> Draft:
    return draft(RunStart(message=MessageId(f"m-{run}"), input=(TextInput(text=run),)), run=RunId(run), by=by)


def over(run: str, end: Callable[[], Any] = RunComplete) -> Draft:
    return draft(end(), run=RunId(run))


async def with_runs(store: Store) -> None:
    await new_session(store)
    await new_session(store, "other")
    await store.append(append(begun("a"), text("x", "a"), over("a"), begun("b"), text("y", "b")))
    await store.append(append(begun("a"), session="other"))
    await store.append(append(over("b", RunAborted), text("z"), begun("c"), text("w", "c")))


async def test_runs_come_newest_first_with_start_and_end(store: Store) -> None:
    await with_runs(store)
    runs = await store.runs(S)
    assert [(run.start.run, run.start.seq, run.end and run.end.seq) for run in runs] == [
        ("c", 9, None), ("b", 5, 7), ("a", 2, 4),
    ]  # fmt: skip
    assert [type(run.start.body) for run in runs] == [RunStart] * 3
    assert [run.end and type(run.end.body) for run in runs] == [None, RunAborted, RunComplete]
    assert runs[0].start.by == ANNA
    assert [run.start.run for run in await store.runs(S, limit=2)] == ["c", "b"]
    assert [run.start.run for run in await store.runs(S, before=9, limit=1)] == ["b"]
    assert list(await store.runs(S, before=2)) == list(await store.runs(S, limit=0)) == []


async def test_a_run_is_found_by_its_id_in_its_own_session_alone(store: Store) -> None:
    await with_runs(store)
    found = await store.run(S, RunId("b"))
    assert found is not None
    assert found == (await store.runs(S))[1]
    assert await store.run(SessionId("other"), RunId("b")) is None
    other = await store.run(SessionId("other"), RunId("a"))
    assert other is not None
    assert (other.start.seq, other.end) == (2, None)
    assert await store.run(S, RunId("nowhere")) is None


async def test_runs_that_are_trimmed_are_not_listed(store: Store) -> None:
    await with_runs(store)
    await store.trim(S, before=5)
    assert [run.start.run for run in await store.runs(S)] == ["c", "b"]
    assert await store.run(S, RunId("a")) is None


async def test_a_message_is_found_by_its_id(store: Store) -> None:
    await new_session(store)
    assert await store.message(S, MessageId("m")) is None


# --- who did what -----------------------------------------------------------------------------------------------------


async def test_the_audit_says_who_did_what_and_leaves_the_hub_and_agents_out(store: Store) -> None:
    await new_session(store)
    hidden = draft(SessionUpdated(hidden=True), by=BERT)
    hubs = draft(SessionUpdated(label="x"), by=HUB)
    await store.append(append(hubs, text("said"), hidden))
    assert [(entry.action, entry.by.user, entry.session, entry.seq) for entry in await store.audit()] == [
        ("session-created", "anna", "s", 1),
        ("session-updated", "bert", "s", 4),
    ]
    await store.delete(S, by=BERT, at=NOON)
    assert [(entry.action, entry.by.user, entry.session) for entry in await store.audit()] == [
        ("session-deleted", "bert", "s")
    ]
    await new_session(store, "later")
    await store.delete(SessionId("later"), by=HUB, at=NOON)
    assert len(await store.audit()) == 1


async def test_operations_on_keys_are_in_the_audit_and_not_in_the_feed(store: Store) -> None:
    key = ApiKey(id="k", hash=b"h", principal=BERT, created_at=1, scope="observer", label="mine", expires_at=9)
    await store.put_key(key, Deed(action="key-added", by=ANNA, at=5, details={"key": "k"}))
    assert await store.keys() == [key]
    (entry,) = await store.audit()
    assert entry == AuditEntry(pos=entry.pos, at=5, by=ANNA, action="key-added", details={"key": "k"})
    assert entry.session is UNSET
    assert await store.feed() == []
    done = await store.create(append(created(), record=record()))
    assert done.pos > entry.pos
    assert [each.action for each in await store.audit(after=entry.pos)] == ["session-created"]
    assert [each.action for each in await store.audit(limit=1)] == ["key-added"]
    await store.note(Deed(action="hub-stopped", by=ANNA, at=6, details={}))
    last = (await store.audit())[-1]
    assert (last.action, last.by, last.details, last.pos > done.pos) == ("hub-stopped", ANNA, {}, True)
