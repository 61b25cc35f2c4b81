"""What every store promises about reading, listing and forgetting (`Store` in ports/)."""

from typing import Any

import pytest
from anyio import create_task_group, fail_after
from msgspec import UNSET
from msgspec.structs import replace

from roost.model.envelope import DELTAS
from roost.model.errors import CursorAhead, CursorTrimmed, SessionNotFound
from roost.model.events import Principal
from roost.model.ids import MessageId, SessionId
from roost.model.lifecycle import Phase
from roost.model.stored import ApiKey, FeedEntry, KeyClaim, SessionQuery, StoredMessage
from roost.ports import Store
from tests.contract.given import (
    ANNA,
    NOON,
    append,
    created,
    fact,
    new_session,
    raw,
    read_all,
    record,
    said,
    text,
    texts,
)

S = SessionId("s")


# --- pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 500])
async def test_pages_follow_each_other_from_any_cursor(store: Store, limit: int) -> None:
    await new_session(store)
    await store.append(append(*texts(9)))
    for after in range(11):
        page = await store.read(S, after=after, limit=limit)
        assert [event.seq for event in page.events] == list(range(after + 1, min(10, after + limit) + 1))
        assert (page.head, page.ended) == (10, False)


async def test_a_page_holds_about_max_bytes_and_at_least_one_event(store: Store) -> None:
    await new_session(store)
    await store.append(append(*(text("x" * 1000) for _ in range(10))))
    size = len(text("x" * 1000).raw)
    for max_bytes, count in [(0, 1), (1, 1), (size, 1), (2 * size - 1, 1), (2 * size, 2), (9 * size, 9), (99_999, 10)]:
        assert len((await store.read(S, after=1, max_bytes=max_bytes)).events) == count


async def test_a_cursor_ahead_is_refused(store: Store) -> None:
    await new_session(store)
    assert (await store.read(S, after=1)).events == []
    with pytest.raises(CursorAhead) as refused:
        await store.read(S, after=2)
    assert refused.value.details == {"head": 1}


async def test_an_empty_log_is_read_from_its_start(store: Store) -> None:
    await store.create(append(record=record()))
    page = await store.read(S)
    assert (page.events, page.head, page.ended) == ([], 0, False)


async def test_an_ended_session_says_so_at_its_last_event_only(store: Store) -> None:
    await new_session(store)
    await store.append(append(text("a"), text("b")))
    assert not (await store.read(S)).ended
    await store.append(append(fact(), record=record(phase=Phase.ENDED)))
    assert [(await store.read(S, after=after, limit=2)).ended for after in range(5)] == [False, False, True, True, True]
    assert not (await store.read(S, after=3, limit=0)).ended
    assert (await store.read(S, after=4, limit=0)).ended


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.ENDED])
async def test_no_other_phase_is_the_end_of_a_log(store: Store, phase: Phase) -> None:
    await new_session(store, phase=phase)
    assert not (await store.read(S)).ended


async def test_readers_beside_a_writer_see_whole_appends(store: Store) -> None:
    await new_session(store)

    async def write() -> None:
        for number in range(30):
            await store.append(append(*texts(7), record=record(label=str(number + 1))))

    async def watch() -> None:
        head = 0
        while head < 211:
            stored = await store.get(S)
            assert (stored.head - 1) % 7 == 0
            assert stored.record.label == ("a session" if stored.head == 1 else str((stored.head - 1) // 7))
            page = await store.read(S, after=stored.head)
            assert [event.seq for event in page.events] == list(range(stored.head + 1, page.head + 1))
            head = page.head

    with fail_after(10):
        async with create_task_group() as tasks:
            tasks.start_soon(write)
            for _ in range(4):
                tasks.start_soon(watch)


# --- trim -------------------------------------------------------------------------------------------------------------


async def test_trimmed_events_are_gone_and_cursors_before_them_refused(store: Store) -> None:
    await new_session(store)
    await store.append(append(*texts(9)))
    await store.trim(S, before=4)
    stored = await store.get(S)
    assert (stored.first, stored.head) == (4, 10)
    assert [event.seq for event in (await store.read(S, after=3)).events] == list(range(4, 11))
    for after in (0, 2):
        with pytest.raises(CursorTrimmed) as refused:
            await store.read(S, after=after)
        assert refused.value.details == {"first": 4}


async def test_trimming_less_than_before_changes_nothing(store: Store) -> None:
    await new_session(store)
    await store.append(append(*texts(9)))
    await store.trim(S, before=4)
    for before in (0, 1, 3, 4):
        await store.trim(S, before=before)
    assert (await store.get(S)).first == 4


async def test_a_log_can_be_trimmed_to_nothing_and_goes_on(store: Store) -> None:
    await new_session(store)
    await store.append(append(*texts(9)))
    with pytest.raises(CursorAhead) as refused:
        await store.trim(S, before=12)
    assert refused.value.details == {"head": 10}
    pos = await store.feed_head()
    await store.trim(S, before=11)
    assert (await store.read(S, after=10)).events == []
    with pytest.raises(CursorTrimmed):
        await store.read(S, after=9)
    done = await store.append(append(text("on")))
    assert (done.first, done.head) == (11, 11)
    assert done.pos > pos


async def test_an_ended_log_that_was_trimmed_still_ends(store: Store) -> None:
    await new_session(store, phase=Phase.ENDED)
    await store.trim(S, before=2)
    page = await store.read(S, after=1)
    assert (page.events, page.ended) == ([], True)


async def test_trim_leaves_other_sessions_alone(store: Store) -> None:
    await new_session(store)
    await new_session(store, "t")
    await store.append(append(*texts(3)))
    await store.append(append(*texts(3), session="t"))
    await store.trim(S, before=5)
    assert said(await read_all(store, "t")) == ["1", "2", "3"]


# --- messages, checkpoint, token --------------------------------------------------------------------------------------


def message(number: int, data: bytes = b"{}") -> StoredMessage:
    return StoredMessage(id=MessageId(f"msg_{number}"), first=number, data=data)


async def test_messages_come_in_pages_from_the_end(store: Store) -> None:
    await new_session(store)
    all_of_them = [message(number, str(number).encode() * number) for number in range(1, 8)]
    await store.append(append(messages=all_of_them[3:]))
    await store.append(append(messages=all_of_them[:3]))
    assert await store.messages(S) == all_of_them
    assert await store.messages(S, limit=3) == all_of_them[4:]
    assert await store.messages(S, before=5, limit=3) == all_of_them[1:4]
    assert await store.messages(S, before=1) == []
    assert await store.messages(S, limit=0) == []


async def test_a_message_that_grew_takes_the_place_of_the_old(store: Store) -> None:
    await new_session(store)
    await store.append(append(messages=[message(1), message(2)]))
    await store.append(append(messages=[message(1, b'"more"'), message(3)]))
    assert await store.messages(S) == [message(1, b'"more"'), message(2), message(3)]
    await store.append(append(messages=[message(1), replace(message(1), data=b'"last"')]))
    assert (await store.messages(S))[0] == message(1, b'"last"')


async def test_messages_of_different_sessions_do_not_meet(store: Store) -> None:
    await new_session(store)
    await new_session(store, "t")
    await store.append(append(messages=[message(1)]))
    await store.append(append(messages=[message(1, b'"t"')], session="t"))
    assert await store.messages(S) == [message(1)]
    assert await store.messages(SessionId("t")) == [message(1, b'"t"')]


async def test_the_newest_checkpoint_is_kept(store: Store) -> None:
    await new_session(store)
    assert await store.load_checkpoint(S) is None
    await store.save_checkpoint(S, 1, b"\x00one")
    await store.save_checkpoint(S, 2, b"two\xff")
    assert await store.load_checkpoint(S) == (2, b"two\xff")


async def test_the_token_of_the_present_host_is_kept(store: Store) -> None:
    await new_session(store)
    for token in (b"\x00" * 32, b"\xff" * 32):
        await store.set_token(S, token)
        assert (await store.get(S)).token_hash == token
        assert [row.token_hash for row in (await store.list(SessionQuery())).rows] == [token]


# --- list -------------------------------------------------------------------------------------------------------------


async def ids(store: Store, **query: Any) -> tuple[list[str], int]:
    page = await store.list(SessionQuery(**query))
    return [row.record.session for row in page.rows], page.total


async def test_lists_are_newest_first_and_ties_are_broken_by_id(store: Store) -> None:
    for session, made, changed in [("b", 1, 9), ("a", 1, 5), ("d", 3, 5), ("c", 2, 7)]:
        await new_session(store, session, created_at=made, updated_at=changed)
    assert await ids(store) == (["d", "c", "a", "b"], 4)
    assert await ids(store, order="updated") == (["b", "c", "a", "d"], 4)


async def test_an_update_moves_a_session_to_the_front(store: Store) -> None:
    for number, session in enumerate("abc"):
        await new_session(store, session, updated_at=number)
    await store.append(append(fact(), session="a", record=record("a", updated_at=9)))
    assert await ids(store, order="updated") == (["a", "c", "b"], 3)


async def test_lists_come_in_pages_with_the_total(store: Store) -> None:
    for number in range(7):
        await new_session(store, f"s{number}", created_at=number)
    assert await ids(store, limit=3) == (["s6", "s5", "s4"], 7)
    assert await ids(store, limit=3, offset=3) == (["s3", "s2", "s1"], 7)
    assert await ids(store, offset=6) == (["s0"], 7)
    assert await ids(store, offset=7) == ([], 7)
    assert await ids(store, offset=99, limit=1) == ([], 7)
    assert await ids(store, limit=0) == ([], 7)


async def test_lists_filter(store: Store) -> None:
    await new_session(store, "plain")
    await new_session(store, "berts", owner=Principal(user="bert"))
    await new_session(store, "codex", agent="codex", phase=Phase.PAUSED)
    await new_session(store, "hidden", hidden=True)
    await new_session(store, "archived", phase=Phase.ARCHIVED)
    await new_session(store, "ended", phase=Phase.ENDED)
    every = {"plain", "berts", "codex", "archived", "ended"}

    async def found(**query: Any) -> set[str]:
        names, total = await ids(store, **query)
        assert len(names) == total
        return set(names)

    assert await found() == every
    assert await found(include_hidden=True) == every | {"hidden"}
    assert await found(include_archived=False) == {"plain", "berts", "codex"}
    assert await found(phases=frozenset({"paused", "ended"})) == {"codex", "ended"}
    assert await found(phases=frozenset({"paused", "ended"}), include_archived=False) == {"codex"}
    assert await found(phases=frozenset()) == set()
    assert await found(agent="codex") == {"codex"}
    assert await found(owner="bert") == {"berts"}
    assert await found(owner="bert", agent="codex") == set()


async def test_filters_follow_what_changed(store: Store) -> None:
    await new_session(store)
    changed = record(agent="codex", hidden=True, phase=Phase.PAUSED, owner=Principal(user="bert"))
    await store.append(append(fact(), record=changed))
    query: dict[str, Any] = {"agent": "codex", "owner": "bert", "phases": frozenset({"paused"})}
    assert await ids(store, **query) == ([], 0)
    assert await ids(store, **query, include_hidden=True) == (["s"], 1)
    await store.append(append(fact(), record=record()))
    assert await ids(store, agent="scripted") == (["s"], 1)


async def test_a_listed_row_is_the_row(store: Store) -> None:
    await store.create(append(created(), record=record(metadata={"ü": ["☃", None]}), env={"A": "ö"}))
    await store.append(append(*texts(3)))
    assert (await store.list(SessionQuery())).rows == [await store.get(S)]


async def test_a_list_without_limit_gives_all(store: Store) -> None:
    for number in range(1, 1103):
        await store.create(append(record=record(f"s{number}", created_at=number), session=f"s{number}"))
    names, total = await ids(store, offset=1)
    assert names == [f"s{number}" for number in range(1101, 0, -1)]
    assert total == 1102


# --- delete -----------------------------------------------------------------------------------------------------------


async def test_a_deleted_session_is_gone_with_all_of_it(store: Store) -> None:
    await new_session(store)
    await new_session(store, "t")
    await store.append(append(*texts(3), fact(), messages=[message(1)]))
    await store.save_checkpoint(S, 3, b"fold")
    pos = await store.delete(S, by=ANNA, at=NOON)
    with pytest.raises(SessionNotFound):
        await store.get(S)
    assert await ids(store) == (["t"], 1)
    assert [entry.session for entry in await store.feed()] == ["t", "s"]
    assert await store.feed_head() == pos


async def test_an_id_can_be_used_again_after_a_delete_and_begins_empty(store: Store) -> None:
    await new_session(store)
    await store.append(append(*texts(3), messages=[message(1)]))
    await store.save_checkpoint(S, 3, b"fold")
    await store.set_token(S, b"token")
    await store.delete(S, by=None, at=NOON)
    await new_session(store)
    assert [event.seq for event in await read_all(store)] == [1]
    assert await store.messages(S) == []
    assert await store.load_checkpoint(S) is None
    assert (await store.get(S)).token_hash is None


async def test_a_claim_outlives_its_session(store: Store) -> None:
    claim = KeyClaim(principal="anna", key="key", body_hash=b"hash", outcome=b'{"session":"s"}')
    await store.create(append(created(), record=record(), claim=claim))
    await store.delete(S, by=None, at=NOON)
    assert await store.find_claim("anna", "key", at=NOON) == claim


# --- the feed ---------------------------------------------------------------------------------------------------------


def facts(entries: Any) -> list[tuple[str, Any]]:
    return [(e.session, e.fact["type"] if e.event is UNSET else e.event.type) for e in entries]


async def test_the_feed_has_the_facts_of_all_sessions_in_commit_order(store: Store) -> None:
    await new_session(store)
    await new_session(store, "t")
    await store.append(append(text("a"), fact(), text("b"), raw(b'{"type":"from-the-future"}'), session="t"))
    await store.append(append(fact()))
    entries = await store.feed()
    assert facts(entries) == [
        ("s", "session-created"),
        ("t", "session-created"),
        ("t", "message-start"),
        ("t", "from-the-future"),
        ("s", "message-start"),
    ]
    assert [entry.event.seq for entry in entries if entry.event is not UNSET] == [1, 1, 3, 5, 2]
    positions = [entry.pos for entry in entries]
    assert positions == sorted(set(positions))


async def test_every_kind_of_delta_is_left_out_of_the_feed(store: Store) -> None:
    await new_session(store)
    for kind in DELTAS:
        tag = str(kind.__struct_config__.tag)
        await store.append(append(raw(b'{"type":"%s","message":"m","part":"p","call":"c","delta":"x"}' % tag.encode())))
    assert facts(await store.feed()) == [("s", "session-created")]
    assert (await store.get(S)).head == 1 + len(DELTAS)


async def test_the_feed_is_read_in_pages_from_any_position(store: Store) -> None:
    await new_session(store)
    await store.append(append(*(fact() for _ in range(9))))
    entries = list(await store.feed())
    assert len(entries) == 10
    for at, entry in enumerate(entries):
        assert facts(await store.feed(after=entry.pos, limit=3)) == facts(entries[at + 1 : at + 4])
    assert await store.feed(after=await store.feed_head()) == []
    assert await store.feed(after=10_000) == []


async def test_an_appends_pos_is_where_the_feed_goes_on_after_it(store: Store) -> None:
    assert await store.feed_head() == 0
    await new_session(store)
    done = await store.append(append(fact(), text("a")))
    assert done.pos == await store.feed_head()
    assert await store.feed(after=done.pos) == []
    await store.append(append(fact()))
    assert facts(await store.feed(after=done.pos)) == [("s", "message-start")]


@pytest.mark.parametrize(
    ("by", "kept", "more"),
    [
        (ANNA, "/srv/kept", {"by": {"user": "anna"}, "kept": "/srv/kept"}),
        (Principal(user="a", kind="api-key", key="k"), None, {"by": {"user": "a", "kind": "api-key", "key": "k"}}),
        (None, None, {}),
    ],
)
async def test_a_delete_leaves_a_fact_that_says_by_whom(
    store: Store, by: Principal | None, kept: str | None, more: dict[str, Any]
) -> None:
    done = await new_session(store)
    pos = await store.delete(S, by=by, at=NOON, kept=kept)
    assert pos > done.pos
    whose = {"owner": {"user": "anna"}, "visibility": "private"}
    fact = {"type": "session-deleted", "session": "s", "at": NOON} | whose | more
    assert await store.feed() == [FeedEntry(pos=pos, session=S, fact=fact)]


# --- api keys ---------------------------------------------------------------------------------------------------------


async def test_api_keys_are_kept_and_revoked(store: Store) -> None:
    assert await store.keys() == []
    first = ApiKey(id="agc_2", hash=b"\x00" * 32, principal=Principal(user="anna", org="acme"), created_at=1)
    second = ApiKey(id="agc_1", hash=b"\xff" * 32, principal=ANNA, created_at=2)
    await store.put_key(second)
    await store.put_key(first)
    assert await store.keys() == [first, second]
    revoked = replace(first, revoked_at=3)
    await store.put_key(revoked)
    assert await store.keys() == [revoked, second]
