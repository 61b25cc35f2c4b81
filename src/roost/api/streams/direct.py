"""The transport writer: pages go from memory straight to the connections of all who follow them, in one pass.

A `Reader` is a connection and a cursor. When there is something new, every reader is called in turn and hands its
connection the page after its cursor: bytes that were rendered and framed once for all at that place. The cursor moves
by what the transport was given, and by nothing else. A reader whose connection is full is passed over; it goes on from
its cursor when there is room again. One that has fallen out of memory reads older pages until it is back. Its task
sleeps all the while: it wakes for those pages, and for the end.
"""

import asyncio
from typing import Generic

from roost.api.lending import Connection
from roost.api.streams.source import N, Near, Watched


class Reader(Generic[N]):
    """One who follows a source over a connection that was lent to him."""

    __slots__ = ("_asleep", "_connection", "_cursor", "_ended", "_near", "_render", "_source")

    def __init__(self, connection: Connection, source: Watched[N], cursor: int) -> None:
        self._connection = connection
        self._source = source
        self._render = source.renderer(connection.framed)
        self._cursor = cursor
        self._ended = False
        self._near: Near[N]
        self._asleep: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """Until the source has ended or the client has gone. Raises: what looking at the source raises, or reading
        it."""
        self._connection.lend(self.look)
        try:
            with self._source.watch(self.look) as self._near:
                while not self._is_over():
                    if self._catch_up():
                        await self._sleep()
                    elif not self._is_over():
                        await self._read()
        finally:
            self._connection.lend(None)

    def look(self) -> None:
        """There may be something new, or room for it, or nobody to take it any more."""
        if self._asleep is None or self._asleep.done():
            return  # the task is at work, and will look by itself
        try:
            if not self._catch_up():
                self._asleep.set_result(None)
        except Exception as error:  # noqa: BLE001  # it is the task's, and no other reader's
            self._asleep.set_exception(error)

    def _catch_up(self) -> bool:
        """Hand over what memory holds, while there is room. Whether the next step is somebody else's: the source has
        nothing more, or the client must take what it was given."""
        while self._connection.has_room:
            page = self._near.at_hand(self._cursor)
            if page is None:
                return False
            is_last = page.cursor == self._cursor
            self._give(page)
            if is_last or page.ended:
                return not page.ended
        return not self._connection.gone

    async def _read(self) -> None:
        """What memory does not hold any more."""
        page = await self._near.read(self._cursor)
        await self._connection.room()
        if not self._connection.gone:
            self._give(page)

    def _give(self, page: N) -> None:
        if page.cursor != self._cursor:
            self._cursor = page.cursor
            if piece := self._render(page):
                self._connection.write(piece)
        self._ended = page.ended

    def _is_over(self) -> bool:
        return self._ended or self._connection.gone

    async def _sleep(self) -> None:
        self._asleep = asyncio.get_running_loop().create_future()
        try:
            await self._asleep
        finally:
            self._asleep = None
