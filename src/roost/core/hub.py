"""The hub: all sessions, who may see them, and taking them up again after a crash."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

import anyio
import msgspec
import structlog
from anyio import to_thread
from anyio.abc import TaskGroup
from msgspec import UNSET, UnsetType

from roost.core.activities import Wanted, narrowed
from roost.core.backups import Backups
from roost.core.blobs import Blobs
from roost.core.building import Building
from roost.core.bundles import Bundles
from roost.core.claims import Claim, claim_for
from roost.core.dismantling import Dismantling
from roost.core.due import Times
from roost.core.enclosing import UNENCLOSED, Enclosing
from roost.core.ending import Ending
from roost.core.feed import Feed
from roost.core.forging import Forging
from roost.core.founding import chosen_agent, first_events, in_repository, secrets_apart, with_others
from roost.core.hostlink import Receive, Send
from roost.core.hosts import Hosts
from roost.core.keys import Keyring
from roost.core.kits import places_of
from roost.core.knowing import Knowing
from roost.core.leads import Leads
from roost.core.library import Library
from roost.core.limits import Limits, check_about
from roost.core.log import Log
from roost.core.measures import Measures
from roost.core.natives import Natives, own_homes
from roost.core.presence import Presence, lead_of
from roost.core.reach import Reach
from roost.core.session import Ground, Session
from roost.core.shelf import Shelf
from roost.core.spools import Spools
from roost.core.steps import in_steps
from roost.core.terminals import Terminals
from roost.core.timers import Timers
from roost.core.workspace import Workspace
from roost.model import access
from roost.model import commands as c
from roost.model import events as e
from roost.model.agents import Agent
from roost.model.errors import Forbidden, HubStopping, RoostError, SessionNotFound, StateConflict, WorkspaceDirty
from roost.model.ids import SessionId, full_id, new_session_id
from roost.model.info import (
    Accepted,
    Deleted,
    OpenRequest,
    Participant,
    SessionCounts,
    SessionInfo,
    SessionList,
    counts_of,
    info_of,
)  # fmt: skip
from roost.model.lifecycle import Phase
from roost.model.record import Record
from roost.model.stored import SessionPage, SessionQuery
from roost.natives.places import Homes
from roost.ports import Bell, Clock, Forge, Preparer, Runtime, Store, Workspaces
from roost.settings import Settings

_LIVE: Final = frozenset((Phase.CREATING.value, Phase.ACTIVE.value, Phase.RESUMING.value))

_log = structlog.get_logger("roost.hub")


class Hub:
    """Made by `wiring.hub_from`; lives inside a task group that outlives every request."""

    homes: Callable[[str], Homes] = staticmethod(own_homes)  # where the agent of a name keeps records; set by wiring

    def __init__(
        self,
        settings: Settings,
        *,
        store: Store,
        bell: Bell,
        clock: Clock,
        runtime: Runtime,
        workspaces: Workspaces,
        preparer: Preparer,
        agents: Mapping[str, Sequence[str]],
        survey: Callable[[], Sequence[Agent]] = tuple,
        tasks: TaskGroup,
        forge: Forge | None = None,
        enclosing: Enclosing = UNENCLOSED,
    ) -> None:
        """`survey`: looks what there is of each agent on this machine; it blocks."""
        self.settings, self.ready, self.stopping, self.survey = settings, False, anyio.Event(), survey
        self.log, self.enclosing = Log(store, bell), enclosing
        self._store, self._bell, self._clock, self._runtime, self._workspaces = store, bell, clock, runtime, workspaces
        self.agents, self._tasks = dict(agents), tasks
        self._blobs = Blobs(Path(settings.data) / "blobs")
        self.shelf = Shelf(self._blobs, self.log, self.find)
        self.presence = here = Presence(clock)
        take_in, attended = self.shelf.take_in, here.attended
        self._ground = Ground(store, self.log, bell, clock, settings, self._blobs, take_in, attended, self.enclosing)
        self._spools = Spools(Path(settings.data), runtime.alive)
        self._timers = Timers(clock, Times(idle=settings.idle_seconds, parked=settings.parked_seconds))
        self._hosts = Hosts(self._ground, runtime, self._spools, self._timers, settings, tasks)
        reach = Reach(self._ground, self._hosts, self._timers, settings)
        self.workspace, self.terminals = Workspace(reach, settings), Terminals(reach)
        self.library = Library(store, clock, preparer, Path(settings.data), tasks)
        self.forging, self.knowing = Forging(forge), Knowing(store, runtime, Path(settings.data))
        self.limits = Limits(max_streams=settings.max_streams, rate=settings.rate_per_second)
        self.keys = Keyring(store, clock, self.presence.end_key)
        self.ending, self.feed = Ending(self._hosts, self.keys, bell), Feed(store, bell, self._known_record)
        self.bundles = Bundles(self._ground, self._blobs, self.workspace, self.keys, settings)
        self.backups = Backups(store, clock, self.keys, Path(settings.data))
        self.measures = Measures(store, self.feed, self._hosts, self.presence, self.log.appends)
        self._known, self._loading = WeakValueDictionary[SessionId, Session](), anyio.Lock()

    @property
    def tasks(self) -> TaskGroup:
        """Where work goes on that outlives the request that began it. What fails there ends the hub: catch it."""
        return self._tasks

    @cached_property
    def leads(self) -> Leads:
        """Agents that come by themselves."""
        return Leads(self._hosts, self._session_of_host)

    @cached_property
    def dismantling(self) -> Dismantling:
        """Sessions are ended here."""
        return Dismantling(self._hosts, self._workspaces)

    @cached_property
    def natives(self) -> Natives:
        """Sessions that agents on this machine have had by themselves."""
        return Natives(self._ground, self.bundles.arriving, self.keys, self._workspaces, self.homes)

    @cached_property
    def building(self) -> Building:
        """Sessions whose agent builds a persona."""
        return Building(self.library, self.shelf, self.find, self._clock, self._tasks)

    def now_ms(self) -> int:
        return self._clock.now_ms()

    # --- from start to stop -------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Take up every session where it was. Returns when requests can be answered."""
        self._hosts.shown_to, self._hosts.published = self._shown_to, self.building.touch
        await self.keys.open(Path(self.settings.data) / "api_key")
        await self._blobs.tidy()
        await self.shelf.tidy()
        await self.bundles.tidy()
        self.backups.tidy()
        page = await self._store.list(SessionQuery(phases=_LIVE, include_hidden=True))
        for row in page.rows:
            session = await self._session(row.record.session)
            await self._spools.adopt(session)
            self._tasks.start_soon(self._take_up, session)
        live = {row.record.session: row.record.epoch for row in page.rows}
        await self._runtime.clear(live)
        self._spools.set_aside_old(live)
        await self.library.preparing.open()
        self._tasks.start_soon(self._timers.run)
        self.ready = True
        _log.info("ready", sessions=len(page.rows))

    async def _take_up(self, session: Session) -> None:
        """A session that was live when the last hub went: wait for its host, or start what was never started."""
        self.leads.take_up(session)
        self.building.touch(session)
        await session.settle()
        if session.linked:
            return
        starting = session.record_now.phase in (Phase.CREATING, Phase.RESUMING)
        if starting and not await self._runtime.alive(session.id, session.epoch):
            await self._hosts.start(session)
        elif starting:
            await self._hosts.await_hello(session, session.epoch)
        else:
            await self._hosts.miss(session, session.epoch)

    def stop(self) -> None:
        """Streams end and links close; hosts go on and find the next hub."""
        self.ready = False
        self.stopping.set()
        self._hosts.close()

    # --- sessions -----------------------------------------------------------------------------------------------------

    async def authenticate(self, key: str | None) -> e.Principal:
        """Raises: Unauthorized."""
        return self.keys.authenticate(key)

    async def create_session(
        self, command: c.CreateSession, by: e.Principal, key: str | None = None, *, kit: e.Kit | None = None
    ) -> Session:
        """A new session, readable at once; its host starts in the background. `kit`: in place of the one that the
        library makes of what the command asks for.

        Raises: AgentNotConfigured, AgentUnknown, WorkspaceInvalid, PathOutside, BlobNotFound, InvalidBody,
        BodyTooLarge, IdempotencyMismatch; what `Library.kit` raises.
        """
        self._must_run()
        check_about(command)
        claim = claim_for(by, key, command)
        while True:
            repeated = await self._claimed(claim)
            if repeated is not None:
                return await self.find(repeated.session, by)
            try:
                return await self._create(command, kit, by, claim)
            except StateConflict:
                continue

    async def _create(
        self, command: c.CreateSession, kit: e.Kit | None, by: e.Principal, claim: Claim | None
    ) -> Session:
        session_id, places = new_session_id(), places_of(command.files)
        kit = await self.library.kit(command.kit, by) if kit is None else kit
        command = secrets_apart(in_repository(command, kit))
        spec = await to_thread.run_sync(self._workspaces.resolve, session_id, command.workspace, places)
        spec = await self.library.preparing.begun(with_others(spec, kit), kit)
        session = Session.fresh(self._ground, self._hosts, session_id)
        agent = chosen_agent(command, self.settings.agent, self.agents)
        await self.enclosing.check(command)
        async with self.shelf.given(command, session_id, by) as (taken, files):
            kit = msgspec.structs.replace(kit, files=files)
            drafts = first_events(session_id, taken, kit, spec, agent, by)
            self._known[session_id] = session
            with anyio.CancelScope(shield=True):
                await session.found(drafts, command.env, claim)
        if command.mode == "sandbox":
            self._tasks.start_soon(self._hosts.start, session)
        return session

    async def find(self, session: str, by: e.Principal) -> Session:
        """By full or short id. Raises: SessionNotFound, also for what this principal may not see."""
        found = await self._session(full_id(session))
        if not may_see(found.record_now, by):
            raise SessionNotFound
        return found

    async def admit(self, session: str, by: e.Principal, *, act: bool) -> Session:
        """The one gate to a session, before every route and stream: whether this principal may see it, and may act.

        Raises: SessionNotFound, also for what may not be seen; Forbidden: it may be watched alone.
        """
        found = await self.find(session, by)
        if act:
            self.keys.check(by, "controller")
            if not access.may_act(found.record_now.visibility, found.record_now.owner, by):
                raise Forbidden("This session may be watched, not acted in: it is another user's.")
        return found

    async def page(self, query: SessionQuery, by: e.Principal) -> SessionPage:
        """Those that match and this principal may see, as they are stored."""
        return await self._store.list(self._seen_by(query, by))

    async def list_sessions(self, query: SessionQuery, by: e.Principal, activity: Wanted = None) -> SessionList:
        page = await self.page(narrowed(query, activity, self._hosts.held.values(), self._ground), by)
        sessions = await in_steps(lambda row: self.info(row.record, row.head, detail=False), page.rows)
        return SessionList(sessions=sessions, total=page.total)

    async def count_sessions(self, query: SessionQuery, by: e.Principal) -> SessionCounts:
        return counts_of(await self._store.counts(self._seen_by(query, by)))

    def _seen_by(self, query: SessionQuery, by: e.Principal) -> SessionQuery:
        fade_ms = int(self.settings.paused_seconds * 1000)
        return msgspec.structs.replace(query, visible_to=by, at=self._clock.now_ms(), fade_ms=fade_ms)

    def participants(self, session: Session, *, disconnected: bool = False) -> list[Participant]:
        """Who is here: the agent, then those who watch or control, in the order in which they came."""
        lead = lead_of(session.record_now, linked=session.linked)
        return [lead, *self.presence.of(session.id, disconnected=disconnected)]

    def role_of(self, session: Session, by: e.Principal) -> str:
        """What a connection of this principal is: whether it may act or only watch."""
        return "controller" if self.may_act(session.record_now, by) else "observer"

    def linked(self, record: Record) -> bool:
        """Whether the link of its host is up."""
        found = self._known.get(record.session)
        return found is not None and found.linked

    def may_act(self, record: Record, by: e.Principal) -> bool:
        """Whether this principal may act in a session that it may see."""
        return access.may_act(record.visibility, record.owner, by) and self.keys.scope_of(by) != "observer"

    async def delete(self, session: str, by: e.Principal, *, force: bool = False, keep: bool = False) -> Deleted:
        """Remove log and folders; with `keep`, a folder with unsaved work stays.

        Raises: SessionNotFound; Forbidden: not its owner; WorkspaceDirty: unsaved work, and neither force nor keep.
        """
        found = await self.admit(session, by, act=True)
        if not access.is_owner(found.record_now.owner, by):
            raise Forbidden("Only its owner may delete a session.")
        spec = found.record_now.workspace
        unsaved = not force and await self._workspaces.dirty(spec)
        if unsaved and not keep:
            raise WorkspaceDirty(path=spec.root)
        kept = spec.root if unsaved else spec.path if spec.kind == "folder" else UNSET
        pos = 0
        with anyio.CancelScope(shield=True):
            async with found.locked():
                at = self._clock.now_ms()
                pos = await self._store.delete(found.id, by=by, at=at, kept=None if kept is UNSET else kept)
                found.deleted = True
            self._hosts.hold(found)
            self._known.pop(found.id, None)
            self.log.forget(found.id)
            self.presence.forget(found.id)
            kept = await self._clear_away(found, spec, keep=unsaved) or kept
        return Deleted(session=found.id, pos=pos, kept=kept)

    async def _clear_away(self, session: Session, spec: e.WorkspaceSpec, *, keep: bool) -> str | UnsetType:
        """End what a deleted session left: its processes, and its folder unless that is to stay. The path of a folder
        that would not go."""
        try:
            await self._blobs.release(session.id)
            await self._hosts.gone(session)
            if not keep:
                await self._workspaces.remove(spec)
            await self._workspaces.forget(session.id)
        except (RoostError, OSError) as error:
            _log.error("folder of a deleted session is left", session=session.id, path=spec.root, detail=str(error))
            return spec.root
        return UNSET

    def info(self, record: Record, seq: int, *, detail: bool = True) -> SessionInfo:
        return info_of(
            record, seq=seq, linked=self.linked(record), detail=detail, now=self._clock.now_ms(),
            paused=self.settings.paused_seconds, ready_ms=self._ground.ready_ms,
        )  # fmt: skip

    def open_requests(self, by: e.Principal) -> list[OpenRequest]:
        """Every open request of the sessions this principal may see, the oldest first: who needs a person."""
        seen = [session for session in self._hosts.held.values() if may_see(session.record_now, by)]
        found = [
            OpenRequest(session=session.id, label=session.record_now.label, request=entry)
            for session in seen
            for entry in session.pending()
        ]
        return sorted(found, key=lambda entry: (entry.request.at, entry.session))

    async def accept_link(self, token: str | None, receive: Receive, send: Send) -> None:
        """A host's connection; returns when it is over."""
        if self.ready:
            await self._hosts.accept(self._session_of_host, token, receive, send)

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _session(self, session: SessionId) -> Session:
        """The one object of this session in this hub. Live sessions are held; others go when nobody uses them."""
        found = self._known.get(session)
        if found is not None and not found.seq:
            async with found.locked():  # it is being founded just now, or that failed
                found = self._known.get(session)
        if found is not None and found.seq and not found.deleted:
            return found
        async with self._loading:
            found = self._known.get(session)
            if found is None or not found.seq or found.deleted:
                self.bundles.arriving.check(session)
                found = await Session.load(self._ground, self._hosts, session)
                self._known[session] = found
        self._hosts.hold(found)
        return found

    async def _session_of_host(self, session: str) -> Session:
        return await self._session(SessionId(session))

    async def _claimed(self, claim: Claim | None) -> Accepted | None:
        if claim is None:
            return None
        found = await self._store.find_claim(claim.principal, claim.key, at=self._clock.now_ms())
        return None if found is None else claim.repeat(found)

    def _known_record(self, session: SessionId) -> Record | None:
        found = self._known.get(session)
        return None if found is None or found.deleted else found.record_now

    def _shown_to(self, session: Session) -> None:
        """Its visibility has changed: whoever may not see it any more is let go."""
        self.presence.end_unseen(session.id, lambda by: may_see(session.record_now, by))

    def _must_run(self) -> None:
        if self.stopping.is_set():
            raise HubStopping


def may_see(record: Record, by: e.Principal) -> bool:
    return access.may_see(record.visibility, record.owner, by)
