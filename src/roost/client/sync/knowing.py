"""Made from roost/client/knowing.py (make docs): do not edit.

What a session handle can ask about its session: runs, parts, counts, plan, who is here, how its host does.
"""

from collections.abc import Generator
from typing import cast

from roost.client.answers import RunEventPage
from roost.client.knowing import AsyncKnowing
from roost.client.sync.portal import Twin
from roost.model.envelope import Event
from roost.model.events import Todo
from roost.model.ids import MessageId, RunId, Seq
from roost.model.info import Participant
from roost.model.knowing import LOG_TAIL_BYTES, Diagnostics
from roost.model.messages import Message
from roost.model.options import AgentCommand, SessionOptions
from roost.model.record import Metrics, Run


class Knowing(Twin):
    """What is asked here changes nothing and wakes nobody (AsyncSession)."""

    @property
    def _async(self) -> AsyncKnowing:
        return cast(AsyncKnowing, self._twin)

    def runs(self, *, before: Seq | None = None, limit: int = 50) -> tuple[Run, ...]:
        """The last `limit` (at most 500) runs that began before the seq `before`, newest first, without their input."""
        return self._portal.call(self._async.runs, before=before, limit=limit)

    def run(self, run: RunId | str) -> Run:
        """One run, with its input. Raises: RunNotFound."""
        return self._portal.call(self._async.run, run)

    def read_run(self, run: RunId | str, *, after: Seq = 0, limit: int = 500) -> RunEventPage:
        """One page of a run's own events; go on with its `after`. Raises: RunNotFound."""
        return self._portal.call(self._async.read_run, run, after=after, limit=limit)

    def run_events(self, run: RunId | str) -> Generator[Event]:
        """The events of a run as far as it has come, in order, without waiting for more. Raises: RunNotFound."""
        return self._portal.iterate(self._async.run_events(run))

    def message(self, message: MessageId | str) -> Message:
        """One message with its parts, also while it is being said. Raises: MessageNotFound."""
        return self._portal.call(self._async.message, message)

    def metrics(self) -> Metrics:
        """Messages, steps, tool calls, tokens, cost: of this session alone."""
        return self._portal.call(self._async.metrics)

    def todos(self) -> tuple[Todo, ...]:
        """The agent's plan."""
        return self._portal.call(self._async.todos)

    def options(self) -> SessionOptions:
        """How its agent can be set, while it is here, and how it is set; `configure` sets it."""
        return self._portal.call(self._async.options)

    def commands(self) -> tuple[AgentCommand, ...]:
        """The agent's own commands, while it is here; `run_command` runs one."""
        return self._portal.call(self._async.commands)

    def participants(self, *, disconnected: bool = False) -> tuple[Participant, ...]:
        """Who is here now: the agent, and every open stream and socket. `disconnected`: also the last who left."""
        return self._portal.call(self._async.participants, disconnected=disconnected)

    def diagnostics(self, *, log_bytes: int = LOG_TAIL_BYTES, log_after: int | None = None) -> Diagnostics:
        """Its host, its last errors, and the last `log_bytes` (at most 256 KiB) of what host and agent have logged.
        `log_after`: the `log_end` of what was read before, for the lines that follow. A new host has a new log."""
        return self._portal.call(self._async.diagnostics, log_bytes=log_bytes, log_after=log_after)
