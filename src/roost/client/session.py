"""The session handle: an id and a connection. All state is at the hub, so any number of handles agree."""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Literal, Unpack

import msgspec
from msgspec import UNSET, Struct

from roost.client.absent import as_struct, or_absent
from roost.client.answers import EventPage, MessageList, SendResult
from roost.client.bundles import AsyncExporting
from roost.client.callbacks import Callbacks, Listener, PermissionReply
from roost.client.commanding import AsyncCommanding, Delivery, Input, route_of
from roost.client.knowing import AsyncKnowing
from roost.client.runs import MOVES, RUN_ENDS, Waiting, ends, is_idle, result_of
from roost.client.socket import AsyncConnecting
from roost.client.stream import OnLink, Until, follow_events
from roost.client.terminal import AsyncAtScreen
from roost.client.wire import REQUEST_SECONDS, Wire, new_key
from roost.client.workspace import AsyncWorkspace
from roost.model.commands import (
    Abort,
    AnyCommand,
    Archive,
    ChangeLoop,
    Configure,
    End,
    KitChange,
    PolicyRequest,
    RuleRequest,
    TimeoutsRequest,
    Update,
)  # fmt: skip
from roost.model.envelope import Event
from roost.model.errors import RunNotFound, error_from
from roost.model.events import PermissionAsked, Rule, StepFinish
from roost.model.ids import RunId, Seq, SessionId
from roost.model.info import Accepted, Deleted, Ended, PendingList, Queue, SessionConfig, SessionInfo
from roost.model.loops import LoopState
from roost.model.messages import Message
from roost.model.record import Pending, Queued
from roost.model.snapshot import Snapshot, decode_snapshot

STOP_SECONDS = 120.0
"""How long a call may take that answers only once a run has stopped."""


class AsyncSession(AsyncCommanding, AsyncConnecting, AsyncAtScreen, AsyncWorkspace, AsyncKnowing, AsyncExporting):
    """One session of a hub. Making one asks nothing; a wrong id shows at the first call.

    Every method may raise SessionNotFound, HubUnreachable, Unauthorized, and what its own words name.
    """

    def __init__(self, wire: Wire, session: SessionId, *, reconnect_seconds: float) -> None:
        self.id = session
        self._wire = wire
        self._path = f"/v1/sessions/{session}"
        self._reconnect_seconds = reconnect_seconds

    def __repr__(self) -> str:
        return f"AsyncSession({self.id!r})"

    # --- asking ---

    async def info(self) -> SessionInfo:
        return msgspec.json.decode(await self._get(), type=SessionInfo)

    async def snapshot(self) -> Snapshot:
        """Record, open run, pending decisions and the last messages, as of one `seq`; `events(after=seq)` goes on."""
        return decode_snapshot(await self._get("/snapshot"))

    async def messages(self, *, before: Seq | None = None, limit: int = 50) -> tuple[Message, ...]:
        """The last `limit` (at most 500) messages that began before the seq `before`, oldest first."""
        answer = await self._get("/messages", before=before, limit=limit)
        return msgspec.json.decode(answer, type=MessageList).messages

    async def pending(self) -> tuple[Pending, ...]:
        """Permissions and questions that wait for someone."""
        return msgspec.json.decode(await self._get("/pending"), type=PendingList).pending

    async def read(self, *, after: Seq = 0, limit: int = 500) -> EventPage:
        """One page of at most `limit` (5000) events after a cursor, without waiting for more.

        Raises: CursorAhead, CursorTrimmed."""
        return msgspec.json.decode(await self._get("/events", after=after, limit=limit), type=EventPage)

    def events(
        self,
        *,
        after: Seq = 0,
        until: Until | None = None,
        types: Collection[str] | None = None,
        reconnect_seconds: float | None = None,
        on_link: OnLink | None = None,
    ) -> AsyncGenerator[Event]:
        """Every event after `after`, once and in order: those there are, then each as it happens. Over lost connections
        and hub restarts, up to and with the first that `until` means, or until the session is ended or deleted.

        `types`: only these; the others are skipped. `on_link` is told of each connection: when it stands (True), and
        when it is lost. Leave the loop early? Close it: `contextlib.aclosing`.
        Raises: StreamLost: no hub for `reconnect_seconds` (default: the client's); CursorAhead, CursorTrimmed;
        SequenceBroken: the hub left an event out or repeated one.
        """
        return follow_events(
            self._wire,
            f"{self._path}/events",
            after=after,
            until=until,
            types=types,
            reconnect_seconds=self._reconnect_seconds if reconnect_seconds is None else reconnect_seconds,
            on_link=on_link,
        )

    # --- running ---

    async def send(
        self,
        given: Input,
        *,
        delivery: Delivery = "prompt",
        key: str | None = None,
        permission_timeout: float | None = None,
        permission_default: PermissionReply = "reject",
        **callbacks: Unpack[Callbacks],
    ) -> SendResult:
        """Hand over input and wait for the end of its run. A run that failed or was aborted is a result with `error`.

        `on_text`, `on_tool_start`, `on_permission`, ...: called while it goes on (`Callbacks`). While a decision is
        pending and nobody answers, this waits: after `permission_timeout` seconds a permission is answered with
        `permission_default`, a question rejected.
        Raises: what `start` raises; StreamLost; RunNotFound: a queued input was given up; after the run, the first
        exception of a callback.
        """
        accepted = await self.start(given, delivery=delivery, key=key)
        run = await self.run_of(accepted)
        if not callbacks and permission_timeout is None:
            return await self.result(run, after=accepted.seq - 1)
        listener = Listener(self, callbacks, patience=permission_timeout, default=permission_default)
        last, steps = await listener.follow(run, accepted.seq - 1)
        return result_of(self.id, last, steps, await self.messages(before=last.seq + 1))

    async def run_command(self, name: str, args: str = "", *, key: str | None = None) -> str:
        """Run a command of the agent's own, and wait for the text that its run ends with. Raises: CommandNotFound; what
        `start` raises; whatever else the run failed of."""
        accepted = await self.start_command(name, args, key=key)
        result = await self.result(await self.run_of(accepted), after=accepted.seq - 1)
        if result.error is not UNSET:
            raise error_from(result.error.code, result.error.message)
        return result.text

    async def queued(self) -> tuple[Queued, ...]:
        """The inputs that wait, in their order."""
        return msgspec.json.decode(await self._get("/queue"), type=Queue).queue

    async def stream(
        self, given: Input, *, delivery: Delivery = "prompt", key: str | None = None
    ) -> AsyncGenerator[Event]:
        """Hand over input and yield what happens from there to the end of its run. Leaving early stops nothing."""
        accepted = await self.start(given, delivery=delivery, key=key)
        async with aclosing(self.events_of(accepted)) as events:
            async for event in events:
                yield event

    async def events_of(self, accepted: Accepted) -> AsyncGenerator[Event]:
        """What happens from an accepted input to the end of its run, and before that, if it was queued, whatever else
        happens. Raises: RunNotFound: it was given up."""
        run, waiting = accepted.run, Waiting(accepted)
        async with aclosing(self.events(after=accepted.seq - 1)) as events:
            async for event in events:
                yield event
                run = waiting.run_after(event) if run is UNSET else run
                if run is not UNSET and ends(event, run):
                    return

    async def result(self, run: RunId, *, after: Seq = 0) -> SendResult:
        """Wait for the end of a run that ends after the cursor `after`; without it, the log is read from its start."""
        steps: list[StepFinish] = []
        last: Event | None = None
        async with aclosing(self.events(after=after, types=(*RUN_ENDS, "step-finish"))) as events:
            async for event in events:
                if event.run != run:
                    continue
                if isinstance(event.body, StepFinish):
                    steps.append(event.body)
                elif ends(event, run):
                    last = event
                    break
        if last is None:
            raise RunNotFound(f"the log ended without an end of run {run}", run=run)
        return result_of(self.id, last, steps, await self.messages(before=last.seq + 1))

    async def wait_idle(self) -> SessionInfo:
        """Wait until no run is open, none is about to start from the queue, and the session is neither starting nor
        waking."""
        while True:
            info = await self.info()
            if is_idle(info):
                return info
            async with aclosing(self.events(after=info.seq, types=MOVES)) as events:
                async for _ in events:
                    break

    # --- steering ---

    async def abort(self, *, reason: str = "requested", wait: bool = True) -> Accepted:
        """Stop the open run; returns when the session is idle, or with `wait=False` once that is recorded. Without a
        run it does nothing."""
        return await self._stop("/abort", Abort(reason=reason), wait=wait)

    async def pause(self, *, wait: bool = True) -> Accepted:
        """Put to sleep; an open run is aborted first. Returns when the session sleeps, or with `wait=False` once that
        is recorded."""
        return await self._stop("/pause", None, wait=wait)

    async def update(
        self,
        *,
        label: str | None = None,
        tags: Sequence[str] | None = None,
        add_tags: Sequence[str] = (),
        remove_tags: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        visibility: Literal["private", "organization", "collaborate"] | None = None,
        hidden: bool | None = None,
        kit: KitChange | Mapping[str, Any] | None = None,
        loop: ChangeLoop | Mapping[str, Any] | None = None,
    ) -> SessionInfo:
        """Change what is given. `tags` are all of them; `add_tags`, `remove_tags` change single ones, whoever changes
        others at the same time. `metadata` merges key by key; `hidden` takes the session off default lists; `kit`:
        `default_agent`, `enabled_agents`, `skills`, each replaced as a whole, and given to the agent when it starts
        next; `loop`: `action`, and its `loop`, as `start_loop` and its like do alone: all of it happens, or nothing.
        Raises: InvalidBody, BodyTooLarge: past a limit; Forbidden: only its owner changes the visibility;
        SessionClosed; LoopNotFound, LoopEnded, LoopRunning."""
        body = Update(
            label=or_absent(label),
            tags=UNSET if tags is None else tuple(tags),
            add_tags=tuple(add_tags),
            remove_tags=tuple(remove_tags),
            metadata=UNSET if metadata is None else dict(metadata),
            visibility=or_absent(visibility),
            hidden=or_absent(hidden),
            kit=UNSET if kit is None else as_struct(kit, KitChange),
            loop=UNSET if loop is None else as_struct(loop, ChangeLoop),
        )
        answer = await self._wire.request("PATCH", self._path, body=body, key=new_key())
        return msgspec.json.decode(answer, type=SessionInfo)

    async def end(self, *, force: bool = False) -> Ended:
        """Destroy the workspace that Roost made and close the session, for good: what runs is stopped; messages,
        metrics and artifacts can still be read. Repeat is success. Raises: WorkspaceDirty: without `force`, when work
        would be lost; Forbidden: not its owner."""
        answer = await self._wire.request(
            "POST", f"{self._path}/end", body=End(force=force), key=new_key(), seconds=STOP_SECONDS
        )
        return msgspec.json.decode(answer, type=Ended)

    async def delete(self, *, force: bool = False) -> Deleted:
        """Remove the log and the folders that Roost made. Raises: WorkspaceDirty: without `force`, when work would be
        lost."""
        params = {"force": True} if force else None
        answer = await self._wire.request("DELETE", self._path, params=params, seconds=STOP_SECONDS)
        return msgspec.json.decode(answer, type=Deleted)

    # --- deciding ---

    async def pending_permissions(self) -> tuple[Pending, ...]:
        """Permissions that wait for someone."""
        return tuple(entry for entry in await self.pending() if isinstance(entry.asked, PermissionAsked))

    async def loop(self) -> LoopState:
        """How its loop stands. Raises: LoopNotFound."""
        return msgspec.json.decode(await self._get("/loop"), type=LoopState)

    async def config(self) -> SessionConfig:
        """Policy, what "always" has granted, timeouts, model and options."""
        return msgspec.json.decode(await self._get("/config"), type=SessionConfig)

    async def configure(
        self,
        *,
        model: str | None = None,
        mode: str | None = None,
        options: Mapping[str, Any] | None = None,
        timeouts: TimeoutsRequest | Mapping[str, float | str] | None = None,
        policy: PolicyRequest | Mapping[str, Any] | None = None,
        granted: Sequence[Rule] | None = None,
        add_rules: Sequence[Rule] = (),
        remove_rules: Sequence[Rule] = (),
        grant: Sequence[Rule] = (),
        revoke: Sequence[Rule] = (),
        expect: str | None = None,
    ) -> SessionConfig:
        """Change what is given. `timeouts` and `options` merge; `policy` and `granted` are given as a whole: a rule
        left out of `granted` is taken back. `add_rules`, `remove_rules`, `grant` and `revoke` change single rules,
        whoever changes others at the same time. `expect`: the `version` of the configuration that this is meant for.
        Raises: ConfigConflict: it has another one by now; SessionArchived, SessionClosed, InvalidBody."""
        body = Configure(
            model=or_absent(model),
            mode=or_absent(mode),
            options=UNSET if options is None else dict(options),
            timeouts=UNSET if timeouts is None else as_struct(timeouts, TimeoutsRequest),
            policy=UNSET if policy is None else as_struct(policy, PolicyRequest),
            granted=UNSET if granted is None else _rules(granted),
            add_rules=_rules(add_rules),
            remove_rules=_rules(remove_rules),
            grant=_rules(grant),
            revoke=_rules(revoke),
            expect=or_absent(expect),
        )
        answer = await self._wire.request("PATCH", f"{self._path}/config", body=body, key=new_key())
        return msgspec.json.decode(answer, type=SessionConfig)

    # --- the wire ---

    async def _get(self, path: str = "", **params: int | None) -> bytes:
        return await self._wire.request("GET", self._path + path, params=params)

    async def _command(self, command: AnyCommand, key: str | None = None) -> Accepted:
        method, path, body = route_of(command)
        seconds = STOP_SECONDS if isinstance(command, Archive) else REQUEST_SECONDS
        answer = await self._wire.request(method, self._path + path, body=body, key=key or new_key(), seconds=seconds)
        return msgspec.json.decode(answer, type=Accepted)

    async def _stop(self, path: str, body: Struct | None, *, wait: bool) -> Accepted:
        params = None if wait else {"wait": False}
        answer = await self._wire.request(
            "POST", self._path + path, params=params, body=body, key=new_key(), seconds=STOP_SECONDS
        )
        return msgspec.json.decode(answer, type=Accepted)

    async def run_of(self, accepted: Accepted) -> RunId:
        """The run that this input made; a queued one is waited for. Raises: RunNotFound: it was given up."""
        run, waiting = accepted.run, Waiting(accepted)
        async with aclosing(self.events(after=accepted.seq - 1, types=Waiting.TYPES)) as events:
            while run is UNSET:
                run = waiting.run_after(await anext(events))
        return run


def _rules(given: Sequence[Rule]) -> tuple[RuleRequest, ...]:
    return tuple(as_struct(rule, RuleRequest) for rule in given)
