"""The one thread that writes. Whatever calls wait when a commit is done go into the next one, without delay.

A commit costs much and a call in it little. In a flood of callers who wait for one commit before they make the next
call, the next group is therefore given a moment to grow to half of all who call: one half is committed while the other
half calls again. Else the thread is done with a few calls when the next few have come.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Concatenate, Final, NamedTuple, ParamSpec, TypeVar

from anyio import CancelScope, to_thread

from roost.model.errors import RoostError, StorageUnavailable
from roost.storage.sqlite.connect import connect_writer, storage_error
from roost.storage.sqlite.leftovers import sweep
from roost.storage.sqlite.sql import SQL
from roost.storage.sqlite.transaction import Fences, Transaction, bounded
from roost.storage.sqlite.turns import Turns

P = ParamSpec("P")
T = TypeVar("T")
_MOST_CALLS: Final = 1024
"""Calls in one commit: bounds its memory and how long the first of them waits."""
FLOOD_CALLS: Final = 16
"""When so many are committed or wait, half of them are waited for,"""
GATHER_SECONDS: Final = 0.004
"""at most so long."""


class _Call(NamedTuple):
    run: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    answer: "asyncio.Future[Any]"


class Writer:
    """Belongs to the event loop that made it. `commits` counts the transactions that wrote something,
    `listings` those that changed which sessions a filter lets through."""

    def __init__(self, path: Path) -> None:
        """Opens and migrates the file; blocks. Raises: StorageUnavailable, StorageFull, SchemaTooNew."""
        self.commits = 0
        self.listings = 0
        self._waiting: list[_Call] = []
        self._wanted = 1
        """So many make a group; fewer wait for more, until the timer rings."""
        self._timer: asyncio.TimerHandle | None = None
        self._busy = False
        """Whether the thread has a group; it is given the next one afterwards."""
        self._groups: SimpleQueue[list[_Call] | None] = SimpleQueue()
        self._closed = False
        self._connection = connect_writer(path)
        try:
            self._fences = Fences(self._connection)
        except BaseException:
            self._connection.close()
            raise
        self._thread = threading.Thread(target=self._main, name="roost-store", daemon=True)

    def start(self, loop: asyncio.AbstractEventLoop, turns: Turns) -> None:
        self._loop = loop
        self._turns = turns
        self._thread.start()

    async def call(self, run: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `run` on the thread, once it is committed. If the caller is cancelled it may still happen."""
        if self._closed:
            raise StorageUnavailable("The store is closed.")
        answer: asyncio.Future[T | Exception] = self._loop.create_future()
        self._waiting.append(_Call(run, args, kwargs, answer))
        self._hand_over(self._wanted)
        with self._turns:
            outcome = await answer
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def close(self) -> None:
        """Commit what waits, then stop."""
        if not self._closed:
            self._closed = True
            while self._waiting:
                self._give()
            self._groups.put(None)
        with CancelScope(shield=True):
            await to_thread.run_sync(self._thread.join)

    def _hand_over(self, least: int) -> None:
        """Give the thread what waits, if it has nothing to do and there are so many; fewer have their time."""
        if self._busy or not self._waiting:
            return
        if len(self._waiting) < least:
            if self._timer is None:
                self._timer = self._loop.call_later(GATHER_SECONDS, self._gathered)
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._give()

    def _give(self) -> None:
        self._busy = True
        self._groups.put(self._waiting[:_MOST_CALLS])
        del self._waiting[:_MOST_CALLS]

    def _gathered(self) -> None:
        self._timer = None
        self._hand_over(1)

    def _answer(self, calls: list[_Call], outcomes: list[Any]) -> None:
        """Tell every caller that still waits."""
        for call, outcome in zip(calls, outcomes, strict=True):
            if not call.answer.done():
                call.answer.set_result(outcome)
        self._busy = False
        callers = len(calls) + len(self._waiting)
        self._wanted = callers // 2 if callers >= FLOOD_CALLS else 1
        self._hand_over(self._wanted)

    # --- on the thread ---

    def _main(self) -> None:
        try:
            while (calls := self._take()) is not None:
                if calls:
                    outcomes = self._commit_all(calls)
                    bounded(self._fences)
                    self._loop.call_soon_threadsafe(self._answer, calls, outcomes)
                if self._fences.leftovers:
                    self._sweep()
        except RuntimeError:
            return  # the loop is closed: nobody waits
        finally:
            self._closed = True
            self._connection.close()

    def _take(self) -> list[_Call] | None:
        """The next group; none while there are leftovers to sweep. None: the store is to be closed."""
        if self._fences.leftovers and self._groups.empty():
            return []
        return self._groups.get()

    def _sweep(self) -> None:
        try:
            self._fences.leftovers = sweep(self._connection)
        except sqlite3.Error:
            self._fences.leftovers = False  # until the next trim or delete, or until the store is opened again

    def _commit_all(self, calls: list[_Call]) -> list[Any]:
        """What each call returned or raised. If one of them spoils the commit, each gets a commit of its own."""
        try:
            return self._commit(calls)
        except Exception as error:  # noqa: BLE001  # whatever it was, the callers get it
            if len(calls) == 1:
                return [storage_error(error) if isinstance(error, sqlite3.Error) else error]
            return [outcome for call in calls for outcome in self._commit_all([call])]

    def _commit(self, calls: list[_Call]) -> list[Any]:
        connection, fences = self._connection, self._fences
        pos, changes = fences.pos, connection.total_changes
        connection.execute(SQL["begin"])
        try:
            transaction = Transaction(connection, fences)
            outcomes = [_outcome(call, transaction) for call in calls]
            transaction.flush()
            connection.execute(SQL["commit"])
        except BaseException:
            fences.clear()
            fences.pos = pos
            if connection.in_transaction:
                connection.execute(SQL["rollback"])
            raise
        self.commits += connection.total_changes != changes
        self.listings += transaction.relisted
        return outcomes


def _outcome(call: _Call, transaction: Transaction) -> Any:
    try:
        return call.run(transaction, *call.args, **call.kwargs)
    except RoostError as refused:
        return refused
