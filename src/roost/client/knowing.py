"""What a session handle can ask about its session: runs, parts, counts, plan, who is here, how its host does."""

from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from roost.client.answers import ParticipantList, RunEventPage, TodoList
from roost.client.wire import Wire
from roost.model.envelope import Event
from roost.model.events import Todo
from roost.model.ids import MessageId, RunId, Seq
from roost.model.info import Participant, RunList, SessionMetrics
from roost.model.knowing import LOG_TAIL_BYTES, Diagnostics
from roost.model.messages import Message
from roost.model.options import AgentCommand, CommandList, SessionOptions
from roost.model.record import Metrics, Run


class AsyncKnowing:
    """What is asked here changes nothing and wakes nobody (AsyncSession)."""

    _wire: Wire
    _path: str

    async def runs(self, *, before: Seq | None = None, limit: int = 50) -> tuple[Run, ...]:
        """The last `limit` (at most 500) runs that began before the seq `before`, newest first, without their input."""
        return msgspec.json.decode(await self._look("/runs", before=before, limit=limit), type=RunList).runs

    async def run(self, run: RunId | str) -> Run:
        """One run, with its input. Raises: RunNotFound."""
        return msgspec.json.decode(await self._look(f"/runs/{run}"), type=Run)

    async def read_run(self, run: RunId | str, *, after: Seq = 0, limit: int = 500) -> RunEventPage:
        """One page of a run's own events; go on with its `after`. Raises: RunNotFound."""
        return msgspec.json.decode(
            await self._look(f"/runs/{run}/events", after=after, limit=limit), type=RunEventPage
        )  # fmt: skip

    async def run_events(self, run: RunId | str) -> AsyncGenerator[Event]:
        """The events of a run as far as it has come, in order, without waiting for more. Raises: RunNotFound."""
        after = 0
        while True:
            page = await self.read_run(run, after=after)
            for event in page.events:
                yield event
            if page.ended or not page.events:
                return
            after = page.after

    async def message(self, message: MessageId | str) -> Message:
        """One message with its parts, also while it is being said. Raises: MessageNotFound."""
        return msgspec.json.decode(await self._look(f"/messages/{message}"), type=Message)

    async def metrics(self) -> Metrics:
        """Messages, steps, tool calls, tokens, cost: of this session alone."""
        return msgspec.json.decode(await self._look("/metrics"), type=SessionMetrics).metrics

    async def todos(self) -> tuple[Todo, ...]:
        """The agent's plan."""
        return msgspec.json.decode(await self._look("/todos"), type=TodoList).todos

    async def options(self) -> SessionOptions:
        """How its agent can be set, while it is here, and how it is set; `configure` sets it."""
        return msgspec.json.decode(await self._look("/options"), type=SessionOptions)

    async def commands(self) -> tuple[AgentCommand, ...]:
        """The agent's own commands, while it is here; `run_command` runs one."""
        return msgspec.json.decode(await self._look("/commands"), type=CommandList).commands

    async def participants(self, *, disconnected: bool = False) -> tuple[Participant, ...]:
        """Who is here now: the agent, and every open stream and socket. `disconnected`: also the last who left."""
        answer = await self._look("/participants", disconnected=disconnected or None)
        return msgspec.json.decode(answer, type=ParticipantList).participants

    async def diagnostics(self, *, log_bytes: int = LOG_TAIL_BYTES, log_after: int | None = None) -> Diagnostics:
        """Its host, its last errors, and the last `log_bytes` (at most 256 KiB) of what host and agent have logged.
        `log_after`: the `log_end` of what was read before, for the lines that follow. A new host has a new log."""
        answer = await self._look("/diagnostics", log_bytes=log_bytes, log_after=log_after)
        return msgspec.json.decode(answer, type=Diagnostics)

    async def _look(self, path: str, **params: Any) -> bytes:
        return await self._wire.request("GET", self._path + path, params=params)
