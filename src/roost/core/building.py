"""Sessions whose agent builds a persona: how they begin, and carrying out what the agent proposes.

A proposal is an artifact of the type `PROPOSAL_MIME`, published by the agent or made of its `PROPOSAL_FILE` by its
host. It is carried out once it is in the log, in the name of the session's owner, and what became of it is recorded as
a change of the kit. A hub that died in between finds the proposal without an answer and carries it out again, which is
as good as once.
"""

import contextlib
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any, Final

import anyio
import msgspec
import structlog
from anyio.abc import TaskGroup
from msgspec import UNSET, UnsetType
from msgspec.structs import asdict, replace

from roost.core.decision import HUB, Decision
from roost.core.library import Library
from roost.core.library.catalog import PREFIX
from roost.core.session import Session
from roost.core.shelf import Shelf
from roost.model import commands as c
from roost.model import events as e
from roost.model import library as lib
from roost.model.envelope import draft
from roost.model.errors import (
    BodyTooLarge,
    Conflicting,
    IllegalTransition,
    InvalidBody,
    InvalidRequest,
    Missing,
    Refused,
    RoostError,
    StateConflict,
)  # fmt: skip
from roost.model.made import Artifact
from roost.model.record import Record
from roost.model.unreadable import UNREADABLE
from roost.ports import Clock

TASK_CHARS: Final = 4000
"""Of the task of the session that a persona is made from."""
MESSAGE_CHARS: Final = 1000
"""Of why a proposal was not carried out."""
TOLD: Final = f"""You are building a custom agent (a persona) together with the user. Ask what it is for, then write it
down. To act, write the file {lib.PROPOSAL_FILE} in your workspace. It is taken away and acted on when your turn ends,
and your next turn begins with what came of it. It holds one JSON object:
{{"action": "create_draft", "persona": {{...}}}} makes the draft; `persona` holds `slug`, `display_name`,
`instructions`, if wanted `description`, `model`, `thinking`, `headless`, `tools`, `service_tools`, `skills`,
`companions`. "update_draft" changes what is named in `persona`. "publish", without `persona`, makes it available to
everybody: only when the user says so."""
Find = Callable[[str, e.Principal], Awaitable[Session]]

_log = structlog.get_logger("roost.building")


class Building:
    """Builder sessions of a hub. `find`: a session, if this principal may see it."""

    def __init__(self, library: Library, shelf: Shelf, find: Find, clock: Clock, tasks: TaskGroup) -> None:
        self._library = library
        self._shelf = shelf
        self._find = find
        self._clock = clock
        self._tasks = tasks
        self._one = anyio.Lock()
        """Proposals are carried out one after another."""

    async def begun(self, request: lib.BuilderRequest, by: e.Principal) -> tuple[c.CreateSession, e.Kit]:
        """The session that is asked for, whose prompt is its task, and its kit.

        Raises: InvalidBody: a mode without what it needs; SessionNotFound, NotInLibrary: of what it is to be made.
        """
        mode = request.mode
        if mode is UNSET:
            mode = "from_session" if request.source else "edit" if request.persona else "new"
        for needs, given, what in (("from_session", request.source, "source"), ("edit", request.persona, "persona")):
            if mode == needs and not given:
                raise InvalidBody(f"{what}: a builder of the mode {mode} needs one")
        builder, texts = lib.Builder(mode=mode), [TOLD]
        if request.source:
            record = (await self._find(request.source, by)).record_now
            builder = replace(builder, source=record.session, source_label=record.label)
            task = (record.task or "none")[:TASK_CHARS]
            texts.append(f"It is to do what this session did: {record.label}. Its task was:\n{task}")
        if request.persona:
            known = await self._library.personas.find(request.persona, by)
            drawn = replace(known.portrait, skills=())  # they may be long
            builder = replace(builder, persona=known.id, slug=drawn.slug, display_name=drawn.display_name)
            texts.append(f"Change this one:\n{msgspec.json.encode(drawn).decode()}")
        said = e.Instructions(text="\n\n".join(texts))
        kit = e.Kit(instructions=said, builder=msgspec.to_builtins(builder))
        label = request.label or "Agent builder"
        return c.CreateSession(task=request.prompt, label=label, visibility=request.visibility), kit

    # --- proposals ----------------------------------------------------------------------------------------------------

    def touch(self, session: Session) -> None:
        """It may have a proposal that nobody has answered."""
        if builder_of(session.record_now) is not None and _open(session.record_now):
            self._tasks.start_soon(self._answer_all, session)

    async def _answer_all(self, session: Session) -> None:
        async with self._one:
            try:
                while not session.deleted and (proposal := _open(session.record_now)):
                    await self._answer(session, proposal)
            except IllegalTransition:
                return  # it has ended meanwhile
            except RoostError as error:
                _log.error("a proposal stays unanswered until the next start", session=session.id, detail=error.message)

    async def _answer(self, session: Session, artifact: Artifact) -> None:
        """Carry one out, and record what became of it. Raises: Unavailable: it stays unanswered; IllegalTransition."""
        record, builder = session.record_now, builder_of(session.record_now)
        assert builder is not None
        last = lib.BuilderAction(action="create_draft", status="failed", seq=artifact.seq, at=self._clock.now_ms())
        try:
            wanted = await self._read(session, artifact)
            last = replace(last, action=wanted.action)
            builder = replace(builder, proposed=_joined(builder.proposed, wanted.persona))
            done = await self._carry_out(wanted, builder, record.owner, f"{session.id}.{artifact.seq}")
        except (InvalidRequest, Refused, Missing, Conflicting) as error:
            builder = replace(builder, last=replace(last, code=error.code, message=error.message[:MESSAGE_CHARS]))
        else:
            version = done.published.version if done.published is not UNSET and wanted.action == "publish" else UNSET
            told = {"persona": done.id, "slug": done.portrait.slug}
            last = replace(last, status="completed", version=version, **told)
            more = {"display_name": done.portrait.display_name, "made": builder.made or wanted.action == "create_draft"}
            builder = replace(builder, **told, **more, version=version or builder.version, last=last)
        await session.decide(lambda record: _recorded(record, builder))

    async def _read(self, session: Session, artifact: Artifact) -> lib.Proposal:
        """Raises: InvalidBody, BodyTooLarge, BlobNotFound."""
        if artifact.size > (limit := lib.MAX_PROPOSAL_BYTES):
            raise BodyTooLarge(f"a proposal has at most {limit} bytes", limit_bytes=limit)
        _, content = await self._shelf.artifact(session, artifact.key, artifact.version)
        text = b"".join([piece async for piece in content.pieces])
        try:
            return msgspec.json.decode(text, type=lib.Proposal)
        except UNREADABLE as error:
            raise InvalidBody(f"the proposal cannot be read: {error}") from None

    async def _carry_out(
        self, wanted: lib.Proposal, builder: lib.Builder, owner: e.Principal, proposal: str
    ) -> lib.PersonaInfo:
        """As good as once, however often. Raises: what the library raises; InvalidBody: there is no draft, or one
        already."""
        personas = self._library.personas
        if wanted.action == "create_draft":
            if builder.made:
                raise InvalidBody("this session has made its draft: update it")
            name = PREFIX["persona"] + sha256(proposal.encode()).hexdigest()[:16]
            with contextlib.suppress(StateConflict):  # made before the last hub died
                await personas.add(_request(wanted.persona), owner, name)
            return await personas.find(name, owner)
        if builder.persona is UNSET:
            raise InvalidBody("there is no draft yet: create it")
        if wanted.action == "update_draft":
            return await personas.change(builder.persona, wanted.persona, owner)
        return await personas.publish(builder.persona, owner, proposal)


def builder_of(record: Record) -> lib.Builder | None:
    """None: it is a session as any other."""
    given = record.kit.builder
    return None if given is UNSET else msgspec.convert(given, lib.Builder)


def _open(record: Record) -> Artifact | None:
    """The first proposal that nobody has answered."""
    builder = builder_of(record)
    if builder is None:
        return None
    answered = 0 if builder.last is UNSET else builder.last.seq
    proposals = (each for each in record.made.artifacts if each.mime == lib.PROPOSAL_MIME and each.seq > answered)
    return next(proposals, None)


def _recorded(record: Record, builder: lib.Builder) -> Decision:
    """What was proposed is left out if the kit would be too large for an event with it."""
    kit = replace(record.kit, builder=msgspec.to_builtins(builder))
    if len(msgspec.json.encode(kit)) > lib.MAX_KIT_BYTES:
        kit = replace(record.kit, builder=msgspec.to_builtins(replace(builder, proposed=UNSET)))
    return Decision([draft(e.SessionUpdated(kit=kit), by=HUB)])


def _joined(before: lib.PersonaChange | UnsetType, said: lib.PersonaChange) -> lib.PersonaChange:
    given = {name: value for name, value in asdict(said).items() if value is not UNSET}
    return replace(lib.PersonaChange() if before is UNSET else before, **given)


def _request(said: lib.PersonaChange) -> lib.PersonaRequest:
    """Raises: InvalidBody: something is missing."""
    given: dict[str, Any] = {name: value for name, value in asdict(said).items() if value is not UNSET}
    if given.get("thinking") == "":
        del given["thinking"]
    try:
        return msgspec.convert(given, lib.PersonaRequest)
    except msgspec.ValidationError as error:
        raise InvalidBody(f"a draft needs more: {error}") from None
