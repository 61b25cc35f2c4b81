"""One host's connection, from hello to its end: frames in, frames out, requests both ways."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from secrets import token_hex
from time import monotonic
from typing import Any, Final

import anyio
import msgspec
import structlog
from anyio.abc import TaskGroup
from msgspec import UnsetType

from roost.core.counter import Counter
from roost.core.session import Session
from roost.link.frames import (
    MAX_CAPABILITIES_BYTES,
    Answer,
    AppendFrame,
    Ask,
    Beat,
    Bye,
    FromHost,
    Produced,
    Ready,
    decode_from_host,
)  # fmt: skip
from roost.link.hub_end import HubEnd
from roost.link.spool import SpoolLine
from roost.model.envelope import Draft, decode_bodies, decode_body
from roost.model.errors import InvalidBody, LinkDown, ProducerGap, RoostError, StaleEpoch, Unavailable, error_from
from roost.model.events import Native
from roost.model.ids import Epoch, RunId
from roost.settings import LinkSettings

Receive = Callable[[], Awaitable[bytes | str | None]]
"""The next message, None once the connection is closed."""
Send = Callable[[bytes], Awaitable[None]]

STORE_AGAIN_SECONDS: Final = 0.5
"""Between two attempts to commit what a host has sent."""

_log = structlog.get_logger("roost.link")


class HostLink:
    """The live link of one session's host. `left`: the host has said goodbye; `broken`: it has skipped events."""

    def __init__(self, session: Session, epoch: Epoch, settings: LinkSettings, counter: Counter | None = None) -> None:
        """`counter`: answers what the host asks; without one nothing is answered."""
        self._counter = counter
        self._asks: TaskGroup
        self.session = session
        self.epoch = epoch
        self.end = HubEnd()
        self.left = False
        self.broken: ProducerGap | None = None
        self._settings = settings
        self._listening_since: float | None = None
        """Since when the next frame is waited for; None while one is being taken."""
        self._wake = asyncio.Event()  # rung for every frame: to clear one costs less than a new one
        self._closed = anyio.Event()
        self._asked: dict[str, tuple[anyio.Event, list[Answer]]] = {}
        self._name = token_hex(4)
        """No answer to an earlier link's question is taken for one of ours."""
        self._numbers = count(1)
        self._shield = anyio.CancelScope()
        """Around all that is read; up while an append must not be cut off: one for each append costs as much as it."""
        self._send: Send
        self._sending = False

    def wake(self) -> None:
        """Something is owed: send it soon."""
        self._wake.set()

    def close(self) -> None:
        self._closed.set()
        self._wake.set()

    def refuse(self, code: str, message: str) -> None:
        """Tell the host that it has lost its session, and end the link."""
        self.end.refuse(code, message)
        self.wake()

    async def call(self, method: str, params: Any = None) -> Any:
        """Ask the host. Never retried; cancelled, the host is told to stop. Raises: LinkDown; whatever error the host
        answers."""
        if self._closed.is_set():
            raise LinkDown
        ask = Ask(id=f"{self._name}.{next(self._numbers)}", method=method, params=params or {})
        done, answers = self._asked.setdefault(ask.id, (anyio.Event(), []))
        self.end.ask(ask)
        self.wake()
        try:
            await done.wait()
        except BaseException:
            self.tell("cancel", {"ask": ask.id})
            raise
        finally:
            del self._asked[ask.id]
        if not answers:
            raise LinkDown("the link to the session's host broke in the middle; whether it was done is not known")
        answer = answers[0]
        if isinstance(answer.code, str):
            raise error_from(answer.code, answer.message or answer.code, answer.details)
        return answer.result

    def tell(self, method: str, params: Any) -> None:
        """Ask the host for something whose answer nobody waits for."""
        if not self._closed.is_set():
            self.end.ask(Ask(id=f"{self._name}.{next(self._numbers)}", method=method, params=params))
            self.wake()

    async def run(self, receive: Receive, send: Send) -> None:
        """Until the connection ends, the host leaves, or it is refused."""
        try:
            async with anyio.create_task_group() as tasks:
                self._send = send
                tasks.start_soon(self._write, tasks)
                tasks.start_soon(self._beat)
                tasks.start_soon(self._watch, tasks)
                self._asks = tasks
                tasks.start_soon(self._listen, receive, tasks)  # the link's own task has callers to pass through
        finally:
            self.close()
            if self._counter is not None:
                self._counter.close()
            for done, _ in self._asked.values():
                done.set()

    async def _write(self, tasks: TaskGroup) -> None:
        """Sends what nobody else is about to send."""
        while not self._closed.is_set():
            self._wake.clear()
            if self._sending or not self.end.pending:
                if self.end.refused and not self._sending:
                    break
                await self._wake.wait()
                continue
            try:
                await self._flush()
            except (OSError, RuntimeError):
                break  # the connection is gone; what was not acknowledged is sent again on the next
        tasks.cancel_scope.cancel()

    async def _flush(self) -> None:
        """Send what is owed. If that is going on, whoever does it looks again. Raises: OSError, RuntimeError: the
        connection is gone."""
        if self._sending:
            return
        self._sending = True
        try:
            while self.end.pending:
                for frame in self.end.take():
                    await self._send(frame)
        finally:
            self._sending = False
        if self.end.refused:
            self.wake()

    async def _beat(self) -> None:
        while True:
            await anyio.sleep(self._settings.heartbeat_seconds)
            self.end.beat()
            self.wake()

    async def _watch(self, tasks: TaskGroup) -> None:
        """End the link after a silence. One timer for it all: to arm one for every frame costs as much as the frame."""
        patience = left = self._settings.lost_after_seconds
        while left > 0:
            await anyio.sleep(left)
            since = self._listening_since
            left = patience if since is None else since + patience - monotonic()
        tasks.cancel_scope.cancel()

    async def _listen(self, receive: Receive, tasks: TaskGroup) -> None:
        with self._shield:
            await self._read(receive)
        tasks.cancel_scope.cancel()

    async def _read(self, receive: Receive) -> None:
        while not self.left:
            self._listening_since = monotonic()
            try:
                await self._flush()
            except (OSError, RuntimeError):
                return
            raw = await receive()
            self._listening_since = None
            if raw is None or self.end.refused:
                return
            try:
                await self._take(decode_from_host(raw))
            except StaleEpoch as error:
                self.end.refuse(error.code, error.message)
                self.wake()
                await self._closed.wait()
            except ProducerGap as error:
                self.broken = error
                return
            except RoostError as error:
                _log.warning("link closed", session=self.session.id, code=error.code, detail=error.message)
                return

    async def _answer(self, ask: Ask) -> None:
        if self._counter is not None:
            self.end.answer(await self._counter.answer(ask))
            self.wake()

    async def _take(self, frame: FromHost) -> None:
        match frame:
            case AppendFrame():
                await self._commit(frame)
            case Bye():
                self.left = True
            case Ready():
                self.session.capabilities = fitting(frame.capabilities)
            case Answer():
                waiting = self._asked.get(frame.id)
                if waiting is not None:
                    waiting[1].append(frame)
                    waiting[0].set()
            case Ask():
                self._asks.start_soon(self._answer, frame)
            case Beat():
                pass
            case _:
                raise InvalidBody(f"{type(frame).__name__} after hello")

    async def _commit(self, frame: AppendFrame) -> None:
        """A store that is full or away is no reason to part with a host: try again, and let the host keep the rest."""
        drafts = drafts_of(frame.events)
        waits = False
        while True:
            try:
                self._shield.shield = True
                acked, seq = await self.session.append_from_host(self.epoch, frame.first, drafts)
                break
            except Unavailable as error:
                if not waits:
                    _log.warning("events wait for the store", session=self.session.id, code=error.code)
                waits = True
            finally:
                self._shield.shield = False
            await anyio.sleep(STORE_AGAIN_SECONDS)
        self.end.acknowledge(acked, seq)


def fitting(capabilities: dict[str, Any]) -> dict[str, Any]:
    """What an agent can do, as it is shown: nothing, if that is more than a host may say."""
    return capabilities if len(msgspec.json.encode(capabilities)) <= MAX_CAPABILITIES_BYTES else {}


def drafts_of(events: Sequence[Produced | SpoolLine]) -> list[Draft]:
    """What a host sent, as drafts; all at once if all of it can be read."""
    bodies = decode_bodies([event.body for event in events])
    if bodies is None:
        return [draft_of(bytes(event.body), event.run) for event in events]
    return [Draft(body, bytes(event.body), event.run) for body, event in zip(bodies, events, strict=True)]


def draft_of(raw: bytes, run: RunId | UnsetType) -> Draft:
    """What a host sent, as a draft. What cannot be read is kept as `native`."""
    try:
        return Draft(body=decode_body(raw), raw=raw, run=run)
    except InvalidBody as error:
        body = Native(raw=raw.decode(errors="replace")[:8192], reason=error.message, source="host")
        return Draft(body=body, raw=msgspec.json.encode(body))
