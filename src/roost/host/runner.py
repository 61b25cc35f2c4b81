"""Carries out runs, one after the other, and writes the end of each exactly once."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import cast

import anyio
import anyio.abc
from msgspec.structs import replace

from roost.host.errands import Errands
from roost.host.outbox import Outbox
from roost.host.tree import Tree
from roost.host.turn import RunTurn
from roost.model.envelope import AnyBody, encode_body
from roost.model.errors import RoostError, SpoolFull
from roost.model.events import (
    MAX_BODY_BYTES,
    Body,
    Failure,
    InputPart,
    PermissionReplied,
    RunAborted,
    RunComplete,
    RunError,
    RunResult,
)  # fmt: skip
from roost.model.ids import RunId, Seq
from roost.ports import Driver

MAX_MESSAGE_CHARS = 8 * 1024
INTERRUPTED = "interrupted"
SPOOL_FULL = "spool_full"
REJECTED = "permission-rejected"

log = logging.getLogger("roost.host.runner")

RunEnd = RunComplete | RunAborted | RunError


class Runner:
    """Runs that the hub started and did not end yet, in the order of the log; the first one is being carried out."""

    def __init__(
        self,
        driver: Driver,
        *,
        ready: Callable[[], Awaitable[Path]],
        begun: Callable[[], tuple[InputPart, ...]],
        over: Callable[[], Awaitable[Sequence[Body]]],
        cursor: Callable[[], Seq],
        tree: Tree,
        env: Mapping[str, str],
        grace_seconds: float,
    ) -> None:
        """`ready`: makes workspace and agent ready, once; `begun`: what the agent is told before the input of a run;
        `over`: what is to be told of a run that is over; `cursor`: the last command read."""
        self.idle_since = monotonic()
        self.outbox: Outbox
        self.errands: Errands
        self._driver, self._ready, self._begun, self._over = driver, ready, begun, over
        self._cursor, self._tree, self._env = cursor, tree, env
        self._grace = grace_seconds
        self._turns: dict[RunId, RunTurn] = {}
        self._started = anyio.Event()
        self._idle = anyio.Event()
        self._idle.set()
        self._tasks: anyio.abc.TaskGroup | None = None

    @property
    def busy(self) -> bool:
        return bool(self._turns)

    # --- what the log says ---

    def start(self, run: RunId, parts: tuple[InputPart, ...]) -> None:
        if run not in self._turns:
            self._turns[run] = RunTurn(
                run, parts, outbox=self.outbox, tree=self._tree, env=self._env, errands=self.errands
            )
            self._idle = anyio.Event()
            self._started.set()

    def steer(self, run: RunId, seq: Seq, parts: tuple[InputPart, ...]) -> None:
        if turn := self._turns.get(run):
            turn.steer(seq, parts)

    def answer(self, reply: AnyBody) -> None:
        """Hand a reply to whoever waits for it. A rejection without a message stops that run."""
        for turn in list(self._turns.values()):
            waited = turn.answer(reply)
            if waited and isinstance(reply, PermissionReplied) and reply.reply == "reject" and not reply.message:
                self.stop(turn.run, REJECTED)

    def stop(self, run: RunId, reason: str) -> None:
        """Abort this run: ask the agent, then cancel, then kill its commands. Repeating it changes nothing."""
        turn = self._turns.get(run)
        if turn is None or turn.stopped is not None:
            return
        turn.stopped = reason
        if self._tasks is not None and turn is self._current():
            self._tasks.start_soon(self._abort, turn)  # a later one ends when its time comes

    def stop_all(self, reason: str) -> None:
        for run in list(self._turns):
            self.stop(run, reason)

    def close(self, run: RunId) -> None:
        """The hub has ended this run: stop working on it, write nothing."""
        if turn := self._turns.get(run):
            turn.closed = True
            self.stop(run, "closed")

    # --- the work ---

    async def idle(self) -> None:
        """Wait until no run is left."""
        await self._idle.wait()

    async def work(self) -> None:
        """Carry out runs until cancelled."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            while True:
                self._started = anyio.Event()
                while turn := self._current():
                    await self._carry_out(turn)
                    del self._turns[turn.run]
                    self.idle_since = monotonic()
                self._idle.set()
                await self._started.wait()

    def _current(self) -> RunTurn | None:
        return next(iter(self._turns.values()), None)

    async def _carry_out(self, turn: RunTurn) -> None:
        self.outbox.full = False
        end: RunEnd | None = None
        if turn.stopped is None:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(turn.keep_flushing)
                with turn.scope:
                    end = await self._drive(turn)
                tasks.cancel_scope.cancel()
            turn.done.set()
        if turn.stopped is not None:
            await self._tree.kill_run(turn.run)
            end = _stopped(turn.stopped)
        told = () if turn.closed else await self._over()
        if not turn.closed:
            await self._finish(turn, end or RunAborted(), told)

    async def _drive(self, turn: RunTurn) -> RunEnd:
        try:
            turn.workspace = await self._ready()
            turn.input = (*self._begun(), *turn.input)
            return RunComplete(result=await self._driver.run(turn))
        except Exception as error:  # noqa: BLE001  # whatever an agent's driver does, the run gets its end
            return RunError(error=_failure(error))

    async def _abort(self, turn: RunTurn) -> None:
        with anyio.move_on_after(0 if turn.stopped == SPOOL_FULL else self._grace):
            try:
                if not turn.done.is_set():  # or it would hit the next run
                    await self._driver.abort()
            except Exception:
                log.exception("the driver could not abort")
            await turn.done.wait()
        if not turn.done.is_set():
            turn.scope.cancel()
            await self._tree.kill_run(turn.run)

    async def _finish(self, turn: RunTurn, end: RunEnd, told: Sequence[Body]) -> None:
        """Write what is told of the run, and its end; wait for room if even the reserve is used up."""
        try:
            turn.flush()
            self.outbox.put([encode_body(body) for body in told], turn.run)
        except SpoolFull:
            end = _stopped(SPOOL_FULL)
        body = _encoded(replace(end, read=turn.read_up_to(self._cursor())))
        while True:
            try:
                self.outbox.put([body], turn.run, last_words=True)
                return
            except SpoolFull:
                log.warning("run %s: its end waits for room", turn.run)
                await self.outbox.progress()


def _stopped(reason: str) -> RunEnd:
    if reason == SPOOL_FULL:
        return RunError(error=_failure(SpoolFull()))
    if reason == INTERRUPTED:
        return RunError(error=Failure(code=INTERRUPTED, message="the host had to stop"))
    return RunAborted(reason=reason)


def _failure(error: BaseException) -> Failure:
    """A RoostError keeps its code, also from within a task group; anything else is the driver's failure."""
    known = _first_known(error)
    if known is not None:
        return Failure(code=known.code, message=known.message)
    log.error("the driver failed", exc_info=error)
    return Failure(code="driver_failed", message=f"{type(error).__name__}: {error}")


def _first_known(error: BaseException) -> RoostError | None:
    if isinstance(error, RoostError):
        return error
    if isinstance(error, BaseExceptionGroup):
        group = cast(BaseExceptionGroup[BaseException], error)
        return next((found for inner in group.exceptions if (found := _first_known(inner))), None)
    return None


def _encoded(end: RunEnd) -> bytes:
    """The end as it fits into the log: it must never be refused for its size or its characters."""
    try:
        return encode_body(_short(end))
    except UnicodeEncodeError:
        return encode_body(
            RunError(error=Failure(code="driver_failed", message="the result is no text"), read=end.read)
        )


def _short(end: RunEnd) -> RunEnd:
    if isinstance(end, RunError) and len(end.error.message) > MAX_MESSAGE_CHARS:
        end = replace(end, error=replace(end.error, message=end.error.message[:MAX_MESSAGE_CHARS] + "..."))
    if isinstance(end, RunComplete) and len(encode_body(end)) > MAX_BODY_BYTES:
        return replace(end, result=RunResult(message=end.result.message))
    return end
