"""What a body of Coder's asks of the core: the commands that make and change a session."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import UNSET, UnsetType, to_builtins
from msgspec.structs import asdict

from roost.api.coder import shapes
from roost.api.coder.repos import given_repos, workspace_request
from roost.core.hub import Hub
from roost.model import commands as c
from roost.model import events as e
from roost.model import library as lib
from roost.model.loops import LOOP_ENDS
from roost.model.record import Record
from roost.model.repos import without_passwords

DURATIONS: Final = ("idle", "execution", "paused")


async def create_command(hub: Hub, body: shapes.CreateBody, by: e.Principal) -> tuple[c.CreateSession, e.Kit]:
    """With what the library makes of the kit that is asked for; everything else is checked when it is created.

    Raises: InvalidBody, WorkspaceInvalid, NotInLibrary, PersonaUnpublished, BodyTooLarge.
    """
    repos = given_repos(body.repo, body.repos)
    asked = _kit_request(body, repos)
    kit = await hub.library.kit(asked, by)
    command = c.CreateSession(
        task=body.task,
        agent=_own_agent(hub, kit),
        model=UNSET if kit.persona is UNSET else kit.persona.model,
        label=_label(body.label),
        workspace=workspace_request(kit.repos if repos is UNSET else repos),
        visibility="private" if body.visibility is UNSET else body.visibility,
        tags=body.tags,
        metadata=body.metadata,
        env=body.env,
        timeouts=c.TimeoutsRequest(**{name: getattr(body.timeout, name) for name in DURATIONS}),
        kit=asked,
        files=_files(body),
        loop=_loop(body.workflow_mode, body.loop),
    )
    return command, kit


async def update_command(hub: Hub, record: Record, body: shapes.UpdateBody, by: e.Principal) -> c.Update:
    """Raises: NotInLibrary, InvalidBody."""
    skills: tuple[e.Skill, ...] | UnsetType = UNSET
    if any(given is not UNSET for given in (body.skills, body.saved_skill_ids, body.skill_bucket_ids)):
        inline, saved, buckets = _skills(body.skills or ()), body.saved_skill_ids or (), body.skill_bucket_ids or ()
        skills = await hub.library.skills.expand(inline, saved, buckets, by)
    named = body.agent if body.default_agent is UNSET else body.default_agent
    kit = c.KitChange(default_agent="" if named is None else named, enabled_agents=body.enabled_agents, skills=skills)
    return c.Update(
        label=body.label,
        visibility=body.visibility,
        tags=body.tags,
        metadata=body.metadata,
        kit=UNSET if kit == c.KitChange() else kit,
        loop=_change_of_loop(record, body),
    )


def _change_of_loop(record: Record, body: shapes.UpdateBody) -> c.ChangeLoop | UnsetType:
    """One that goes on is adjusted, else a new one begins; `standard` leaves it."""
    goes_on = record.loop is not UNSET and record.loop.status not in LOOP_ENDS
    if body.workflow_mode == "standard":
        return UNSET if record.loop is UNSET else c.ChangeLoop(action="leave")
    loop = _loop(body.workflow_mode, body.loop)
    if loop is UNSET or (goes_on and loop == c.LoopRequest()):
        return UNSET
    return c.ChangeLoop(action="adjust" if goes_on else "start", loop=loop)


def _kit_request(body: shapes.CreateBody, repos: tuple[shapes.RepoRef, ...] | UnsetType) -> lib.KitRequest:
    return lib.KitRequest(
        default_agent=body.agent if body.default_agent is UNSET else body.default_agent,
        enabled_agents=body.enabled_agents,
        skills=_skills(body.skills),
        saved_skills=body.saved_skill_ids,
        skill_buckets=body.skill_bucket_ids,
        repos=UNSET if repos is UNSET else tuple(map(without_passwords, repos)),
        template=body.workspace_id,
        wishes=_wishes(body),
        command=_command(body.command),
    )


def _own_agent(hub: Hub, kit: e.Kit) -> str | UnsetType:
    """The agent of this hub that is preferred. With any other name, that of a custom agent too, the hub's default agent
    does the work."""
    named = kit.default_agent
    return named if kit.persona is UNSET and named in hub.agents else UNSET


def _skills(given: Sequence[shapes.SkillRef]) -> tuple[e.Skill, ...]:
    return tuple(e.Skill(skill=s.skill_id, repo=s.repo, name=s.name, url=s.url, content=s.content) for s in given)


def _files(body: shapes.CreateBody) -> tuple[c.FileRequest, ...]:
    """Those of the initial command too."""
    more = () if body.command is UNSET else body.command.files
    return tuple(c.FileRequest(path=file.path, content=file.content) for file in (*body.files, *more))


def _loop(mode: shapes.WorkflowMode | UnsetType, given: shapes.LoopBody | UnsetType) -> c.LoopRequest | UnsetType:
    """Whoever says how it is to loop wants it to."""
    if mode == "standard" or (given is UNSET and mode is UNSET):
        return UNSET
    return c.LoopRequest() if given is UNSET else c.LoopRequest(**asdict(given))


def _wishes(body: shapes.CreateBody) -> dict[str, Any] | UnsetType:
    """What was asked of the runtime, as it was written."""
    written: dict[str, Any] = to_builtins(body)
    names = dict(zip(body.__struct_fields__, body.__struct_encode_fields__, strict=True))
    return {names[name]: written[names[name]] for name in shapes.WISHES if names[name] in written} or UNSET


def _command(given: shapes.CommandBody | UnsetType) -> e.InitialCommand | UnsetType:
    """None that has no words: it may have brought files along."""
    if given is UNSET or not given.exec:
        return UNSET
    return e.InitialCommand(exec=tuple(given.exec), mode="oneshot" if given.mode is UNSET else given.mode)


def _label(label: str | UnsetType) -> str | UnsetType:
    """A blank label is none: it is made from the task."""
    return label if label is not UNSET and label.strip() else UNSET
