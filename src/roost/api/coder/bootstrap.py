"""What a client asks before it asks anything else: where the hub is, whether it is one, what it offers."""

from typing import Any, Literal

from litestar import get
from litestar.params import FromQuery
from msgspec import UNSET, UnsetType

from roost.api.call import Call
from roost.api.coder.shapes import Shape

SCHEMES = ("http", "https")


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


routes = [discover_coder_hub, init_coder_hub]
