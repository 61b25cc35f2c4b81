"""Sessions that build a custom agent."""

from typing import Literal

from litestar import post
from litestar.params import JSONBody
from msgspec import UNSET, UnsetType

from roost.api.call import RECORDED, Call
from roost.api.coder import shapes
from roost.api.coder.views import flags_of
from roost.model import library as lib


class BuilderBody(shapes.Shape, frozen=True, kw_only=True):
    """`mode`: absent, it follows from what is named here."""

    label: str | UnsetType = UNSET
    prompt: str | UnsetType = UNSET
    mode: Literal["new", "edit", "from_session"] | UnsetType = UNSET
    visibility: shapes.Visibility = "private"
    source_session_id: str | UnsetType = UNSET
    target_agent_id: str | UnsetType = UNSET
    target_agent_slug: str | UnsetType = UNSET


@post("/api/hub/session/builder", opt=RECORDED)
async def create_coder_builder(request: Call, data: JSONBody[BuilderBody]) -> shapes.Made:
    """A session whose agent proposes a custom agent, and makes it when it may."""
    wanted = lib.BuilderRequest(
        label=data.label or UNSET,
        prompt=data.prompt or UNSET,
        mode=data.mode,
        visibility=data.visibility,
        source=data.source_session_id,
        persona=data.target_agent_id or data.target_agent_slug,
    )
    command, kit = await request.hub.building.begun(wanted, request.by)
    session = await request.hub.create_session(command, request.by, request.key, kit=kit)
    record = session.record_now
    return shapes.Made(
        session_id=session.id,
        status=flags_of(request.hub, request.by, record, session.seq).status,
        mode=record.mode,
        visibility=record.visibility,
        label=record.label,
    )


routes = [create_coder_builder]
