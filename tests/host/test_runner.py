"""Whatever a driver does, each run gets exactly one end. No process here: the driver is a function."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import anyio
import pytest
from anyio.lowlevel import checkpoint
from msgspec import Struct

from roost.host.errands import Errands
from roost.host.outbox import Outbox
from roost.host.runner import MAX_MESSAGE_CHARS, SPOOL_FULL, Runner
from roost.host.tree import Tree
from roost.link.frames import Ack, AppendFrame, Welcome
from roost.link.host_end import HostEnd
from roost.link.spool import Spool
from roost.model.envelope import decode_body, encode_body
from roost.model.errors import InvalidBody, LinkDown, StorageFull
from roost.model.events import (
    MAX_BODY_BYTES,
    Body,
    ConfigChanged,
    FileChange,
    FilesChanged,
    InputPart,
    Native,
    RunAborted,
    RunComplete,
    RunError,
    RunResult,
    TextDelta,
    TextInput,
)
from roost.model.ids import MessageId, PartId, RunId, SessionId
from roost.ports import Home, Past, Turn

ONE, TWO, THREE = RunId("run_1"), RunId("run_2"), RunId("run_3")
ENDS = RunComplete | RunAborted | RunError


class Given:
    """A driver that runs one function for each run, in turn."""

    def __init__(self, *runs: Callable[[Turn], Awaitable[Any]]) -> None:
        self.runs = list(runs)
        self.aborts = 0
        self.on_abort: Callable[[], Awaitable[None]] = checkpoint

    async def start(
        self, workspace: Path, env: Mapping[str, str], options: Mapping[str, Any], past: Past, home: Home
    ) -> dict[str, Any]:
        return {}

    async def configure(self, changed: ConfigChanged) -> None:
        return None

    async def run(self, turn: Turn) -> RunResult:
        result = await self.runs.pop(0)(turn)
        return result if isinstance(result, RunResult) else RunResult()

    async def abort(self) -> None:
        self.aborts += 1
        await self.on_abort()

    async def close(self) -> None:
        return None


class NoTree:
    """Kills nothing, but remembers what it was to kill."""

    def __init__(self) -> None:
        self.killed: list[str] = []

    async def kill_run(self, run: RunId) -> None:
        self.killed.append(run)


class NoHub:
    """Nobody runs an errand here."""

    async def call(self, method: str, params: Struct) -> Any:
        raise LinkDown

    async def linked(self) -> None:
        await anyio.sleep_forever()


class Bench:
    """A runner with its way out; the hub is this test."""

    def __init__(self, driver: Given, folder: Path, bytes_kept: int = 1 << 20) -> None:
        spool = Spool(folder / "spool", memory_bytes=bytes_kept, disk_bytes=0, reserve_bytes=1000)
        self.end = HostEnd(SessionId("codesess_0123456789ab"), 1, spool, pid=1)
        self.end.connected()
        self.end.receive(Welcome(protocol=1, acked=0, starting=1))
        self.tree = NoTree()
        self.cursor = 1
        self.moved = anyio.Event()
        self.bodies: list[tuple[str, Body]] = []
        self.changed: FilesChanged | None = None
        self.news: tuple[InputPart, ...] = ()
        self.runner = Runner(
            driver,
            ready=self._ready,
            begun=lambda: self.news,
            over=self._over,
            cursor=lambda: self.cursor,
            tree=cast(Tree, self.tree),
            env={},
            grace_seconds=0.2,
        )
        self.runner.errands = Errands(NoHub())
        self.runner.outbox = Outbox(
            self.end,
            wake=lambda: None,
            progress=self._progress,
            on_full=lambda: self.runner.stop_all(SPOOL_FULL),
        )
        self.folder = folder

    async def _over(self) -> list[Body]:
        return [] if self.changed is None else [self.changed]

    async def _ready(self) -> Path:
        return self.folder

    async def _progress(self) -> None:
        await self.moved.wait()

    def collect(self) -> list[tuple[str, Body]]:
        """Acknowledge everything made so far."""
        for frame in self.end.outgoing():
            assert isinstance(frame, AppendFrame)
            for event in frame.events:
                body = decode_body(event.body)
                assert isinstance(body, Body)
                self.bodies.append((str(event.run), body))
            self.end.receive(Ack(acked=frame.first + len(frame.events) - 1, seq=1))
        self.moved.set()
        self.moved = anyio.Event()
        return self.bodies

    async def finish(self, *runs: RunId) -> list[ENDS]:
        """Carry these runs out; their ends, one each, in order."""
        for run in runs:
            self.runner.start(run, (TextInput(text="go"),))
        return await self.ends(*runs)

    async def ends(self, *runs: RunId) -> list[ENDS]:
        with anyio.fail_after(10):
            await self.runner.idle()
        found = [(run, body) for run, body in self.collect() if isinstance(body, ENDS)]
        assert [run for run, _ in found] == list(runs)
        return [body for _, body in found]


@asynccontextmanager
async def bench(driver: Given, folder: Path, bytes_kept: int = 1 << 20) -> AsyncGenerator[Bench]:
    made = Bench(driver, folder, bytes_kept)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(made.runner.work)
        yield made
        tasks.cancel_scope.cancel()


def delta(text: str) -> TextDelta:
    return TextDelta(message=MessageId("msg_1"), part=PartId("part_1"), delta=text)


async def nothing(_: Turn) -> None:
    return None


async def forever(_: Turn) -> None:
    await anyio.sleep_forever()


async def test_what_is_held_back_leaves_before_the_end(tmp_path: Path) -> None:
    async def run(turn: Turn) -> None:
        await turn.emit(delta("a"), delta("b"), delta("c"))

    async with bench(Given(run), tmp_path) as made:
        await made.finish(ONE)
        assert [body.delta for _, body in made.bodies if isinstance(body, TextDelta)] == ["a", "bc"]
        assert isinstance(made.bodies[-1][1], RunComplete)


async def test_what_a_run_has_changed_is_told_before_its_end_however_that_is(tmp_path: Path) -> None:
    async def failing(_: Turn) -> None:
        raise StorageFull

    async with bench(Given(nothing, failing, forever), tmp_path) as made:
        made.changed = FilesChanged(files=(FileChange(path="new", change="added"),))
        await made.finish(ONE, TWO)
        made.runner.start(THREE, ())
        made.runner.stop(THREE, "requested")
        await made.ends(ONE, TWO, THREE)
    kinds = [(run, type(body)) for run, body in made.bodies]
    ends = ((ONE, RunComplete), (TWO, RunError), (THREE, RunAborted))
    assert kinds == [each for run, end in ends for each in ((run, FilesChanged), (run, end))]


async def test_held_deltas_leave_while_the_driver_thinks(tmp_path: Path) -> None:
    async def run(turn: Turn) -> None:
        await turn.emit(delta("a"), delta("b"))
        await anyio.sleep_forever()

    async with bench(Given(run), tmp_path) as made:
        made.runner.start(ONE, ())
        with anyio.fail_after(5):
            while True:
                if len(made.collect()) == 2:
                    break
                await anyio.sleep(0.01)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StorageFull("no room"), "storage_full"),
        (ExceptionGroup("several", [ValueError("x"), ExceptionGroup("deep", [InvalidBody("bad")])]), "invalid_body"),
        (ValueError("broken"), "driver_failed"),
        (ExceptionGroup("several", [ValueError("x"), KeyError("y")]), "driver_failed"),
    ],
)
async def test_an_exception_is_the_runs_error(tmp_path: Path, error: Exception, code: str) -> None:
    async def run(_: Turn) -> None:
        raise error

    async with bench(Given(run, nothing), tmp_path) as made:
        first, second = await made.finish(ONE, TWO)
    assert isinstance(first, RunError)
    assert first.error.code == code
    assert isinstance(second, RunComplete)


async def test_an_error_that_tells_too_much_is_cut(tmp_path: Path) -> None:
    async def run(_: Turn) -> None:
        raise StorageFull("x" * MAX_BODY_BYTES)

    async with bench(Given(run), tmp_path) as made:
        (end,) = await made.finish(ONE)
    assert isinstance(end, RunError)
    assert len(end.error.message) <= MAX_MESSAGE_CHARS + 3


async def test_a_result_too_large_for_the_log_loses_its_text_not_its_end(tmp_path: Path) -> None:
    async def run(_: Turn) -> RunResult:
        return RunResult(text="x" * MAX_BODY_BYTES, message=MessageId("msg_1"))

    async with bench(Given(run), tmp_path) as made:
        (end,) = await made.finish(ONE)
    assert end == RunComplete(result=RunResult(message=MessageId("msg_1")), read=1)


async def test_half_characters_do_not_cost_a_run_its_end(tmp_path: Path) -> None:
    async def run(turn: Turn) -> RunResult:
        await turn.emit(delta("a"), delta("\ud800"))
        return RunResult(text="\ud800")

    async with bench(Given(run), tmp_path) as made:
        (end,) = await made.finish(ONE)
    assert isinstance(end, RunError)
    assert [body.delta for _, body in made.bodies if isinstance(body, TextDelta)] == ["a", "?"]


async def test_an_abort_that_comes_too_late_does_not_hit_the_next_run(tmp_path: Path) -> None:
    driver = Given(forever, nothing)
    driver.on_abort = anyio.sleep_forever
    async with bench(driver, tmp_path) as made:
        made.runner.start(ONE, ())
        await anyio.wait_all_tasks_blocked()
        made.runner.stop(ONE, "requested")
        made.runner.stop(ONE, "again")
        made.runner.start(TWO, ())
        first, second = await made.ends(ONE, TWO)
    assert (type(first), type(second)) == (RunAborted, RunComplete)
    assert isinstance(first, RunAborted)
    assert first.reason == "requested"
    assert driver.aborts == 1


async def test_a_driver_that_cannot_abort_is_cancelled(tmp_path: Path) -> None:
    async def broken() -> None:
        raise ValueError("cannot")

    driver = Given(forever)
    driver.on_abort = broken
    async with bench(driver, tmp_path) as made:
        made.runner.start(ONE, ())
        await anyio.wait_all_tasks_blocked()
        made.runner.stop(ONE, "requested")
        (end,) = await made.ends(ONE)
    assert isinstance(end, RunAborted)
    assert ONE in made.tree.killed


async def test_a_driver_that_swallows_the_full_spool_is_stopped_all_the_same(tmp_path: Path) -> None:
    async def run(turn: Turn) -> None:
        while True:
            try:
                await turn.emit(encode_body(Native(raw="x" * 100)))
            except Exception:  # noqa: BLE001
                await checkpoint()

    async with bench(Given(run, nothing), tmp_path, bytes_kept=5000) as made:
        (first,) = await made.finish(ONE)
        assert isinstance(first, RunError)
        assert first.error.code == "spool_full"
        made.runner.start(TWO, ())
        _, second = await made.ends(ONE, TWO)
        assert isinstance(second, RunComplete)


async def test_a_run_that_the_hub_closed_gets_no_end_of_ours(tmp_path: Path) -> None:
    async with bench(Given(forever, nothing), tmp_path) as made:
        made.runner.start(ONE, ())
        await anyio.wait_all_tasks_blocked()
        made.runner.close(ONE)
        made.runner.start(TWO, ())
        await made.ends(TWO)


async def test_a_run_stopped_before_its_turn_is_never_begun(tmp_path: Path) -> None:
    driver = Given(forever, nothing)
    async with bench(driver, tmp_path) as made:
        made.runner.start(ONE, ())
        made.runner.start(TWO, ())
        await anyio.wait_all_tasks_blocked()
        made.runner.stop(TWO, "requested")
        made.runner.stop(ONE, "requested")
        first, second = await made.ends(ONE, TWO)
    assert (type(first), type(second)) == (RunAborted, RunAborted)
    assert len(driver.runs) == 1


async def test_the_end_claims_only_the_input_that_the_driver_took(tmp_path: Path) -> None:
    taken: list[int] = []
    go = anyio.Event()

    async def run(turn: Turn) -> None:
        await go.wait()
        taken.append(len(turn.steered()))
        made.runner.steer(ONE, 9, ())
        made.cursor = 9

    async with bench(Given(run), tmp_path) as made:
        made.runner.start(ONE, ())
        made.runner.steer(ONE, 5, ())
        made.runner.steer(ONE, 7, ())
        made.cursor = 8
        go.set()
        (end,) = await made.ends(ONE)
    assert taken == [2]
    assert end.read == 8
