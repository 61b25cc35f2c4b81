"""`roost terminal`: this terminal at the screen of a session's agent."""

import os
import signal
import sys
import termios
import tty
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Final

import typer

from roost.cli import codes
from roost.cli.options import Data, Json, OneSession, Url
from roost.cli.terminal import STDOUT, print_struct
from roost.cli.words import plain

if TYPE_CHECKING:
    from roost.client import AsyncSession
    from roost.client.terminal import AsyncTerminal

PREFIX: Final = b"\x02"
"""Ctrl-B: then `d` leaves, and another Ctrl-B is one for the agent."""
LEAVES: Final = b"d"
AGAIN_SECONDS: Final = 60.0
"""How long a hub that is away is looked for,"""
PAUSE_SECONDS: Final = 0.5
"""so often."""
PROPER: Final = (
    "\x1b[?1049l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[?25h\x1b[?1l\x1b>\x1b[0m"
)
"""What makes a terminal as it should be, whatever was shown on it: its own screen, no mouse, its cursor."""


def terminal(
    session: OneSession,
    watch: Annotated[bool, typer.Option("--watch", help="Only look: what is typed goes nowhere.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Print what the screen shows now, and leave.")] = False,
    as_json: Json = False,
    url: Url = None,
    data: Data = None,
) -> int:
    """For sessions with the driver `terminal` (roost run --driver terminal). Ctrl-B d leaves, and stops nothing; Ctrl-B
    Ctrl-B is a Ctrl-B for the agent. What is typed is no run: the log does not have it. A session that sleeps wakes.
    With --json: what the screen shows."""
    import anyio

    return anyio.run(_terminal, session, watch, show or as_json, as_json, url, data)


async def _terminal(name: str, watch: bool, show: bool, as_json: bool, url: Url, data: Data) -> int:
    from roost.cli.hub import find_session, open_client

    async with open_client(url, data) as client:
        session = await find_session(client, name)
        if show:
            shown = await session.screen()
            print_struct(shown) if as_json else print(plain(shown.text) if STDOUT.is_terminal else shown.text)
            return codes.OK
        return await sit_down(session, watch=watch)


async def sit_down(session: "AsyncSession", *, watch: bool = False) -> int:
    """Until the person leaves or there is nothing more to see; over a hub that is away for a while."""
    from roost.cli.problems import UsageWrong

    if not (sys.stdin.isatty() and STDOUT.is_terminal):
        raise UsageWrong("this is no terminal; --show prints what the screen shows")
    keys = Keys()
    with _raw(sys.stdin.fileno(), keys):
        left = await _stay(session, keys, watch)
    print(
        f"left; it goes on: roost terminal {session.id}" if left else "the session sleeps or is over", file=sys.stderr
    )
    return codes.OK


async def _stay(session: "AsyncSession", keys: "Keys", watch: bool) -> bool:
    """Whether the person has left. Raises: what is wrong for good; Unavailable: the hub was away for too long."""
    import anyio

    from roost.model.errors import Unavailable

    since = anyio.current_time()
    while True:
        size = os.get_terminal_size(sys.stdin.fileno())
        try:
            async with session.terminal(columns=size.columns, rows=size.lines, watch=watch) as it:
                since = float("inf")
                return await _use(it, keys)
        except Unavailable:
            since = min(since, anyio.current_time())
            if anyio.current_time() - since > AGAIN_SECONDS:
                raise
        if await _waits(keys):
            return True


async def _use(it: "AsyncTerminal", keys: "Keys") -> bool:
    """Whether the person has left. Raises: Unavailable."""
    import anyio

    failed: Exception | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_follow_size, it)
        tasks.start_soon(_type, it, keys, tasks.cancel_scope)
        try:
            while data := await it.read():
                keys.shown = True
                await anyio.to_thread.run_sync(_put, data)
        except Exception as error:  # noqa: BLE001  # out of the group as it is, not as a group
            failed = error
        tasks.cancel_scope.cancel()
    if failed is not None and not keys.left:
        raise failed
    return keys.left


async def _type(it: "AsyncTerminal", keys: "Keys", everything: "object") -> None:
    from anyio import CancelScope

    from roost.model.errors import Unavailable

    assert isinstance(everything, CancelScope)
    while (given := await keys.next()) is not None:
        if given and it.writes:
            with suppress(Unavailable):  # the reader knows it too
                await it.write(given)
    everything.cancel()


async def _follow_size(it: "AsyncTerminal") -> None:
    import anyio

    from roost.model.errors import Unavailable

    with anyio.open_signal_receiver(signal.SIGWINCH) as changes:
        async for _ in changes:
            size = os.get_terminal_size(sys.stdin.fileno())
            with suppress(Unavailable):
                await it.resize(size.columns, size.lines)


async def _waits(keys: "Keys") -> bool:
    """A while without a hub: whether the person has left meanwhile."""
    import anyio

    with anyio.move_on_after(PAUSE_SECONDS):
        while await keys.next() is not None:
            pass
        return True
    return False


class Keys:
    """What is typed here. `shown`: there was something to see."""

    def __init__(self) -> None:
        self.left = self.shown = False
        self._held = False

    async def next(self) -> bytes | None:
        """The next keys for the agent, perhaps none yet; None: the person leaves."""
        import anyio

        await anyio.wait_readable(0)
        return self.take(os.read(0, 16 * 1024))

    def take(self, typed: bytes) -> bytes | None:
        """What of this is the agent's; None: it says to leave."""
        given = bytearray()
        self.left = self.left or not typed
        for key in (typed[at : at + 1] for at in range(len(typed))):
            if self._held and key == LEAVES:
                self.left = True
            elif self._held:
                given += key if key == PREFIX else PREFIX + key
                self._held = False
            elif key == PREFIX:
                self._held = True
            else:
                given += key
        return None if self.left else bytes(given)


def _put(data: bytes) -> None:
    STDOUT.file.buffer.write(data)
    STDOUT.file.flush()


@contextmanager
def _raw(descriptor: int, keys: Keys) -> Generator[None]:
    """Every key as it is typed; afterwards the terminal is as it was. What stands on it stays where nothing was shown:
    there is no screen."""
    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor)
        yield
    finally:
        if keys.shown:
            _put(PROPER.encode())
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
