"""The host's connection to its hub: finds it, greets it, keeps it, finds it again. What is said is `link/`'s affair."""

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any, cast

import anyio
import msgspec
from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from roost.link.frames import MAX_FRAME_BYTES, Answer, Ask, Beat, Bye, decode_from_hub, encode_frame
from roost.link.host_end import HostEnd, Link
from roost.model.envelope import Event
from roost.model.errors import InvalidBody, LinkDown, error_from
from roost.settings import LinkSettings

FIRST_RETRY_SECONDS = 0.05
LOOK_SECONDS = 0.2
"""How often hub.json is looked at between two attempts: a new hub is called at once, however long the last was away."""
LASTING_SECONDS = 1.0
"""After a connection that held so long the next attempt comes at once; a shorter one counts as a failed attempt."""
TURNED_AWAY = 3
"""So many 401 in a row from the hub of our data folder, and the token is void."""

log = logging.getLogger("roost.host.wire")


class HubAddress(Struct, frozen=True):
    """What a host needs of DATA/hub.json. `pid` is absent for a hub on another machine."""

    url: str
    pid: int | None = None

    @property
    def link_url(self) -> str:
        return "ws" + self.url.removeprefix("http").rstrip("/") + "/link"

    @property
    def alive(self) -> bool:
        """Whether the hub that wrote this may still run; another one on its port is not ours."""
        if self.pid is None:
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


def find_hub(data: Path) -> HubAddress | None:
    """The hub of this data folder, as it last said; None if it never did."""
    try:
        return msgspec.json.decode((data / "hub.json").read_bytes(), type=HubAddress)
    except (OSError, msgspec.MsgspecError):
        return None


class Wire:
    """Keeps a `HostEnd` connected. `commands` is called with each batch, `ask` with each request, both at once; `lost`
    when a connection has ended."""

    def __init__(
        self,
        end: HostEnd,
        *,
        data: Path,
        token: str,
        settings: LinkSettings,
        commands: Callable[[Sequence[Event]], None],
        ask: Callable[[Ask], None],
        lost: Callable[[], None],
    ) -> None:
        self.away_since: float | None = monotonic()
        """When the hub was last lost (monotonic seconds); None while it is there."""
        self._end, self._data, self._token, self._settings = end, data, token, settings
        self._commands, self._ask, self._lost = commands, ask, lost
        self._asked: dict[str, tuple[anyio.Event, list[Answer]]] = {}
        self._numbers = count(1)
        self._bell = anyio.Event()
        self._progress = anyio.Event()
        self._turned_away = 0
        self._socket: ClientConnection | None = None
        self._parted = False
        self._noted = ""

    def wake(self) -> None:
        """There is something to send."""
        self._bell.set()

    async def progress(self) -> None:
        """Wait until the hub has acknowledged more, or the link changed."""
        await self._progress.wait()

    async def part(self, bye: Bye) -> None:
        """Say goodbye and close the connection, if there is one; none is made any more."""
        self._parted = True
        if self._socket is not None:
            with suppress(ConnectionClosed):
                await self._socket.send(encode_frame(bye), text=True)
                await self._socket.close()

    async def call(self, method: str, params: Struct) -> Any:
        """Ask the hub, on the present connection. Raises: LinkDown: there is none, or it has ended; whatever the hub
        answers."""
        if self._end.link is not Link.LIVE:
            raise LinkDown
        ask = Ask(id=f"h{next(self._numbers)}", method=method, params=cast(Any, params))
        done, answers = self._asked.setdefault(ask.id, (anyio.Event(), []))
        self._end.say(ask)
        self.wake()
        try:
            await done.wait()
        finally:
            self._asked.pop(ask.id, None)
        if not answers:
            raise LinkDown
        answer = answers[0]
        if isinstance(answer.code, str):
            raise error_from(answer.code, answer.message or answer.code, answer.details)
        return answer.result

    async def linked(self) -> None:
        """Wait until there is a hub."""
        while self._end.link is not Link.LIVE:
            await self.progress()

    async def keep(self) -> None:
        """Stay connected; returns only when the hub has refused this host, or after `part`."""
        pause = FIRST_RETRY_SECONDS
        while True:
            began = monotonic()
            hub = find_hub(self._data)
            if hub is not None and hub.alive and await self._visit(hub) and monotonic() - began > LASTING_SECONDS:
                pause = FIRST_RETRY_SECONDS
            if self._parted or self._end.link is Link.REFUSED:
                return
            if await self._another(hub, pause):
                pause = FIRST_RETRY_SECONDS
            else:
                pause = min(pause * 2, self._settings.retry_seconds)

    async def _another(self, hub: HubAddress | None, seconds: float) -> bool:
        """Wait so long; return early, and True, when there is another hub than this."""
        until = monotonic() + seconds
        while (left := until - monotonic()) > 0:
            await anyio.sleep(min(left, LOOK_SECONDS))
            if find_hub(self._data) not in (hub, None):
                return True
        return False

    async def _visit(self, hub: HubAddress) -> bool:
        """One connection, from first to last byte; whether the hub welcomed us."""
        try:
            async with connect(
                hub.link_url,
                additional_headers={"Authorization": f"Bearer {self._token}"},
                compression=None,
                max_size=MAX_FRAME_BYTES,
                ping_interval=None,
                open_timeout=self._settings.lost_after_seconds,
                close_timeout=1,
                proxy=None,
            ) as socket:
                self._turned_away = 0
                return await self._talk(socket)
        except InvalidStatus as error:
            self._turn_away(error.response.status_code)
        except (OSError, TimeoutError, WebSocketException) as error:
            self._note(f"no hub at {hub.url}: {error}")
        return False

    def _turn_away(self, status: int) -> None:
        self._note(f"the hub answered {status}")
        self._turned_away = self._turned_away + 1 if status == 401 else 0
        if self._turned_away >= TURNED_AWAY:
            self._end.refuse("unauthorized", "the hub does not take this host's token any more")

    def _note(self, failure: str) -> None:
        """Log a failed attempt, but not again and again for days."""
        if failure != self._noted:
            self._noted = failure
            log.info(failure)

    async def _talk(self, socket: ClientConnection) -> bool:
        self._socket = socket
        try:
            await socket.send(encode_frame(self._end.connected()), text=True)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._send, socket)
                tasks.start_soon(self._beat)
                await self._receive(socket)
                tasks.cancel_scope.cancel()
        finally:
            self._socket = None
            welcomed = self.away_since is None
            self.away_since = self.away_since or monotonic()
            self._end.disconnected()
            self._lost()
            for done, _ in self._asked.values():
                done.set()
            self._moved()
        return welcomed

    async def _receive(self, socket: ClientConnection) -> None:
        """Take frames until the connection ends or falls silent."""
        while self._end.link is not Link.REFUSED:
            try:
                with anyio.fail_after(self._settings.lost_after_seconds):
                    frame = decode_from_hub(await socket.recv(decode=False))
            except (ConnectionClosed, TimeoutError, InvalidBody) as error:
                log.info("link lost: %s", error)
                return
            if isinstance(frame, Ask):
                self._ask(frame)
                continue
            if isinstance(frame, Answer):
                if (waiting := self._asked.get(frame.id)) is not None:
                    waiting[1].append(frame)
                    waiting[0].set()
                continue
            commands = self._end.receive(frame)
            if self._end.link is Link.LIVE:
                self.away_since, self._noted = None, ""
            if commands:
                self._commands(commands)
            self._moved()

    async def _send(self, socket: ClientConnection) -> None:
        try:
            while True:
                self._bell = anyio.Event()
                while frames := self._end.outgoing():
                    for frame in frames:
                        await socket.send(encode_frame(frame), text=True)
                await self._bell.wait()
        except ConnectionClosed:
            return  # `_receive` sees it too

    async def _beat(self) -> None:
        while True:
            await anyio.sleep(self._settings.heartbeat_seconds)
            self._end.say(Beat())
            self.wake()

    def _moved(self) -> None:
        self._bell.set()
        self._progress.set()
        self._progress = anyio.Event()
