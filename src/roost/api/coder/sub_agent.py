"""The socket of a sub-agent that has a connection of its own: what it does is told as a task of its lead."""

from typing import Any, Final

import anyio

from roost.api.coder import frames
from roost.api.coder.connection import BEAT, Connection, bytes_of
from roost.api.coder.live import Live, Lives
from roost.api.coder.reporting import UNREAD, SubReport
from roost.api.streams.running import Streams
from roost.api.streams.stay import Stay
from roost.api.streams.visit import Visit
from roost.core.session import Session
from roost.model.errors import RoostError
from roost.model.events import Principal

NAMELESS: Final = "agent"


class SubAgent:
    """`session`: that of its lead, without whom nothing is kept of what it says."""

    def __init__(self, connection: Connection, session: Session, key: str, agent: str | None) -> None:
        self._connection = connection
        self._session = session
        self._agent = agent or NAMELESS
        self._stay = Stay(connection.hub, session, key, connection.scope)
        self._report = SubReport(self._agent)
        self._live: Live

    async def run(self, streams: Streams, lives: Lives, by: Principal) -> RoostError | None:
        """Until it leaves (None), or is let go: why. Raises: TooManyStreams."""
        hub = self._connection.hub
        with hub.limits.stream(by), lives.watched(self._session) as self._live:
            async with anyio.create_task_group() as tasks:
                self._stay.scope = tasks.cancel_scope
                visit = Visit(hub, by, via="socket")
                with streams.open(self._connection.send, self._stay.scope, BEAT), visit.begin(self._stay.scope):
                    await self._stay.until_over(self._read)
        return await self._stay.why(streams)

    async def _read(self) -> None:
        init = frames.init_of(self._session.record_now, "sub_agent", agent=self._agent)
        await self._connection.greet(self._session, init)
        while (message := await self._connection.receive())["type"] == "websocket.receive":
            try:
                answer = await self._take(bytes_of(message))
            except RoostError as error:
                answer = self._connection.misread(self._session, error)
            if answer:
                await self._connection.tell(answer)

    async def _take(self, frame: bytes) -> str:
        """What to answer, if something. Raises: InvalidBody, LinkDown."""
        head = frames.head_of(frame)
        match head.type:
            case "ping":
                return frames.text(frames.pong(frame, self._connection.hub.now_ms()))
            case "event":
                await self._reported(frames.outlined(frame, frames.Reported))
                return frames.text(frames.Actions(id=head.id))
            case "tool" | "command":
                return frames.text(frames.Actions(id=head.id))
            case _:
                return ""

    async def _reported(self, reported: frames.Reported) -> None:
        if reported.event in UNREAD or self._live.relay is None:
            return
        bodies = self._report.take(reported.event, frames.decoded(reported.data, dict[str, Any]))
        if bodies:
            await self._live.relay.reported(bodies)
