"""The one thread that writes. Whatever calls wait when a commit is done go into the next one: no timer, no delay."""

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
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
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
        self._calls.put(_Call(run, args, kwargs, answer))
        with self._turns:
            outcome = await answer
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def close(self) -> None:
        """Commit what waits, then stop."""
        if not self._closed:
            self._closed = True
            self._calls.put(None)
        with CancelScope(shield=True):
            await to_thread.run_sync(self._thread.join)

    # --- on the thread ---

    def _main(self) -> None:
        try:
            while (calls := self._take()) is not None:
                if calls:
                    outcomes = self._commit_all(calls)
                    bounded(self._fences)
                    self._loop.call_soon_threadsafe(_answer, calls, outcomes)
                if self._fences.leftovers:
                    self._sweep()
        except RuntimeError:
            return  # the loop is closed: nobody waits
        finally:
            self._closed = True
            self._connection.close()

    def _take(self) -> list[_Call] | None:
        """All calls that are there; without leftovers to sweep, wait for one. None: the store is to be closed."""
        calls: list[_Call] = []
        wait = not self._fences.leftovers
        while wait or not self._calls.empty():
            call = self._calls.get()
            if call is None:
                if not calls:
                    return None
                self._calls.put(None)  # for the next time
                return calls
            calls.append(call)
            wait = False
            if len(calls) == _MOST_CALLS:
                break
        return calls

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


def _answer(calls: list[_Call], outcomes: list[Any]) -> None:
    """On the event loop: tell every caller that still waits."""
    for call, outcome in zip(calls, outcomes, strict=True):
        if not call.answer.done():
            call.answer.set_result(outcome)
