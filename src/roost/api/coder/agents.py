"""Custom agents: what the library calls personas."""

from typing import Annotated, Any, Final, Literal

from litestar import get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import UNSET, UnsetType

from roost.api.call import Call
from roost.api.coder.shapes import Shape, SkillRef
from roost.api.coder.times import iso
from roost.api.coder.views import skills_of
from roost.model import library as lib

Tool = Literal["read", "ls", "find", "grep", "bash", "write", "edit"]
OUR_WORDS: Final = {
    "thinking_level": "thinking",
    "headless_compatible": "headless",
    "saved_skill_ids": "skills",
    "companion_agents": "companions",
}
"""The core's word for a field, where it is another one."""


class AgentBody(Shape, frozen=True, kw_only=True):
    slug: str
    display_name: str
    instructions: str
    description: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    thinking_level: lib.Thinking | UnsetType = UNSET
    headless_compatible: bool | UnsetType = UNSET
    tools: tuple[Tool, ...] | UnsetType = UNSET
    service_tools: tuple[str, ...] | UnsetType = UNSET
    saved_skill_ids: tuple[str, ...] | UnsetType = UNSET
    companion_agents: tuple[str, ...] | UnsetType = UNSET


class AgentChange(Shape, frozen=True, kw_only=True):
    """What is present changes; null takes a text away."""

    slug: str | UnsetType = UNSET
    display_name: str | UnsetType = UNSET
    instructions: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    model: str | UnsetType | None = UNSET
    thinking_level: lib.Thinking | UnsetType | None = UNSET
    headless_compatible: bool | UnsetType = UNSET
    tools: tuple[Tool, ...] | UnsetType = UNSET
    service_tools: tuple[str, ...] | UnsetType = UNSET
    saved_skill_ids: tuple[str, ...] | UnsetType = UNSET
    companion_agents: tuple[str, ...] | UnsetType = UNSET


class PortraitShape(Shape, frozen=True, kw_only=True):
    slug: str
    display_name: str
    instructions: str
    headless_compatible: bool
    tools: tuple[str, ...]
    service_tools: tuple[str, ...]
    saved_skills: tuple[SkillRef, ...]
    companion_agents: tuple[str, ...]
    description: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    thinking_level: str | UnsetType = UNSET


class VersionShape(PortraitShape, frozen=True, kw_only=True):
    id: str
    agent_id: str
    version: int
    created_by_user_id: str
    created_at: str


class AgentShape(PortraitShape, frozen=True, kw_only=True):
    """Its portrait is the draft for its owner, and what is published for everybody else."""

    id: str
    owner_user_id: str
    created_at: str
    updated_at: str
    lifecycle: Literal["draft", "published", "archived"]
    visibility: Literal["org", "private_draft"]
    has_published_version: bool
    has_unpublished_changes: bool
    latest_published_version: int | UnsetType = UNSET
    latest_published_at: str | UnsetType = UNSET
    published: VersionShape | UnsetType = UNSET
    draft: PortraitShape | UnsetType = UNSET


class AgentAnswer(Shape, frozen=True, kw_only=True):
    agent: AgentShape


class AgentsAnswer(Shape, frozen=True, kw_only=True):
    agents: list[AgentShape]


class VersionsAnswer(Shape, frozen=True, kw_only=True):
    versions: list[VersionShape]


@get("/api/hub/agents")
async def list_coder_agents(
    request: Call, archived: Annotated[bool, QueryParameter(name="includeArchived")] = False
) -> AgentsAnswer:
    """Your own custom agents, and those that were published in your organisation, oldest first."""
    found = await request.hub.library.personas.all(request.by, archived=archived)
    return AgentsAnswer(agents=[agent_of(persona) for persona in found])


@post("/api/hub/agents")
async def create_coder_agent(request: Call, data: JSONBody[AgentBody]) -> AgentAnswer:
    """A draft, which is yours alone until it is published."""
    wanted = lib.PersonaRequest(**_in_our_words(data))
    return AgentAnswer(agent=agent_of(await request.hub.library.personas.add(wanted, request.by)))


@get("/api/hub/agents/{agent:str}")
async def get_coder_agent(request: Call, agent: FromPath[str]) -> AgentAnswer:
    """By its id or slug."""
    return AgentAnswer(agent=agent_of(await request.hub.library.personas.find(agent, request.by)))


@patch("/api/hub/agents/{agent:str}")
async def update_coder_agent(request: Call, agent: FromPath[str], data: JSONBody[AgentChange]) -> AgentAnswer:
    """Change the draft; what is published stays."""
    cleared: dict[str, Any] = {name: "" if value is None else value for name, value in _in_our_words(data).items()}
    changed = await request.hub.library.personas.change(agent, lib.PersonaChange(**cleared), request.by)
    return AgentAnswer(agent=agent_of(changed))


@post("/api/hub/agents/{agent:str}/publish", status_code=200)
async def publish_coder_agent(request: Call, agent: FromPath[str]) -> AgentAnswer:
    """The draft becomes the next version, for your whole organisation."""
    return AgentAnswer(agent=agent_of(await request.hub.library.personas.publish(agent, request.by)))


@post("/api/hub/agents/{agent:str}/archive", status_code=200)
async def archive_coder_agent(request: Call, agent: FromPath[str]) -> AgentAnswer:
    """Off the lists, and not for new sessions any more."""
    return AgentAnswer(agent=agent_of(await request.hub.library.personas.archive(agent, request.by)))


@get("/api/hub/agents/{agent:str}/versions")
async def list_coder_agent_versions(request: Call, agent: FromPath[str]) -> VersionsAnswer:
    """What was published of it, newest first."""
    versions = await request.hub.library.personas.versions(agent, request.by)
    return VersionsAnswer(versions=[_version_of(version) for version in versions])


def _in_our_words(body: AgentBody | AgentChange) -> dict[str, Any]:
    given = {name: value for name in body.__struct_fields__ if (value := getattr(body, name)) is not UNSET}
    return {OUR_WORDS.get(name, name): value for name, value in given.items()}


def _portrait_of(made: lib.Portrait) -> dict[str, Any]:
    """The fields of a `PortraitShape`."""
    return {
        "slug": made.slug,
        "display_name": made.display_name,
        "instructions": made.instructions,
        "headless_compatible": made.headless,
        "tools": made.tools,
        "service_tools": made.service_tools,
        "saved_skills": skills_of(made.skills),
        "companion_agents": made.companions,
        "description": made.description or UNSET,
        "model": made.model or UNSET,
        "thinking_level": made.thinking,
    }


def _version_of(version: lib.PersonaVersion) -> VersionShape:
    return VersionShape(
        **_portrait_of(version.portrait),
        id=version.id,
        agent_id=version.persona,
        version=version.version,
        created_by_user_id=version.by.user,
        created_at=iso(version.created_at),
    )


def agent_of(persona: lib.PersonaInfo) -> AgentShape:
    portrait, published = _portrait_of(persona.portrait), persona.published
    return AgentShape(
        **portrait,
        id=persona.id,
        owner_user_id=persona.owner.user,
        created_at=iso(persona.created_at),
        updated_at=iso(persona.updated_at),
        lifecycle=persona.lifecycle,
        visibility="private_draft" if persona.visibility == "private" else "org",
        has_published_version=published is not UNSET,
        has_unpublished_changes=persona.changed,
        latest_published_version=UNSET if published is UNSET else published.version,
        latest_published_at=UNSET if published is UNSET else iso(published.created_at),
        published=UNSET if published is UNSET else _version_of(published),
        draft=PortraitShape(**portrait) if persona.draft else UNSET,
    )


routes = [
    list_coder_agents,
    create_coder_agent,
    get_coder_agent,
    update_coder_agent,
    publish_coder_agent,
    archive_coder_agent,
    list_coder_agent_versions,
]
