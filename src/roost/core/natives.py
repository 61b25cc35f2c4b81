"""Sessions that agents have had by themselves: which there are on this machine, and bringing them in (ADR 0024).

They are files of the user that the hub runs as, so they are shown to those who may decide for the whole hub.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

import anyio
import structlog
from anyio import to_thread
from msgspec import UNSET
from msgspec.structs import replace

from roost.core.arriving import Arriving
from roost.core.blobs import stored, stored_file
from roost.core.decision import HUB
from roost.core.founding import LABEL_CHARS
from roost.core.ground import Ground
from roost.core.keys import Keyring
from roost.model import events as e
from roost.model.commands import WorkspaceRequest
from roost.model.envelope import Draft, committed, draft
from roost.model.errors import AgentUnknown, InvalidBody, InvalidRequest, NativeNotFound, RoostError, SessionExists
from roost.model.ids import SessionId, new_session_id
from roost.model.lifecycle import Phase
from roost.model.natives import ImportNative, NativeInfo, NativeList
from roost.model.snapshot import Fold
from roost.model.stored import Append, SessionQuery
from roost.natives.history.carrying import carry
from roost.natives.history.reading import AGENTS, Look, history, look
from roost.natives.places import Homes, NativeSession, homes_of, sessions_of
from roost.ports import Workspaces

PAGE_SESSIONS: Final = 500
PAGE_EVENTS: Final = 500
PAGE_BYTES: Final = 4 * 1024 * 1024
"""Of a history, in one commit: whichever is reached first."""
SHOWN_CHARS: Final = 200
"""Of a first prompt, in a list."""
INLINE_BYTES: Final = 1024
"""A longer picture of a prompt or an answer becomes a blob."""
KNOWN: Final = 2000
"""Sessions whose beginnings are remembered, so that lists look into those that have changed alone."""
BROKEN: Final = (OSError, sqlite3.Error)
"""What reading raises of a record that is gone, or is something else."""

_log = structlog.get_logger("roost.natives")


class Natives:
    """`homes`: where the agent of this name keeps its records."""

    def __init__(
        self,
        ground: Ground,
        arriving: Arriving,
        keys: Keyring,
        workspaces: Workspaces,
        homes: Callable[[str], Homes],
    ) -> None:
        self._ground, self._arriving, self._keys = ground, arriving, keys
        self._workspaces, self._homes = workspaces, homes
        self._look = lru_cache(KNOWN)(look)
        self._importing = anyio.Lock()

    # --- which there are ----------------------------------------------------------------------------------------------

    async def list(self, by: e.Principal, *, agent: str | None, folder: str | None, limit: int) -> NativeList:
        """The last changed first; of one agent, or that began in one folder.

        Raises: Forbidden: not an admin of the whole hub; AgentUnknown: no records of it can be read; InvalidRequest."""
        self._keys.check_hub(by)
        if folder is not None and not Path(folder).is_absolute():
            raise InvalidRequest(f"folder: {folder[:200]!r} is not an absolute path of the hub's machine")
        agents = list(AGENTS) if agent is None else [_readable(agent)]
        found = await to_thread.run_sync(self._find, agents, folder)
        here = {name: await self._here(name) for name in {session.agent for session in found[:limit]}}
        shown = await to_thread.run_sync(lambda: [self._info(session) for session in found[:limit]])
        told = [replace(info, session=here[info.agent].get(info.id, UNSET)) for info in shown]
        return NativeList(natives=told, total=len(found))

    def _find(self, agents: Sequence[str], folder: str | None) -> Sequence[NativeSession]:
        """Blocks."""
        where = None if folder is None else Path(folder)
        found = [session for agent in agents for session in sessions_of(agent, self._homes(agent), where)]
        return sorted(found, key=lambda session: (-session.changed_at, session.agent, session.id))

    def _info(self, native: NativeSession) -> NativeInfo:
        """Blocks. Of a record that cannot be read there is nothing more to say."""
        try:
            found = self._look(native)
        except BROKEN:
            found = Look()
        return NativeInfo(
            agent=native.agent,
            id=native.id,
            changed_at=native.changed_at,
            folder=native.folder or UNSET,
            title=found.title[:SHOWN_CHARS] or UNSET,
            prompt=found.prompt[:SHOWN_CHARS] or UNSET,
            began_at=found.began_at,
            messages=found.messages,
            bytes=native.size_bytes or UNSET,
        )

    async def _here(self, agent: str) -> dict[str, SessionId]:
        """The sessions of this hub that go on with one of the agent's own, or were imported from one, by its id."""
        known: dict[str, SessionId] = {}
        query = SessionQuery(agent=agent, include_hidden=True, limit=PAGE_SESSIONS)
        while rows := (await self._ground.store.list(query)).rows:
            for record in (row.record for row in rows):
                if record.origin is not UNSET:
                    known[record.origin.id] = record.session
                if isinstance(name := record.agent_state.get("session"), str):
                    known.setdefault(name, record.session)
            query = replace(query, offset=query.offset + PAGE_SESSIONS)
        return known

    # --- bringing one in ----------------------------------------------------------------------------------------------

    async def take(self, wanted: ImportNative, by: e.Principal) -> SessionId:
        """A new session with its history, asleep: its next prompt goes on with what the agent itself remembers. It
        belongs to `by`, and is private. All of it, or nothing.

        Raises: Forbidden: not an admin of the whole hub; AgentUnknown, NativeNotFound; WorkspaceInvalid: its folder is
        not there any more; SessionExists (details `session`): it is here already; StorageFull.
        """
        self._keys.check_hub(by)
        async with self._importing:
            native = await to_thread.run_sync(self._one, _readable(wanted.agent), wanted.id)
            here = (await self._here(wanted.agent)).get(wanted.id)
            if here is not None and not wanted.again:
                told = f"{wanted.agent}'s session {wanted.id} is here as {here}; `again` (--again) imports it once more"
                raise SessionExists(told, session=here)
            session, folder = new_session_id(), native.folder if wanted.folder is UNSET else wanted.folder
            request = WorkspaceRequest(kind="folder", path=folder or UNSET)
            spec = await to_thread.run_sync(self._workspaces.resolve, session, request)
            try:
                begun = await to_thread.run_sync(self._begin, native, session, spec, by)
                async with self._arriving.coming(session):
                    await self._write(native, session, begun)
                    await to_thread.run_sync(self._carry, native, session)
            except BROKEN as error:
                raise _missing(native.agent, native.id, f"its record cannot be read: {error}") from None
        self._ground.bell.ring("feed")
        return session

    def _one(self, agent: str, name: str) -> NativeSession:
        """Blocks. Raises: NativeNotFound."""
        found = (session for session in sessions_of(agent, self._homes(agent)) if session.id == name)
        native = next(found, None)
        if native is None:
            raise _missing(agent, name, "there is none")
        return native

    def _begin(
        self, native: NativeSession, session: SessionId, spec: e.WorkspaceSpec, by: e.Principal
    ) -> Sequence[Draft]:
        """What the log begins with. Blocks."""
        found = self._look(native)
        line = " ".join((found.title or found.prompt).split()) or f"{native.agent} {native.id}"
        created = e.SessionCreated(
            session=session,
            label=line if len(line) <= LABEL_CHARS else line[: LABEL_CHARS - 1].rstrip() + "…",
            agent=native.agent,
            workspace=spec,
            owner=by,
            task=found.prompt or UNSET,
        )
        origin = e.Origin(agent=native.agent, id=native.id, changed_at=native.changed_at)
        return [draft(created, by=by), draft(e.SessionImported(origin=origin), by=by)]

    async def _write(self, native: NativeSession, session: SessionId, begun: Sequence[Draft]) -> None:
        """The row is as it will be, and on no list, until all is there."""
        fold, at = Fold.empty(), self._ground.clock.now_ms()
        drafts = _applied(fold, begun, at)
        first = replace(fold.record, phase=Phase.PAUSED, hidden=True)
        await self._ground.store.create(Append(session=session, drafts=drafts, at=at, record=first))
        teller, told = history(native)
        while page := await to_thread.run_sync(_page, told):
            whole = [await self._settled(each, session) for each in page]
            drafts = await to_thread.run_sync(_applied, fold, whole, at)
            append = Append(session=session, drafts=drafts, at=at, messages=fold.take_finished())
            await self._arriving.append([append])
        state = {"session": native.id} | ({"cost": teller.telling.cost} if teller.telling.cost else {})
        last = [draft(e.AgentState(state=state)), draft(e.SessionPaused(reason="imported"), by=HUB)]
        drafts = _applied(fold, last, at)
        end = Append(session=session, drafts=drafts, at=at, record=fold.record, messages=fold.take_finished())
        await self._arriving.append([end])

    def _carry(self, native: NativeSession, session: SessionId) -> None:
        """Into the home that the agent has if it is enclosed, where it finds no other records; without them it is told
        what our log holds. Blocks."""
        own = self._arriving.place.parent / "sandboxes" / session / "home"
        try:
            carry(native, self._homes(native.agent).user, own)
        except BROKEN as error:
            _log.warning("the agent's record is not carried along", session=session, detail=str(error))
            shutil.rmtree(own.parent, ignore_errors=True)

    async def _settled(self, told: Draft, session: SessionId) -> Draft:
        """The same with its pictures as blobs of the session. What is no picture after all is kept as it is."""
        body = told.body
        try:
            if isinstance(body, e.RunStart) and any(isinstance(part, e.FileInput) for part in body.input):
                parts = await stored(self._arriving.blobs, body.input, session, inline_bytes=INLINE_BYTES)
                return draft(replace(body, input=parts), run=told.run)
            if isinstance(body, e.Attachment) and body.url is not UNSET and len(body.url) > INLINE_BYTES:
                blob = await stored_file(self._arriving.blobs, body.url, body.mime, session)
                return draft(replace(body, url=UNSET, blob=blob), run=told.run)
        except InvalidBody as error:
            return _without_files(told, error.message)
        return told


def _page(told: Iterator[Draft]) -> list[Draft]:
    """The next ones; none: there are no more. Blocks."""
    page, size = list[Draft](), 0
    for each in told:
        page.append(each)
        size += len(each.raw)
        if len(page) >= PAGE_EVENTS or size >= PAGE_BYTES:
            break
    return page


def own_homes(_agent: str) -> Homes:
    """Of agents whose environment is that of this process."""
    return homes_of({})


def _without_files(told: Draft, reason: str) -> Draft:
    body = told.body
    if not isinstance(body, e.RunStart):
        return draft(e.Native(reason=reason, source="import"), run=told.run)
    words = tuple(part for part in body.input if isinstance(part, e.TextInput))
    return draft(replace(body, input=words), run=told.run)


def _applied(fold: Fold, drafts: Sequence[Draft], at: int) -> list[Draft]:
    """The drafts as they are stored. One that cannot follow is kept as `native`."""
    kept: list[Draft] = []
    for each in drafts:
        try:
            fold.apply(committed(each, seq=fold.seq + 1, at=at))
        except RoostError as error:
            each = draft(e.Native(raw=each.raw.decode(errors="replace")[:1024], reason=error.message, source="import"))
            fold.apply(committed(each, seq=fold.seq + 1, at=at))
        kept.append(each)
    return kept


def _readable(agent: str) -> str:
    """Raises: AgentUnknown."""
    if agent not in AGENTS:
        known = sorted(AGENTS)
        raise AgentUnknown(f"no records of {agent!r} can be read; of these they can: {', '.join(known)}", known=known)
    return agent


def _missing(agent: str, name: str, why: str) -> NativeNotFound:
    return NativeNotFound(f"{agent} has no session {name[:100]!r} of its own: {why}", agent=agent, id=name)
