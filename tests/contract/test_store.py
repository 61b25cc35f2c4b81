"""What every store promises about writing (`Store` in ports/)."""

from typing import Any

import pytest
from anyio import create_task_group, fail_after
from msgspec import UNSET
from msgspec.structs import replace

from roost.model.errors import (
    IdempotencyMismatch,
    ProducerGap,
    RoostError,
    SessionNotFound,
    StaleEpoch,
    StateConflict,
    StorageUnavailable,
)
from roost.model.events import MAX_BODY_BYTES
from roost.model.ids import MessageId, SessionId
from roost.model.stored import Append, KeyClaim, SessionQuery, StoredMessage
from roost.ports import Store
from tests.contract.given import (
    ANNA,
    DAY,
    NOON,
    append,
    created,
    fact,
    from_host,
    new_session,
    raw,
    read_all,
    record,
    said,
    text,
    texts,
)

S = SessionId("s")


def claim(body_hash: bytes = b"hash", outcome: bytes = b"{}", key: str = "key") -> KeyClaim:
    return KeyClaim(principal="anna", key=key, body_hash=body_hash, outcome=outcome)


async def everything(store: Store, session: SessionId = S) -> tuple[Any, ...]:
    """All that an append may change."""
    events = [(event.seq, bytes(event.raw)) for event in await read_all(store, session)]
    return (
        await store.get(session),
        events,
        await store.messages(session),
        await store.find_claim("anna", "key", at=NOON),
        await store.feed_head(),
    )


# --- create -----------------------------------------------------------------------------------------------------------


async def test_a_new_session_holds_its_record_env_and_first_event(store: Store) -> None:
    made = await store.create(append(created(), record=record(), env={"TOKEN": "secret"}))
    assert (made.first, made.head, made.dropped) == (1, 1, 0)
    stored = await store.get(S)
    assert stored.record == record()
    assert (stored.head, stored.first, stored.produced, stored.env) == (1, 1, 0, {"TOKEN": "secret"})
    assert stored.token_hash is None


async def test_a_taken_id_is_refused_and_changes_nothing(store: Store) -> None:
    await new_session(store)
    before = await everything(store)
    with pytest.raises(StateConflict):
        await store.create(append(created(), record=record(label="another"), claim=claim()))
    assert await everything(store) == before


async def test_a_repeated_create_is_told_that_its_key_is_taken(store: Store) -> None:
    await store.create(append(created(), record=record(), claim=claim(outcome=b'{"session":"s"}')))
    with pytest.raises(StateConflict) as refused:
        await store.create(append(created("t"), session="t", record=record("t"), claim=claim()))
    assert refused.value.details["claimed"] is True
    held = await store.find_claim("anna", "key", at=NOON)
    assert held == claim(outcome=b'{"session":"s"}')
    with pytest.raises(SessionNotFound):
        await store.get(SessionId("t"))


async def test_of_two_creates_at_once_one_wins(store: Store) -> None:
    outcomes: list[str] = []

    async def create(label: str) -> None:
        try:
            await store.create(append(created(), record=record(label=label)))
            outcomes.append(label)
        except StateConflict:
            pass

    with fail_after(5):
        async with create_task_group() as tasks:
            for label in ("one", "two", "three"):
                tasks.start_soon(create, label)
    assert len(outcomes) == 1
    assert (await store.get(S)).record.label == outcomes[0]


# --- append -----------------------------------------------------------------------------------------------------------


async def test_seqs_continue_without_gaps(store: Store) -> None:
    await new_session(store)
    one = await store.append(append(text("a"), text("b")))
    two = await store.append(append(text("c")))
    assert (one.first, one.head, two.first, two.head) == (2, 3, 4, 4)
    assert two.pos > one.pos
    assert said(await read_all(store)) == ["a", "b", "c"]


async def test_an_unknown_session_is_not_found(store: Store) -> None:
    none = SessionId("none")
    calls = [
        store.append(append(text("a"), session=none)),
        store.read(none),
        store.trim(none, before=1),
        store.get(none),
        store.delete(none, by=None, at=NOON),
        store.messages(none),
        store.save_checkpoint(none, 1, b""),
        store.load_checkpoint(none),
        store.set_token(none, b""),
    ]
    for call in calls:
        with pytest.raises(SessionNotFound):
            await call


async def test_an_append_without_drafts_changes_what_is_beside_the_log(store: Store) -> None:
    await new_session(store)
    done = await store.append(append(record=record(label="new"), env={"A": "b"}))
    assert (done.first, done.head) == (2, 1)
    stored = await store.get(S)
    assert (stored.record.label, stored.env) == ("new", {"A": "b"})


async def test_an_append_without_record_and_env_keeps_them(store: Store) -> None:
    await store.create(append(created(), record=record(), env={"A": "b"}))
    await store.append(append(text("a")))
    stored = await store.get(S)
    assert (stored.record, stored.env, stored.head) == (record(), {"A": "b"}, 2)


async def test_events_keep_time_run_and_actor_and_absent_stays_absent(store: Store) -> None:
    await new_session(store)
    await store.append(append(text("a", run="run_é☃"), replace(fact(), by=ANNA), at=NOON + 5))
    first, second = (await store.read(S, after=1)).events
    assert (first.seq, first.at, first.run, first.by) == (2, NOON + 5, "run_é☃", UNSET)
    assert (second.seq, second.at, second.run, second.by) == (3, NOON + 5, UNSET, ANNA)


@pytest.mark.parametrize(
    "body",
    [
        b'{"type":"from-the-future","n":1}',
        b'{ "type" : "from-the-future",\n\t"b" : 1, "a":2, "a":3 , "big": 123456789012345678901234567, "f": 1.0e+2 }',
        b'{"type":"text-delta","message":"m","part":"p","delta":"x","new_field":{"deep":[null,true]},"T":"1"}',
        '{"type":"text-delta","message":"m","part":"p","delta":"ünï ☃ 😀 \\u0000 \\ud83d\\ude00 \\/"}'.encode(),
        b'{"part":"p","delta":"","message":"m","type":"text-delta"}',
    ],
    ids=["unknown type", "odd spelling", "unknown field", "unicode", "odd order"],
)
async def test_bodies_come_back_byte_for_byte(store: Store, body: bytes) -> None:
    await new_session(store)
    await store.append(append(raw(body), raw(body)))
    assert [bytes(event.raw) for event in (await store.read(S, after=1)).events] == [body, body]


async def test_the_largest_body_fits(store: Store) -> None:
    await new_session(store)
    largest = text("")
    largest = text("x" * (MAX_BODY_BYTES - len(largest.raw)))
    assert len(largest.raw) == MAX_BODY_BYTES
    await store.append(append(largest, text("after")))
    events = await read_all(store, after=1)
    assert bytes(events[0].raw) == largest.raw
    assert said(events)[1] == "after"


@pytest.mark.parametrize("count", [0, 1, 2, 127, 128, 511, 512, 513, 1025])
async def test_any_number_of_drafts_is_one_append(store: Store, count: int) -> None:
    await new_session(store)
    done = await store.append(append(*texts(count)))
    assert (done.first, done.head) == (2, count + 1)
    assert said(await read_all(store)) == [str(number) for number in range(1, count + 1)]


async def test_concurrent_appends_each_get_their_own_stretch(store: Store) -> None:
    await new_session(store)
    await new_session(store, "t")

    async def write(session: str, name: str) -> None:
        for _ in range(5):
            done = await store.append(append(text(name), text(name), text(name), session=session))
            assert done.head - done.first == 2

    with fail_after(10):
        async with create_task_group() as tasks:
            for number in range(10):
                tasks.start_soon(write, "st"[number % 2], str(number))
    for session in ("s", "t"):
        events = await read_all(store, session)
        assert [event.seq for event in events] == list(range(1, 77))
        words = said(events)
        assert all(len(set(words[at : at + 3])) == 1 for at in range(0, 75, 3))


# --- a host as writer -------------------------------------------------------------------------------------------------


async def test_a_known_prefix_is_dropped(store: Store) -> None:
    await new_session(store)
    await store.append(from_host(1, *texts(3)))
    done = await store.append(from_host(2, *texts(4, start=2)))
    assert (done.dropped, done.first, done.head) == (2, 5, 6)
    assert said(await read_all(store)) == ["1", "2", "3", "4", "5"]
    assert (await store.get(S)).produced == 5


async def test_what_is_known_altogether_changes_nothing(store: Store) -> None:
    await new_session(store)
    await store.append(from_host(1, *texts(3)))
    before = await everything(store)
    late = [StoredMessage(id=MessageId("m"), first=2, data=b"{}")]
    done = await store.append(from_host(1, *texts(3), record=record(label="stale"), messages=late))
    assert (done.dropped, done.first, done.head) == (3, 5, 4)
    assert await everything(store) == before


@pytest.mark.parametrize("first", [3, 4, 1000, 0])
async def test_a_gap_is_refused(store: Store, first: int) -> None:
    await new_session(store)
    await store.append(from_host(1, text("1")))
    with pytest.raises(ProducerGap) as refused:
        await store.append(from_host(first, text("x")))
    assert refused.value.details == {"expected": 2}
    assert said(await read_all(store)) == ["1"]


@pytest.mark.parametrize("epoch", [0, 2])
async def test_another_epoch_is_refused(store: Store, epoch: int) -> None:
    await new_session(store)
    with pytest.raises(StaleEpoch) as refused:
        await store.append(from_host(1, text("x"), epoch=epoch))
    assert refused.value.details == {"epoch": 1}
    assert said(await read_all(store)) == []


async def test_a_higher_epoch_fences_the_old_host_and_counts_from_one(store: Store) -> None:
    await new_session(store)
    await store.append(from_host(1, *texts(3)))
    await store.append(append(fact(), record=record(epoch=2)))
    assert (await store.get(S)).produced == 0
    with pytest.raises(StaleEpoch):
        await store.append(from_host(4, text("old")))
    with pytest.raises(ProducerGap):
        await store.append(from_host(4, text("new"), epoch=2))
    await store.append(from_host(1, text("new"), epoch=2))
    assert (await store.get(S)).produced == 1
    assert said(await read_all(store)) == ["1", "2", "3", "new"]


async def test_a_record_of_an_older_epoch_is_refused(store: Store) -> None:
    await new_session(store, epoch=3)
    with pytest.raises(StateConflict):
        await store.append(append(fact(), record=record(epoch=2)))
    await store.append(from_host(1, text("1"), epoch=3))


async def test_events_of_the_hub_do_not_count_as_produced(store: Store) -> None:
    await new_session(store)
    await store.append(from_host(1, text("1")))
    await store.append(append(text("hub"), text("hub")))
    await store.append(from_host(2, text("2")))
    assert said(await read_all(store)) == ["1", "hub", "hub", "2"]


# --- compare and set --------------------------------------------------------------------------------------------------


async def test_expect_is_compared_with_the_state_and_not_with_the_head(store: Store) -> None:
    await new_session(store)
    await store.append(from_host(1, *texts(3)))
    await store.append(append(fact(), expect=1, record=record(state_seq=5)))
    for stale in (1, 0, 4, 6):
        with pytest.raises(StateConflict) as refused:
            await store.append(append(fact(), expect=stale, record=record(label="lost")))
        assert refused.value.details == {"state_seq": 5}
    assert (await store.get(S)).record == record(state_seq=5)


async def test_of_many_deciders_at_once_exactly_one_wins(store: Store) -> None:
    await new_session(store)
    outcomes: list[str] = []
    refusals: list[dict[str, Any]] = []

    async def decide(name: str) -> None:
        try:
            await store.append(append(text(name), expect=1, record=record(state_seq=2, label=name)))
            outcomes.append(name)
        except StateConflict as refused:
            refusals.append(refused.details)

    with fail_after(5):
        async with create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(decide, str(number))
    assert said(await read_all(store)) == outcomes
    assert [(await store.get(S)).record.label] == outcomes
    assert refusals == [{"state_seq": 2}] * 19


@pytest.mark.parametrize(
    ("refused", "error"),
    [
        (append(fact(), expect=9), StateConflict),
        (from_host(7, fact()), ProducerGap),
        (from_host(1, fact(), epoch=9), StaleEpoch),
        (append(fact(), claim=claim(b"other")), IdempotencyMismatch),
        (append(fact(), claim=claim()), StateConflict),
    ],
    ids=["state", "gap", "epoch", "other claim", "same claim"],
)
async def test_what_is_refused_changes_nothing(store: Store, refused: Append, error: type[RoostError]) -> None:
    await new_session(store)
    await store.append(append(text("a"), claim=claim()))
    before = await everything(store)
    full = replace(
        refused,
        record=record(label="refused"),
        env={"A": "refused"},
        messages=[StoredMessage(id=MessageId("m"), first=1, data=b"refused")],
        claim=refused.claim or claim(key="another"),
    )
    with pytest.raises(error):
        await store.append(full)
    assert await everything(store) == before
    assert await store.find_claim("anna", "another", at=NOON) is None


# --- idempotency keys -------------------------------------------------------------------------------------------------


async def test_a_key_is_kept_for_a_day(store: Store) -> None:
    await new_session(store)
    await store.append(append(text("a"), claim=claim(outcome=b'{"seq":2}')))
    assert await store.find_claim("anna", "key", at=NOON + DAY - 1) == claim(outcome=b'{"seq":2}')
    with pytest.raises(StateConflict) as repeated:
        await store.append(append(text("a"), claim=claim(), at=NOON + DAY - 1))
    assert repeated.value.details["claimed"] is True
    with pytest.raises(IdempotencyMismatch):
        await store.append(append(text("a"), claim=claim(b"other"), at=NOON + DAY - 1))


async def test_a_key_is_free_again_after_a_day(store: Store) -> None:
    await new_session(store)
    await store.append(append(text("a"), claim=claim()))
    assert await store.find_claim("anna", "key", at=NOON + DAY) is None
    await store.append(append(text("b"), claim=claim(b"other"), at=NOON + DAY))
    assert await store.find_claim("anna", "key", at=NOON + DAY) == claim(b"other")
    assert said(await read_all(store)) == ["a", "b"]


async def test_keys_of_different_principals_do_not_meet(store: Store) -> None:
    await new_session(store)
    await store.append(append(text("a"), claim=claim()))
    bert = KeyClaim(principal="bert", key="key", body_hash=b"other", outcome=b"{}")
    await store.append(append(text("b"), claim=bert))
    assert await store.find_claim("bert", "key", at=NOON) == bert
    assert await store.find_claim("anna", "other", at=NOON) is None


async def test_a_repeat_is_told_of_its_claim_even_if_the_state_has_moved(store: Store) -> None:
    await new_session(store)
    await store.append(append(fact(), claim=claim(), expect=1, record=record(state_seq=2)))
    with pytest.raises(StateConflict) as repeated:
        await store.append(append(fact(), claim=claim(), expect=1, record=record(state_seq=2)))
    assert repeated.value.details.get("claimed") is True


async def test_of_many_repeats_at_once_one_is_carried_out(store: Store) -> None:
    await new_session(store)
    claimed: list[bool] = []

    async def send() -> None:
        try:
            await store.append(append(text("once"), claim=claim()))
        except StateConflict as refused:
            claimed.append(refused.details["claimed"])

    with fail_after(5):
        async with create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(send)
    assert claimed == [True] * 9
    assert said(await read_all(store)) == ["once"]


# --- the end ----------------------------------------------------------------------------------------------------------


async def test_a_closed_store_refuses(store: Store) -> None:
    await new_session(store)
    await store.close()
    for call in (store.append(append(text("a"))), store.read(S), store.list(SessionQuery()), store.feed_head()):
        with pytest.raises(StorageUnavailable):
            await call
    await store.close()
