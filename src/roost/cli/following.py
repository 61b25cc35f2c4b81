"""Following a session in a terminal, and what Ctrl-C means there: leave, and once more, stop the run."""

import json
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Final

import anyio
from msgspec import UNSET, Struct

from roost.cli import codes
from roost.cli.live import LiveView
from roost.cli.terminal import STDERR, Progress, print_json_line, print_struct, progress
from roost.client import AsyncSession
from roost.model.envelope import Event, encode_event
from roost.model.events import (
    AbortRequested,
    LoopUpdated,
    RunAborted,
    RunComplete,
    RunError,
    RunStart,
    SessionResuming,
    ToolStart,
)
from roost.model.ids import short_id
from roost.model.info import Accepted
from roost.model.lifecycle import RunStatus

GOODBYE_SECONDS: Final = 2.0
"""How long after Ctrl-C a second one still stops the run."""
_LONG: Final[dict[type, str]] = {
    RunStart: "waiting for the agent",
    ToolStart: "the tool runs",
    AbortRequested: "stopping",
    SessionResuming: "waking",
}
"""Events after which it may take a while until the next one."""
_LOOP_CODES: Final = {"blocked": codes.RUN_FAILED, "cancelled": codes.RUN_ABORTED}
_CODES: Final[dict[type, int]] = {RunComplete: codes.OK, RunError: codes.RUN_FAILED, RunAborted: codes.RUN_ABORTED}


class Watch(Struct, kw_only=True):
    """A session on the screen. `show` prints one event. `stops`: a second Ctrl-C aborts the run. `cursor`: the last
    event shown."""

    session: AsyncSession
    show: Callable[[Event], None]
    end: Callable[[], None] = lambda: None
    as_json: bool = False
    stops: bool = False
    cursor: int = 0
    code: int = codes.OK


def watch_of(session: AsyncSession, *, as_json: bool, stops: bool = False) -> Watch:
    """Events as JSON lines, or as a conversation."""
    if as_json:
        return Watch(session=session, show=print_json, as_json=True, stops=stops)
    view = LiveView(short_id(session.id))
    return Watch(session=session, show=view.show, end=view.finish, stops=stops)


def print_json(event: Event) -> None:
    """The event as the wire carries it."""
    print_json_line(encode_event(event))


async def follow(watch: Watch, events: AsyncGenerator[Event]) -> int:
    """Show events until there are no more, or until Ctrl-C; returns the exit code. The events may end with a run: then
    the code is the run's."""
    with anyio.open_signal_receiver(signal.SIGINT) as interrupts:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_cancel_at_interrupt, interrupts, tasks.cancel_scope)
            await _show_all(watch, events)
            tasks.cancel_scope.cancel()
            return watch.code
        watch.end()  # the group was cancelled: somebody pressed Ctrl-C
        stops = watch.stops and watch.cursor > 0  # before that the open run is somebody else's
        _say_goodbye(watch, stops=stops)
        with anyio.move_on_after(GOODBYE_SECONDS if stops else 0):
            async for _ in interrupts:
                return await _abort(watch, interrupts)
    return codes.DETACHED


async def follow_accepted(session: AsyncSession, accepted: Accepted, name: str, *, detach: bool, as_json: bool) -> int:
    """Show the run of an input that was accepted; with `detach`, say where it stands. `name`: as it was typed."""
    if not detach:
        if accepted.run is UNSET and not as_json:
            print(STDERR.style("a run is open; this one waits for its end", "dim"), file=sys.stderr, flush=True)
        return await follow(watch_of(session, as_json=as_json, stops=True), session.events_of(accepted))
    if as_json:
        print_struct(accepted)
    else:
        print(f"recorded as event {accepted.seq}; watch it: roost attach {name} --after {accepted.seq - 1}")
    return codes.OK


async def _cancel_at_interrupt(interrupts: AsyncIterator[signal.Signals], scope: anyio.CancelScope) -> None:
    async for _ in interrupts:
        scope.cancel()
        return


async def _show_all(watch: Watch, events: AsyncGenerator[Event]) -> None:
    going_on: Progress | None = None
    try:
        async with aclosing(events):
            async for event in events:
                if going_on:
                    going_on.done()
                    going_on = None
                watch.show(event)
                watch.cursor = event.seq
                kind = type(event.body)
                watch.code = _code_of(event, watch.code)
                if kind in _LONG and not watch.as_json:
                    going_on = Progress(_LONG[kind])
    finally:
        if going_on:
            going_on.done()
    watch.end()


def _code_of(event: Event, before: int) -> int:
    """How it would end with this event."""
    body = event.body
    if isinstance(body, LoopUpdated):
        return _LOOP_CODES.get(body.status, before)
    return _CODES.get(type(body), before)


def _say_goodbye(watch: Watch, *, stops: bool) -> None:
    name, cursor = short_id(watch.session.id), watch.cursor
    if watch.as_json:
        _say(json.dumps({"detached": {"session": watch.session.id, "after": cursor}}))
        return
    _say(f"\nDetached. The session goes on; come back: roost attach {name} --after {cursor}")
    if stops:
        _say(STDERR.style(f"Ctrl-C once more stops the run; later: roost abort {name}", "dim"))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def _abort(watch: Watch, interrupts: AsyncIterator[signal.Signals]) -> int:
    """Stop the run, and say how it ended. A further Ctrl-C leaves at once."""
    code = codes.DETACHED
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_cancel_at_interrupt, interrupts, tasks.cancel_scope)
        with progress("stopping the run"):
            await watch.session.abort()
            last = (await watch.session.info()).last_run
        status = RunStatus.CANCELLED if last is UNSET else last.status
        if watch.as_json:
            _say(json.dumps({"run": "" if last is UNSET else last.run, "status": status}))
        else:
            _say("The run was stopped." if status is RunStatus.CANCELLED else f"The run is over: {status}.")
        ended = {RunStatus.COMPLETED: codes.OK, RunStatus.FAILED: codes.RUN_FAILED}
        code = ended.get(status, codes.RUN_ABORTED)
        tasks.cancel_scope.cancel()
    return code
