"""What a person must decide: permissions and questions, listed and answered; and the rules that decide before."""

from typing import Literal

from litestar import get, patch, post
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Struct, UnsetType

from roost.api.call import RECORDED, Call
from roost.model.commands import Configure, ReplyPermission, ReplyQuestion
from roost.model.ids import RequestId
from roost.model.info import Accepted, OpenRequests, PendingList, SessionConfig


class PermissionAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """`once` allows it; `always` also what it proposes, from now on; `reject` stops the run, or with a `message` tells
    the agent why and lets it go on."""

    reply: Literal["once", "always", "reject"]
    message: str | UnsetType = UNSET


class QuestionAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One list of labels (or own words) per question."""

    reply: Literal["answer", "reject"] = "answer"
    answers: tuple[tuple[str, ...], ...] = ()


@get("/v1/sessions/{session:str}/pending")
async def list_pending(request: Call, session: FromPath[str]) -> PendingList:
    """Open permissions and questions."""
    return PendingList(pending=(await request.hub.find(session, request.by)).pending())


@get("/v1/pending")
async def list_open_requests(request: Call) -> OpenRequests:
    """Open permissions and questions of all sessions, the oldest first: who needs a person."""
    return OpenRequests(pending=request.hub.open_requests(request.by))


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


@get("/v1/sessions/{session:str}/config")
async def get_config(request: Call, session: FromPath[str]) -> SessionConfig:
    """How the session works: its policy, what "always" has granted, its timeouts, model and options."""
    return (await request.hub.find(session, request.by)).config()


@patch("/v1/sessions/{session:str}/config", opt=RECORDED)
async def configure_session(request: Call, session: FromPath[str], data: JSONBody[Configure]) -> SessionConfig:
    """Change how it works from now on. `policy` and `granted` are given as a whole: what is left out of `granted` is
    taken back."""
    found = await request.hub.find(session, request.by)
    await found.handle(data, request.by, request.key)
    return found.config()


routes = [list_pending, list_open_requests, reply_permission, reply_question, get_config, configure_session]
