"""Made from roost/client/session.py (make docs): do not edit.

The session handle: an id and a connection. All state is at the hub, so any number of handles agree.
"""

from collections.abc import Collection, Generator, Mapping, Sequence
from typing import Any, Literal, Unpack, cast

from roost.client.answers import EventPage, SendResult
from roost.client.callbacks import Callbacks, PermissionReply
from roost.client.commanding import Delivery, Input
from roost.client.session import AsyncSession
from roost.client.stream import Until
from roost.client.sync.bundles import Exporting
from roost.client.sync.commanding import Commanding
from roost.client.sync.knowing import Knowing
from roost.client.sync.portal import OnLink, callbacks_in_caller, on_link_in_caller
from roost.client.sync.socket import Connecting
from roost.client.sync.terminal import AtScreen
from roost.client.sync.workspace import Workspace
from roost.model.commands import ChangeLoop, KitChange, PolicyRequest, TimeoutsRequest
from roost.model.envelope import Event
from roost.model.events import Rule
from roost.model.ids import RunId, Seq, SessionId
from roost.model.info import Accepted, Deleted, Ended, SessionConfig, SessionInfo
from roost.model.loops import LoopState
from roost.model.messages import Message
from roost.model.record import Pending, Queued
from roost.model.snapshot import Snapshot


class Session(Commanding, Connecting, AtScreen, Workspace, Knowing, Exporting):
    """One session of a hub. Making one asks nothing; a wrong id shows at the first call.

    Every method may raise SessionNotFound, HubUnreachable, Unauthorized, and what its own words name.
    """

    @property
    def _async(self) -> AsyncSession:
        return cast(AsyncSession, self._twin)

    @property
    def id(self) -> SessionId:
        return self._async.id

    def info(self) -> SessionInfo:
        return self._portal.call(self._async.info)

    def snapshot(self) -> Snapshot:
        """Record, open run, pending decisions and the last messages, as of one `seq`; `events(after=seq)` goes on."""
        return self._portal.call(self._async.snapshot)

    def messages(self, *, before: Seq | None = None, limit: int = 50) -> tuple[Message, ...]:
        """The last `limit` (at most 500) messages that began before the seq `before`, oldest first."""
        return self._portal.call(self._async.messages, before=before, limit=limit)

    def pending(self) -> tuple[Pending, ...]:
        """Permissions and questions that wait for someone."""
        return self._portal.call(self._async.pending)

    def read(self, *, after: Seq = 0, limit: int = 500) -> EventPage:
        """One page of at most `limit` (5000) events after a cursor, without waiting for more.

        Raises: CursorAhead, CursorTrimmed."""
        return self._portal.call(self._async.read, after=after, limit=limit)

    def events(
        self,
        *,
        after: Seq = 0,
        until: Until | None = None,
        types: Collection[str] | None = None,
        reconnect_seconds: float | None = None,
        on_link: OnLink | None = None,
    ) -> Generator[Event]:
        """Every event after `after`, once and in order: those there are, then each as it happens. Over lost connections
        and hub restarts, up to and with the first that `until` means, or until the session is ended or deleted.

        `types`: only these; the others are skipped. `on_link` is told of each connection: when it stands (True), and
        when it is lost. Leave the loop early? Close it: `contextlib.closing`.
        Raises: StreamLost: no hub for `reconnect_seconds` (default: the client's); CursorAhead, CursorTrimmed;
        SequenceBroken: the hub left an event out or repeated one.
        """
        return self._portal.iterate(
            self._async.events(
                after=after,
                until=until,
                types=types,
                reconnect_seconds=reconnect_seconds,
                on_link=on_link_in_caller(on_link),
            )
        )

    def send(
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
        return self._portal.call(
            self._async.send,
            given,
            delivery=delivery,
            key=key,
            permission_timeout=permission_timeout,
            permission_default=permission_default,
            **callbacks_in_caller(callbacks),
        )

    def run_command(self, name: str, args: str = "", *, key: str | None = None) -> str:
        """Run a command of the agent's own, and wait for the text that its run ends with. Raises: CommandNotFound; what
        `start` raises; whatever else the run failed of."""
        return self._portal.call(self._async.run_command, name, args, key=key)

    def queued(self) -> tuple[Queued, ...]:
        """The inputs that wait, in their order."""
        return self._portal.call(self._async.queued)

    def stream(self, given: Input, *, delivery: Delivery = "prompt", key: str | None = None) -> Generator[Event]:
        """Hand over input and yield what happens from there to the end of its run. Leaving early stops nothing."""
        return self._portal.iterate(self._async.stream(given, delivery=delivery, key=key))

    def events_of(self, accepted: Accepted) -> Generator[Event]:
        """What happens from an accepted input to the end of its run, and before that, if it was queued, whatever else
        happens. Raises: RunNotFound: it was given up."""
        return self._portal.iterate(self._async.events_of(accepted))

    def result(self, run: RunId, *, after: Seq = 0) -> SendResult:
        """Wait for the end of a run that ends after the cursor `after`; without it, the log is read from its start."""
        return self._portal.call(self._async.result, run, after=after)

    def wait_idle(self) -> SessionInfo:
        """Wait until no run is open, none is about to start from the queue, and the session is neither starting nor
        waking."""
        return self._portal.call(self._async.wait_idle)

    def abort(self, *, reason: str = "requested", wait: bool = True) -> Accepted:
        """Stop the open run; returns when the session is idle, or with `wait=False` once that is recorded. Without a
        run it does nothing."""
        return self._portal.call(self._async.abort, reason=reason, wait=wait)

    def pause(self, *, wait: bool = True) -> Accepted:
        """Put to sleep; an open run is aborted first. Returns when the session sleeps, or with `wait=False` once that
        is recorded."""
        return self._portal.call(self._async.pause, wait=wait)

    def update(
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
        return self._portal.call(
            self._async.update,
            label=label,
            tags=tags,
            add_tags=add_tags,
            remove_tags=remove_tags,
            metadata=metadata,
            visibility=visibility,
            hidden=hidden,
            kit=kit,
            loop=loop,
        )

    def end(self, *, force: bool = False) -> Ended:
        """Destroy the workspace that Roost made and close the session, for good: what runs is stopped; messages,
        metrics and artifacts can still be read. Repeat is success. Raises: WorkspaceDirty: without `force`, when work
        would be lost; Forbidden: not its owner."""
        return self._portal.call(self._async.end, force=force)

    def delete(self, *, force: bool = False) -> Deleted:
        """Remove the log and the folders that Roost made. Raises: WorkspaceDirty: without `force`, when work would be
        lost."""
        return self._portal.call(self._async.delete, force=force)

    def pending_permissions(self) -> tuple[Pending, ...]:
        """Permissions that wait for someone."""
        return self._portal.call(self._async.pending_permissions)

    def loop(self) -> LoopState:
        """How its loop stands. Raises: LoopNotFound."""
        return self._portal.call(self._async.loop)

    def config(self) -> SessionConfig:
        """Policy, what "always" has granted, timeouts, model and options."""
        return self._portal.call(self._async.config)

    def configure(
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
        return self._portal.call(
            self._async.configure,
            model=model,
            mode=mode,
            options=options,
            timeouts=timeouts,
            policy=policy,
            granted=granted,
            add_rules=add_rules,
            remove_rules=remove_rules,
            grant=grant,
            revoke=revoke,
            expect=expect,
        )

    def run_of(self, accepted: Accepted) -> RunId:
        """The run that this input made; a queued one is waited for. Raises: RunNotFound: it was given up."""
        return self._portal.call(self._async.run_of, accepted)
