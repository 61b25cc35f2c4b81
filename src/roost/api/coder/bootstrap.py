"""What a client asks before it asks anything else: where the hub is, whether it is one, what it offers."""

import re
from typing import Final, Literal

from litestar import get
from litestar.params import FromQuery
from msgspec import UNSET, UnsetType

from roost.api.call import Call
from roost.api.coder.shapes import Shape
from roost.core.hub import Hub
from roost.model.events import Principal
from roost.model.library import Portrait
from roost.model.skills import apart

SCHEMES: Final = ("http", "https")
SKILLS: Final = ".agents/skills"
"""Where agents look for skills in a project."""
_NO_FOLDER: Final = re.compile(r"[^\w.-]|\.\.+|^\.")
"""What of a skill's id does not belong into the name of a folder."""


class HubAddress(Shape, frozen=True, kw_only=True):
    url: str


class InitAgent(Shape, frozen=True, kw_only=True):
    """A custom agent that was published: a lead may hand it tasks. `model` is `provider/id`."""

    name: str
    description: str
    system_prompt: str
    display_name: str
    tools: tuple[str, ...]
    model: str | UnsetType = UNSET
    thinking_level: str | UnsetType = UNSET
    source: Literal["custom"] = "custom"


class Init(Shape, frozen=True, kw_only=True):
    """What a lead begins with. The hub has no tools or commands for it: agents bring their own."""

    role: Literal["lead", "sub_agent"]
    agents: tuple[InitAgent, ...]
    agent_role: str | UnsetType = UNSET
    type: Literal["init"] = "init"
    tools: tuple[()] = ()
    commands: tuple[()] = ()


class HubSkill(Shape, frozen=True, kw_only=True):
    """A SKILL.md, and where it goes in a project: their terminal writes it there as it is told."""

    path: str
    content: str


class HubSkills(Shape, frozen=True, kw_only=True):
    count: int
    skills: list[HubSkill]
    ok: bool = True


@get("/coder")
async def discover_coder_hub(request: Call) -> HubAddress:
    """The address of this hub, as whoever asks has reached it."""
    forwarded = request.headers.get("x-forwarded-proto", "")
    scheme = forwarded if forwarded in SCHEMES else request.scope["scheme"]
    return HubAddress(url=f"{scheme}://{request.headers['host']}")


@get("/api/hub/init")
async def init_coder_hub(request: Call, agent: FromQuery[str | None] = None) -> Init:
    """What a lead begins with, or a sub-agent in the role `agent`."""
    return Init(
        role="sub_agent" if agent else "lead",
        agent_role=agent or UNSET,
        agents=await agents_for(request.hub, request.by),
    )


@get("/api/hub/skills")
async def list_hub_skills(request: Call) -> HubSkills:
    """The saved skills that have a text, each as a file of its own."""
    saved = [(skill, skill.content) for skill in await request.hub.library.skills.all(request.by) if skill.content]
    folders = apart([(_NO_FOLDER.sub("-", skill.skill), skill.id) for skill, _ in saved])
    found = [
        HubSkill(path=f"{SKILLS}/{folder}/SKILL.md", content=content)
        for folder, (_, content) in zip(folders, saved, strict=True)
    ]
    return HubSkills(count=len(found), skills=found)


async def agents_for(hub: Hub, by: Principal) -> tuple[InitAgent, ...]:
    """The custom agents that this principal can hand tasks to, as they were published."""
    personas = await hub.library.personas.all(by)
    return tuple(_agent(one.published.portrait) for one in personas if one.published is not UNSET)


def _agent(portrait: Portrait) -> InitAgent:
    return InitAgent(
        name=portrait.slug,
        description=portrait.description,
        system_prompt=portrait.instructions,
        display_name=portrait.display_name,
        tools=portrait.tools,
        model=portrait.model if "/" in portrait.model else UNSET,
        thinking_level=portrait.thinking,
    )


routes = [discover_coder_hub, init_coder_hub, list_hub_skills]
