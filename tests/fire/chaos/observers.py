"""Observers of four kinds, who come and go, look back, and read slowly; each records what it was shown."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from hashlib import blake2b
from random import Random
from typing import Any, Final

import anyio
import httpx
import msgspec
from msgspec import Raw, Struct
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from roost.client import AsyncClient
from roost.client.sse import SseParser
from roost.model.envelope import decode_event, encode_event
from roost.model.errors import RoostError
from tests.fire.chaos.history import Attached, Detached, History, Seen, View

SILENCE_SECONDS = 5.0
"""Hubs under fire say every second that they are there."""
PAUSE_SECONDS = 0.1
VISIT_SECONDS = 4.0
"""A visit lasts so long at most, until the end is near."""
LOOK_SECONDS = 0.3
HISTORY_EVENTS = 1000
CAUGHT_UP: Final = (0, "")
"""What a Coder view gives when it has looked and there is no more."""

Shown = tuple[int, str]
"""The seq (of Coder: the id) of an event and its digest."""
GONE = (OSError, TimeoutError, httpx.HTTPError, WebSocketException, RoostError)
"""What an observer notices of a connection that broke, or of a hub that is in trouble."""


class Place(Struct, frozen=True):
    """A hub, and one session of it."""

    url: str
    key: str
    client: AsyncClient
    session: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, headers=self.headers, timeout=SILENCE_SECONDS, trust_env=False)


def digest(event: bytes | Raw) -> str:
    """Of one event as the wire serves it."""
    return blake2b(encode_event(decode_event(bytes(event))), digest_size=8).hexdigest()


async def sse(place: Place, after: int | None) -> AsyncGenerator[Shown]:
    headers = {"Accept": "text/event-stream"} | ({} if after is None else {"Last-Event-ID": str(after)})
    async with place.http() as http, http.stream("GET", f"/v1/sessions/{place.session}/events", headers=headers) as got:
        got.raise_for_status()
        parser = SseParser()
        async for piece in got.aiter_raw():
            for block in parser.feed(piece):
                if block.id is not None and block.data is not None:
                    yield int(block.id), digest(block.data)


class _Events(Struct):
    events: list[Raw]


class _Seq(Struct):
    seq: int


async def socket(place: Place, after: int | None) -> AsyncGenerator[Shown]:
    address = f"ws{place.url.removeprefix('http')}/v1/sessions/{place.session}/socket?after={after or 0}"
    async with connect(
        address, additional_headers=place.headers, proxy=None, compression=None, ping_interval=None, close_timeout=1,
        open_timeout=SILENCE_SECONDS, max_size=None,
    ) as there:  # fmt: skip
        while True:
            with anyio.fail_after(SILENCE_SECONDS):
                frame = await there.recv(decode=False)
            if b'"type":"events"' in frame[:40]:
                for event in msgspec.json.decode(frame, type=_Events).events:
                    yield msgspec.json.decode(event, type=_Seq).seq, digest(event)


async def sdk(place: Place, after: int | None) -> AsyncGenerator[Shown]:
    async with aclosing(place.client.session(place.session).events(after=after or 0)) as events:
        async for event in events:
            yield event.seq, digest(encode_event(event))


async def coder(place: Place, after: int | None) -> AsyncGenerator[Shown]:
    """What has happened, in the words of Coder: asked for again whenever the live stream beside it tells something."""
    cursor = after or 0
    path = f"/api/hub/session/{place.session}"
    async with place.http() as http, http.stream("GET", f"{path}/events", params={"api_key": place.key}) as live:
        live.raise_for_status()
        told = live.aiter_raw()
        while True:
            for item in await _younger(http, f"{path}/events/history", cursor):
                cursor = int(item["id"])
                yield cursor, blake2b(msgspec.json.encode(item, order="sorted"), digest_size=8).hexdigest()
            yield CAUGHT_UP
            with anyio.fail_after(SILENCE_SECONDS):
                await anext(told)
            await anyio.sleep(LOOK_SECONDS)


async def _younger(http: httpx.AsyncClient, path: str, cursor: int) -> list[dict[str, Any]]:
    """Events with higher ids, the oldest first."""
    found: list[dict[str, Any]] = []
    while True:
        before = {"beforeId": found[-1]["id"]} if found else {}
        answer = await http.get(path, params={"limit": HISTORY_EVENTS, **before})
        answer.raise_for_status()
        page = [item for item in answer.json()["events"] if item["id"] > cursor]
        found += page
        if len(page) < HISTORY_EVENTS:
            return found[::-1]


VIEWS: Final[dict[View, Callable[[Place, int | None], AsyncGenerator[Shown]]]] = {
    "sse": sse,
    "socket": socket,
    "coder": coder,
    "sdk": sdk,
}


class Observer:
    """Has seen a session up to `cursor`, over any number of connections."""

    def __init__(self, name: str, place: Place, view: View, history: History, random: Random) -> None:
        self.name, self.place = name, place
        self.view: View = view
        self.cursor = 0
        self._history, self._random = history, random
        self._head: int | None = None
        self._looks = 0
        """How often it has caught up since the end is known."""
        self._visit = anyio.CancelScope()

    def finish(self, head: int) -> None:
        """Nothing comes after this event: it goes when it has seen it, on the connection that it has, if it has one."""
        self._head = head
        self._visit.deadline = float("inf")
        if self.is_done:
            self._visit.cancel()

    @property
    def is_done(self) -> bool:
        return self._head is not None and (self._looks > 1 if self.view == "coder" else self.cursor >= self._head)

    async def observe(self) -> None:
        while not self.is_done:
            after = self._where()
            self._history.add(Attached(who=self.name, session=self.place.session, view=self.view, after=after))
            self.cursor = after or 0
            seconds = float("inf") if self._head is not None else self._random.uniform(0, VISIT_SECONDS)
            with anyio.CancelScope(deadline=anyio.current_time() + seconds) as self._visit:
                try:
                    await self._watch(after)
                except (*GONE, StopAsyncIteration):
                    await anyio.sleep(PAUSE_SECONDS)
            self._history.add(Detached(who=self.name, session=self.place.session, gone=self.is_done))
            if self._head is None:
                await anyio.sleep(self._random.choice([0, 0, PAUSE_SECONDS, VISIT_SECONDS / 4]))

    def _where(self) -> int | None:
        """Mostly where it was; sometimes further back, or at the start."""
        chance = self._random.random()
        if self._head is not None or chance < 0.75:
            return self.cursor or None
        return None if chance < 0.8 else self._random.randrange(self.cursor + 1)

    async def _watch(self, after: int | None) -> None:
        slow = self._random.random() < 0.1
        async with aclosing(VIEWS[self.view](self.place, after)) as shown:
            async for seq, known in shown:
                if (seq, known) == CAUGHT_UP:
                    self._looks += self._head is not None
                else:
                    self._history.add(Seen(who=self.name, session=self.place.session, seq=seq, digest=known))
                    self.cursor = seq
                if self.is_done:
                    return
                if slow and self._head is None:
                    await anyio.sleep(0.02)
