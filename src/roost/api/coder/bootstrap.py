"""What a client asks before it asks anything else: where the hub is, whether it is one, what it offers."""

import re
from typing import Any, Final, Literal

from litestar import get
from litestar.params import FromQuery
from msgspec import UNSET, UnsetType

from roost.api.call import Call
from roost.api.coder.shapes import Shape

SCHEMES: Final = ("http", "https")
_NO_FOLDER: Final = re.compile(r"[^\w.-]|\.\.+|^\.")


class HubAddress(Shape, frozen=True, kw_only=True):
    url: str


class Init(Shape, frozen=True, kw_only=True):
    """What a lead begins with. The agents of this hub bring their own tools and commands."""

    role: Literal["lead", "sub_agent"]
    agent_role: str | UnsetType = UNSET
    type: Literal["init"] = "init"
    tools: tuple[dict[str, Any], ...] = ()
    agents: tuple[dict[str, Any], ...] = ()
    commands: tuple[dict[str, Any], ...] = ()


class HubSkill(Shape, frozen=True, kw_only=True):
    """A SKILL.md, and where in a project's folder of skills it goes."""

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
    return Init(role="sub_agent" if agent else "lead", agent_role=agent or UNSET)


@get("/api/hub/skills")
async def list_hub_skills(request: Call) -> HubSkills:
    """The saved skills that have a text, each as a file of its own."""
    saved = await request.hub.library.skills.all(request.by)
    files = {_path(skill.skill): skill.content for skill in saved if skill.content is not UNSET}
    found = [HubSkill(path=path, content=content) for path, content in files.items()]
    return HubSkills(count=len(found), skills=found)


def _path(skill: str) -> str:
    """Within the folder of skills, whatever the skill is called."""
    return f"{_NO_FOLDER.sub('-', skill)}/SKILL.md"


routes = [discover_coder_hub, init_coder_hub, list_hub_skills]
