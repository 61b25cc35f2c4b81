"""What a person must decide: permissions and questions, listed and answered."""

from typing import Literal

from litestar import get, post
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Struct, UnsetType

from roost.api.call import RECORDED, Call
from roost.model.commands import ReplyPermission, ReplyQuestion
from roost.model.ids import RequestId
from roost.model.info import Accepted, PendingList


class PermissionAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """`once` allows it; `reject` stops the run, or with a `message` tells the agent why and lets it go on."""

    reply: Literal["once", "reject"]
    message: str | UnsetType = UNSET


class QuestionAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One list of labels (or own words) per question."""

    reply: Literal["answer", "reject"] = "answer"
    answers: tuple[tuple[str, ...], ...] = ()


@get("/v1/sessions/{session:str}/pending")
async def list_pending(request: Call, session: FromPath[str]) -> PendingList:
    """Open permissions and questions."""
    return PendingList(pending=(await request.hub.find(session, request.by)).pending())


@post("/v1/sessions/{session:str}/permissions/{request_id:str}", status_code=200, opt=RECORDED)
async def reply_permission(
    request: Call, session: FromPath[str], request_id: FromPath[str], data: JSONBody[PermissionAnswer]
) -> Accepted:
    """Answer a permission request, once and for everybody."""
    found = await request.hub.find(session, request.by)
    command = ReplyPermission(request=RequestId(request_id), reply=data.reply, message=data.message)
    return await found.handle(command, request.by, request.key)


@post("/v1/sessions/{session:str}/questions/{request_id:str}", status_code=200, opt=RECORDED)
async def reply_question(
    request: Call, session: FromPath[str], request_id: FromPath[str], data: JSONBody[QuestionAnswer]
) -> Accepted:
    """Answer a question, once and for everybody."""
    found = await request.hub.find(session, request.by)
    command = ReplyQuestion(request=RequestId(request_id), reply=data.reply, answers=data.answers)
    return await found.handle(command, request.by, request.key)


routes = [list_pending, reply_permission, reply_question]
