"""The log: every observer sees every event once, in order, whatever it does."""

from collections.abc import AsyncIterator
from functools import partial

import anyio
import pytest

from roost.core.bell import LOOKS_AT_ONCE, LocalBell, Lookers
from roost.core.log import MAX_RENDERED, PAGE_EVENTS, RING_BYTES, SEGMENT_BYTES, Frames, Log, Watch
from roost.model import events as e
from roost.model.envelope import committed, decode_event, draft
from roost.model.errors import CursorAhead, SessionNotFound
from roost.model.ids import MessageId, PartId, Seq, SessionId
from roost.model.record import Record, fold_record
from roost.model.stored import Append
from roost.ports import Store
from roost.storage.memory.store import MemoryStore

pytestmark = pytest.mark.anyio
SESSION = SessionId("codesess_000000000001")


class Writer:
    """Appends to one session the way the core does: fold, then commit."""

    def __init__(self, store: Store) -> None:
        self.log = Log(store, LocalBell())
        self.record: Record | None = None
        self.seq: Seq = 0

    async def write(self, *bodies: e.Body) -> None:
        drafts = [draft(body) for body in bodies]
        new = self.record is None
        expect = None if self.record is None else self.record.state_seq
        for each in drafts:
            self.seq += 1
            self.record = fold_record(self.record, committed(each, seq=self.seq, at=1))
        append = Append(session=SESSION, drafts=drafts, at=1, expect=expect, record=self.record)
        await self.log.append(append, new=new)

    async def say(self, count: int, size: int = 8) -> None:
        await self.write(*(delta(size) for _ in range(count)))


def delta(size: int) -> e.TextDelta:
    return e.TextDelta(message=MessageId("m"), part=PartId("p"), delta="x" * size)


@pytest.fixture
async def writer() -> AsyncIterator[Writer]:
    store = MemoryStore()
    made = Writer(store)
    await made.write(
        e.SessionCreated(
            session=SESSION, label="l", agent="a", workspace=e.WorkspaceSpec(kind="folder"), owner=e.Principal(user="u")
        ),
        e.RuntimeStarting(epoch=1),
        e.RuntimeReady(epoch=1),
    )
    yield made
    await store.close()


async def seqs(log: Log, after: Seq, upto: Seq) -> list[Seq]:
    found: list[Seq] = []
    with anyio.fail_after(5):
        async for frames in log.follow(SESSION, after):
            found += [decode_event(data).seq for data in frames.data]
            if frames.last >= upto:
                break
    return found


async def test_a_follower_sees_what_was_and_what_comes(writer: Writer) -> None:
    await writer.say(5)
    got: list[Seq] = []
    async with anyio.create_task_group() as tasks:

        async def follow() -> None:
            got.extend(await seqs(writer.log, 0, 20))

        tasks.start_soon(follow)
        for _ in range(12):
            await writer.say(1)
            await anyio.lowlevel.checkpoint()
    assert got == list(range(1, 21))


async def test_followers_at_one_cursor_share_the_same_page(writer: Writer) -> None:
    pages: list[Frames] = []

    async def follow(ready: anyio.Event) -> None:
        ready.set()
        async for frames in writer.log.follow(SESSION, writer.seq):
            pages.append(frames)
            return

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                ready = anyio.Event()
                tasks.start_soon(follow, ready)
                await ready.wait()
            await anyio.wait_all_tasks_blocked()
            await writer.say(4)
    assert len(pages) == 3
    assert pages[0] is pages[1] is pages[2]
    rendered = [page.rendered("x", lambda frames: b"".join(frames.data)) for page in pages]
    assert rendered[0] is rendered[1] is rendered[2]


async def test_a_slow_follower_falls_out_of_the_ring_and_misses_nothing(writer: Writer) -> None:
    size, batch = 2000, 100
    total = 3 * RING_BYTES // size
    slow = writer.log.follow(SESSION, writer.seq)
    await writer.say(1)
    first = await anext(slow)
    while writer.seq < total:
        await writer.say(batch, size)
    got = [first.last]
    with anyio.fail_after(5):
        async for frames in slow:
            got += range(frames.first, frames.last + 1)
            if frames.last == writer.seq:
                break
    assert got == list(range(4, writer.seq + 1))


async def test_a_page_is_bounded(writer: Writer) -> None:
    await writer.say(PAGE_EVENTS + 10)
    with anyio.fail_after(5):
        async for frames in writer.log.follow(SESSION, 0):
            assert len(frames.data) <= PAGE_EVENTS
            if frames.last == writer.seq:
                break


async def test_a_cursor_past_the_end_is_refused(writer: Writer) -> None:
    with pytest.raises(CursorAhead):
        await anext(writer.log.follow(SESSION, writer.seq + 1))


async def test_an_ended_session_ends_its_followers_also_one_that_is_at_the_end_already(writer: Writer) -> None:
    follower = writer.log.follow(SESSION, writer.seq)
    await writer.write(e.SessionEnded())
    with anyio.fail_after(5):
        assert [frames.last async for frames in follower] == [writer.seq]
        assert [frames.last async for frames in writer.log.follow(SESSION, writer.seq)] == []
        assert [frames.last async for frames in writer.log.follow(SESSION, 0)] == [writer.seq]


async def test_a_deleted_session_tells_its_followers(writer: Writer) -> None:
    async def follow() -> None:
        with pytest.raises(SessionNotFound):
            async for _ in writer.log.follow(SESSION, 0):
                pass

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(follow)
            await anyio.wait_all_tasks_blocked()
            writer.log.forget(SESSION)


async def test_a_session_nobody_watches_keeps_no_ring(writer: Writer) -> None:
    follower = writer.log.follow(SESSION, 0)
    await anext(follower)
    assert writer.log.watched == {SESSION: 1}
    await follower.aclose()  # type: ignore[attr-defined]
    assert writer.log.watched == {}


# --- without a task to wait with --------------------------------------------------------------------------------------


class Looker:
    """Looks whenever it is called, from its cursor on."""

    def __init__(self, log: Log, after: Seq) -> None:
        self.watch = log.watch(SESSION, self.look)
        self.after = after
        self.calls = 0
        self.seen: list[Seq] = []

    def look(self) -> None:
        self.calls += 1
        while (page := self.watch.at_hand(self.after)) is not None and page.data:
            self.seen += range(page.first, page.last + 1)
            self.after = page.cursor


async def test_who_has_read_to_the_end_finds_what_comes_at_hand(writer: Writer) -> None:
    looker = Looker(writer.log, writer.seq)
    with looker.watch as watch:
        assert watch.at_hand(writer.seq) is None
        assert not (await watch.read(writer.seq)).data
        assert watch.at_hand(0) is None
        page = watch.at_hand(writer.seq)
        assert page is not None and not page.data
        await writer.say(3)
        await anyio.lowlevel.checkpoint()
        assert looker.seen == [4, 5, 6]
    assert writer.log.watched == {}


async def test_all_who_look_are_called_in_one_pass_however_often_it_rang() -> None:
    lookers, called = Lookers(), list[str]()

    def leave() -> None:
        called.append("leaves")
        lookers.discard(leave)

    lookers.add(leave)
    lookers.add(stay := lambda: called.append("stays"))
    for _ in range(5):
        lookers.ring()
    assert called == []
    await anyio.lowlevel.checkpoint()
    assert called == ["leaves", "stays"]
    lookers.ring()
    await anyio.lowlevel.checkpoint()
    assert called == ["leaves", "stays", "stays"]
    lookers.discard(stay)
    lookers.ring()
    await anyio.lowlevel.checkpoint()
    assert len(called) == 3


async def test_a_pass_of_many_lets_others_have_their_turn_and_begins_anew_for_what_comes_meanwhile() -> None:
    lookers, called = Lookers(), list[int]()
    count = 2 * LOOKS_AT_ONCE + 1
    for number in range(count):
        lookers.add(partial(called.append, number))
    lookers.ring()
    for told in (LOOKS_AT_ONCE, 2 * LOOKS_AT_ONCE):
        await anyio.lowlevel.checkpoint()
        assert len(called) == told
    lookers.ring()  # in the middle of it
    with anyio.fail_after(5):
        while len(called) < 2 * count:
            await anyio.lowlevel.checkpoint()
    assert called == [*range(count)] * 2
    await anyio.lowlevel.checkpoint()
    assert len(called) == 2 * count


async def test_a_page_that_was_read_too_early_hides_nothing(writer: Writer) -> None:
    """The end of the log as the store had it may be behind what memory was told since, and before."""
    looker = Looker(writer.log, writer.seq)
    with looker.watch as watch:
        await watch.read(writer.seq)
        await writer.say(2)
        await watch.read(writer.seq)  # the end is known already
        await anyio.lowlevel.checkpoint()
        assert looker.seen == [4, 5]
        page = watch.at_hand(4)
        assert page is not None and page.first == page.last == 5


async def test_who_was_reading_when_the_session_was_deleted_is_told(writer: Writer) -> None:
    with writer.log.watch(SESSION) as watch:
        writer.log.forget(SESSION)
        await watch.read(writer.seq)  # it had the end of the log from the store already
        with pytest.raises(SessionNotFound):
            watch.at_hand(writer.seq)


async def test_of_a_page_the_latest_renderings_are_kept() -> None:
    page, made = Frames(1, ["text-delta"], [b"{}"]), list[int]()

    def render(number: int) -> int:
        return page.rendered(number, lambda _: made.append(number) or number)

    assert [render(number) for number in range(MAX_RENDERED)] == [render(number) for number in range(MAX_RENDERED)]
    assert made == list(range(MAX_RENDERED)), "each was made once"
    render(MAX_RENDERED)
    assert (render(1), made) == (1, list(range(MAX_RENDERED + 1)))
    assert (render(0), made[-1]) == (0, 0), "the oldest was let go"


async def test_who_looks_is_called_when_the_session_is_deleted_and_an_ended_one_is_never_at_hand(
    writer: Writer,
) -> None:
    called: list[str] = []
    with writer.log.watch(SESSION, lambda: called.append("look")) as watch:
        writer.log.forget(SESSION)
        await anyio.lowlevel.checkpoint()
        assert called == ["look"]
        with pytest.raises(SessionNotFound):
            watch.at_hand(0)
    await writer.write(e.SessionEnded())
    with writer.log.watch(SESSION) as watch:
        assert (await watch.read(writer.seq)).ended
        assert watch.at_hand(writer.seq) is None, "nothing comes any more"


# --- those who are behind ---------------------------------------------------------------------------------------------


def at_hand(watch: Watch, after: Seq) -> Frames:
    page = watch.at_hand(after)
    assert page is not None
    return page


async def test_who_is_behind_is_given_the_pages_that_others_were_given(writer: Writer) -> None:
    with writer.log.watch(SESSION) as watch:
        await watch.read(writer.seq)
        start, count = writer.seq, SEGMENT_BYTES // 1000 + 1
        ends: list[Seq] = []
        pages: list[Frames] = []
        for _ in range(4):
            await writer.say(count, 1000)
            pages.append(at_hand(watch, ends[-1] if ends else start))
            ends.append(writer.seq)
        assert [page.last for page in pages] == ends
        assert [at_hand(watch, after) for after in (start, *ends[:-1])] == pages
        middle = at_hand(watch, start + 5)
        assert middle.last == ends[0], "and is where they were from the next page on"
        assert at_hand(watch, ends[-1]).data == []


async def test_small_commits_are_joined_for_who_is_behind(writer: Writer) -> None:
    with writer.log.watch(SESSION) as watch:
        await watch.read(writer.seq)
        start = writer.seq
        while at_hand(watch, start).last == writer.seq:
            await writer.say(1, 1000)
        page = at_hand(watch, start)
        assert SEGMENT_BYTES <= page.size < SEGMENT_BYTES + 2000
        assert at_hand(watch, page.last).last == writer.seq == page.last + 1


async def test_what_is_older_than_memory_is_read_once_for_all_who_ask_and_kept_as_long_as_there_is_room(
    writer: Writer,
) -> None:
    with writer.log.watch(SESSION) as watch:
        await writer.say(1)
        start = writer.seq
        while writer.seq < start + 3000:
            await writer.say(100, 1000)
        assert watch.at_hand(start) is None
        found: list[Frames] = []

        async def read(after: Seq) -> None:
            found.append(await watch.read(after))

        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(read, start)
        assert [page is found[0] for page in found] == [True] * 5
        assert at_hand(watch, start) is found[0]
        for after in range(start + 1, start + 1000, 200):
            await read(after)
        assert watch.at_hand(start) is None, "it made room for others"
