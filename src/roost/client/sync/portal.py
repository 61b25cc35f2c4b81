"""The way from a thread without an event loop to the async client and back: all that the sync client has of its own.

Each client has one thread with an event loop. A call runs there, while its caller waits; whatever the caller gave to be
called (callbacks, iterables) is called back in the caller's own thread. An interrupt (Ctrl-C) cancels the call.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, AbstractContextManager, ExitStack
from contextvars import ContextVar
from inspect import isawaitable
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Final, Generic, ParamSpec, TypeVar, cast

from anyio import CancelScope, Event, move_on_after
from anyio.from_thread import BlockingPortal, start_blocking_portal

from roost.client.callbacks import Callbacks
from roost.model.errors import RoostError

P = ParamSpec("P")
T = TypeVar("T")
Job = Callable[[], None]
OnLink = Callable[[bool], object]
"""Told that the connection stands (True) or is lost (False)."""
CANCEL_SECONDS: Final = 5.0
"""How long an interrupted call may take to end."""
_DONE: Final = object()
_caller: ContextVar[SimpleQueue[Job | None]] = ContextVar("caller")


class _Work(Generic[T]):
    """One call. `jobs`: what its caller has to do meanwhile, and at last None."""

    def __init__(self, method: Callable[[], Awaitable[T]]) -> None:
        self.jobs: SimpleQueue[Job | None] = SimpleQueue()
        self.outcome: Future[T] = Future()
        self._method = method
        self._scope: CancelScope | None = None
        self._ended = Event()

    async def run(self) -> None:
        _caller.set(self.jobs)
        try:
            with CancelScope() as self._scope:
                self.outcome.set_result(await self._method())
        except Exception as error:  # noqa: BLE001  # raised where it was called
            self.outcome.set_exception(error)
        finally:
            self._ended.set()
            self.jobs.put(None)

    async def end(self) -> None:
        """Cancel it. An interrupt may come before anything has started, but not between: what was started before this
        has a scope by now."""
        if self._scope is not None:
            self._scope.cancel()
            with move_on_after(CANCEL_SECONDS):
                await self._ended.wait()


class Portal:
    """The thread of one client, between `open` and `close`. Any number of threads may call."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._portal: BlockingPortal | None = None

    def open(self) -> None:
        if self._portal is None:
            self._portal = self._stack.enter_context(start_blocking_portal(name="roost-client"))

    def close(self) -> None:
        """End the thread. What still runs there is cancelled."""
        portal, self._portal = self._portal, None
        if portal is not None:
            portal.call(portal.stop, True)
        self._stack.close()

    def call(self, method: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """The outcome of `method`, which runs on the event loop. Interrupted, it is cancelled and has ended."""
        work = _Work(lambda: method(*args, **kwargs))
        portal = self._opened()
        try:
            portal.start_task_soon(work.run)
            while (job := work.jobs.get()) is not None:
                job()
        except BaseException:
            portal.call(work.end)
            raise
        if not work.outcome.done():
            raise RoostError("the client was closed meanwhile")
        return work.outcome.result()

    def iterate(self, items: AsyncGenerator[T]) -> Generator[T]:
        """Each item as it comes. Closed, dropped or interrupted, it closes `items`."""
        try:
            while (item := self.call(anext, items, _DONE)) is not _DONE:
                yield cast(T, item)
        finally:
            if self._portal is not None:
                self.call(items.aclose)

    def enter(self, block: AbstractAsyncContextManager[T]) -> AbstractContextManager[T]:
        """`with` for what has `async with`."""
        return self._opened().wrap_async_context_manager(block)

    def _opened(self) -> BlockingPortal:
        if self._portal is None:
            raise RoostError("the client is not open: use `with Client() as client:`")
        return self._portal


class Twin:
    """What stands for an object of the async client."""

    def __init__(self, portal: Portal, twin: object) -> None:
        self._portal = portal
        self._twin = twin

    def __repr__(self) -> str:
        return repr(self._twin).removeprefix("Async")

    # for the twin that has a portal of its own, opened by `with`

    def _enter(self, enter: Callable[[], Awaitable[object]]) -> None:
        self._portal.open()
        self._portal.call(enter)

    def _exit(
        self,
        leave: Callable[[type[BaseException] | None, BaseException | None, TracebackType | None], Awaitable[None]],
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._portal.call(leave, kind, error, trace)
        finally:
            self._portal.close()


# --- what the caller gives, for the event loop ---


def in_caller(function: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    """`function`, called in the thread that waits for the call. A coroutine function runs on the event loop."""

    async def called(*args: object) -> Any:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()

        def job() -> None:
            try:
                given = function(*args)
            except Exception as error:  # noqa: BLE001  # raised where it was called
                loop.call_soon_threadsafe(_settle, answer, None, error)
            else:
                loop.call_soon_threadsafe(_settle, answer, given, None)

        _caller.get().put(job)
        given = await answer
        return await given if isawaitable(given) else given

    return called


def _settle(answer: "asyncio.Future[Any]", given: object, error: Exception | None) -> None:
    if answer.done():  # nobody waits any more
        return
    if error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(given)


def callbacks_in_caller(callbacks: Callbacks) -> Callbacks:
    called = {name: in_caller(cast(Callable[..., Any], callback)) for name, callback in callbacks.items()}
    return cast(Callbacks, called)


def on_link_in_caller(on_link: OnLink | None) -> Callable[[bool], Awaitable[None]] | None:
    return None if on_link is None else in_caller(on_link)


def pieces_in_caller(pieces: T | Iterable[bytes]) -> T | AsyncIterable[bytes]:
    """An iterable of bytes, which is read in the caller's thread; bytes and texts as they are."""
    if isinstance(pieces, bytes | str):
        return cast(T, pieces)
    return _fed(iter(cast(Iterable[bytes], pieces)))


async def _fed(pieces: Iterator[bytes]) -> AsyncGenerator[bytes]:
    step = in_caller(next)
    while (piece := await step(pieces, _DONE)) is not _DONE:
        yield piece
