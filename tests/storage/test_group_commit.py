"""Calls that wait share one commit, and no one of them can harm another."""

import pytest
from anyio import CancelScope, create_task_group, fail_after
from anyio.lowlevel import checkpoint

from roost.model.errors import ProducerGap, RoostError, SessionNotFound, StateConflict
from roost.model.ids import SessionId
from roost.model.stored import Append, StoredMessage
from roost.storage.sqlite import writer
from roost.storage.sqlite.store import SqliteStore
from roost.storage.sqlite.writer import FLOOD_CALLS
from tests.contract.given import (
    NOON,
    append,
    created,
    fact,
    from_host,
    new_session,
    read_all,
    record,
    said,
    text,
    texts,
)
from tests.storage.conftest import held

S = SessionId("s")


async def test_calls_that_wait_share_one_commit(store: SqliteStore) -> None:
    for number in range(100):
        await new_session(store, f"s{number}")
    before = store.commits
    with fail_after(10):
        async with create_task_group() as tasks, held(store):
            for number in range(100):
                tasks.start_soon(store.append, from_host(1, *texts(16), session=f"s{number}"))
            tasks.start_soon(store.create, append(created("new"), session="new", record=record("new")))
            tasks.start_soon(store.set_token, SessionId("s1"), b"token")
            await checkpoint()
    assert store.commits == before + 1
    assert (await store.get(SessionId("s99"))).head == 17


async def test_refused_calls_commit_nothing(store: SqliteStore) -> None:
    await new_session(store)
    before = store.commits
    for refused in (append(fact(), expect=9), from_host(9, fact()), append(fact(), session="none")):
        with pytest.raises(RoostError):
            await store.append(refused)
    assert store.commits == before


async def outcomes_of(store: SqliteStore, appends: list[Append]) -> list[object]:
    """What each returned or raised, all of them in one group."""
    outcomes: list[object] = [None] * len(appends)

    async def run(number: int) -> None:
        try:
            outcomes[number] = await store.append(appends[number])
        except Exception as error:  # noqa: BLE001  # whatever it is, it is looked at
            outcomes[number] = error

    with fail_after(10):
        async with create_task_group() as tasks, held(store):
            for number in range(len(appends)):
                tasks.start_soon(run, number)
                await checkpoint()
    return outcomes


async def test_a_refused_append_does_not_harm_the_others_of_its_group(store: SqliteStore) -> None:
    await new_session(store)
    before = store.commits
    outcomes = await outcomes_of(
        store,
        [
            append(text("a"), expect=1, record=record(state_seq=2)),
            append(text("b"), expect=1, record=record(state_seq=2)),
            from_host(1, text("c")),
            from_host(5, text("d")),
            append(text("e"), session="none"),
            from_host(2, text("f")),
        ],
    )
    errors = {number: type(outcome) for number, outcome in enumerate(outcomes) if isinstance(outcome, Exception)}
    assert errors == {1: StateConflict, 3: ProducerGap, 4: SessionNotFound}
    assert said(await read_all(store)) == ["a", "c", "f"]
    assert store.commits == before + 1


async def test_an_append_that_spoils_its_commit_fails_alone(store: SqliteStore) -> None:
    await new_session(store)
    unwritable = text("b", run="\ud800")
    outcomes = await outcomes_of(
        store, [from_host(1, text("a")), append(unwritable), from_host(2, text("c")), append(fact(), expect=7)]
    )
    kinds = [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)]
    assert kinds == [UnicodeEncodeError, StateConflict]
    assert said(await read_all(store)) == ["a", "c"]
    assert (await store.get(S)).produced == 2


async def test_calls_of_one_group_see_each_other_in_order(store: SqliteStore) -> None:
    with fail_after(10):
        async with create_task_group() as tasks, held(store):
            tasks.start_soon(new_session, store)
            await checkpoint()
            message = StoredMessage(id="m", first=2, data=b"{}")  # type: ignore[arg-type]
            tasks.start_soon(store.append, append(*texts(5), messages=[message], record=record(label="gone")))
            await checkpoint()

            async def trim() -> None:
                await store.trim(S, before=4)

            tasks.start_soon(trim)
            await checkpoint()
            tasks.start_soon(store.append, append(text("6")))
            await checkpoint()
    stored = await store.get(S)
    assert (stored.head, stored.first, stored.record.label) == (7, 4, "gone")
    assert said(await read_all(store, after=3)) == ["3", "4", "5", "6"]

    with fail_after(10):
        async with create_task_group() as tasks, held(store):
            tasks.start_soon(store.append, append(text("7")))
            await checkpoint()

            async def delete() -> None:
                await store.delete(S, by=None, at=NOON)

            tasks.start_soon(delete)
            await checkpoint()
            tasks.start_soon(new_session, store)
            await checkpoint()
    assert [event.seq for event in await read_all(store)] == [1]


async def test_a_cancelled_append_is_done_or_not_and_the_store_goes_on(store: SqliteStore) -> None:
    await new_session(store)
    with fail_after(10):
        async with create_task_group() as tasks, held(store):
            given_up = CancelScope()

            async def append_and_give_up() -> None:
                with given_up:
                    await store.append(from_host(1, *texts(3)))

            tasks.start_soon(append_and_give_up)
            tasks.start_soon(store.append, append(text("other")))
            await checkpoint()
            given_up.cancel()
    done = (await store.get(S)).produced
    assert done in (0, 3)
    again = await store.append(from_host(1, *texts(3)))
    assert again.dropped == done
    assert sorted(said(await read_all(store))) == ["1", "2", "3", "other"]


async def test_close_commits_what_waits(store: SqliteStore) -> None:
    await new_session(store)
    heads: list[int] = []

    async def write() -> None:
        heads.append((await store.append(append(text("last")))).head)

    with fail_after(10):
        async with create_task_group() as tasks, held(store):
            tasks.start_soon(write)
            await checkpoint()
            tasks.start_soon(store.close)
            await checkpoint()
    assert heads == [2]


async def test_in_a_flood_half_of_the_callers_share_a_commit_and_a_lone_call_soon_waits_no_more(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "GATHER_SECONDS", 60)  # nobody waits for so long here
    for number in range(FLOOD_CALLS):
        await new_session(store, f"s{number}")

    async def write(session: str, last: int) -> None:
        for first in range(1, last + 1):
            await store.append(from_host(first, text(str(first)), session=session))

    async def flood(last: int) -> int:
        """How many commits it took."""
        before = store.commits
        with fail_after(10):
            async with create_task_group() as tasks, held(store):
                for number in range(FLOOD_CALLS):
                    tasks.start_soon(write, f"s{number}", last)
                await checkpoint()
        return store.commits - before

    assert await flood(3) == 1 + 2 + 2  # all who had waited; then half and half, twice
    with fail_after(10):
        await store.append(append(text("alone"), session="s0"))
    monkeypatch.setattr(writer, "GATHER_SECONDS", 0.01)
    assert await flood(1) == 0  # known already: and all in one group, after which half of them are waited for
    with fail_after(10):
        await store.append(append(text("alone again"), session="s1"))
