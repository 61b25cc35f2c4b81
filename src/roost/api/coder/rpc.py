"""Commands of a controller, in the vocabulary of Pi's RPC mode (hub-wire 12), as commands of ours."""

from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from roost.api.coder import choices, pi
from roost.api.coder.asking import labels_of, number_of, permission_reply, question_reply
from roost.api.coder.entries import newest_messages
from roost.api.coder.views import check_not_history
from roost.core.hub import Hub
from roost.core.session import Session
from roost.model import commands as c
from roost.model import events as e
from roost.model.errors import InvalidRequest, PermissionNotFound, SessionBusy
from roost.model.ids import RequestId
from roost.model.messages import Message
from roost.model.record import Pending
from roost.model.workspace import Shell

MAX_FILES: Final = 20
"""Images and attachments of one prompt."""
LEAD: Final = "lead"
"""The agent that leads, by the name that is the same in every session."""
Given = dict[RequestId, dict[int, tuple[str, ...]]]
"""Answers to questions of which others are still open."""


class Rpc(Struct, frozen=True, kw_only=True):
    """What a command is carried out with. `given` is shared by all who watch the session."""

    hub: Hub
    session: Session
    by: e.Principal
    given: Given


class Named(Struct, frozen=True):
    """What every command says. One with an `id` is answered."""

    type: str
    id: str | int | UnsetType = UNSET


class _Bash(Struct, frozen=True, kw_only=True):
    command: str


class _Attached(Struct, frozen=True, kw_only=True):
    """A file that is given along: by a `data:` URL, or as base64 or text."""

    url: str = ""
    content: str = ""
    name: str = "attachment"
    mimeType: str = "text/plain"  # noqa: N815


class _Saying(Struct, frozen=True, kw_only=True):
    message: str = ""
    text: str = ""
    agent: str = ""
    targetAgent: str = ""  # noqa: N815  # the wire's word
    streamingBehavior: str = ""  # noqa: N815
    images: list[Any] = []
    attachments: list[_Attached] = []


class _Model(Struct, frozen=True, kw_only=True):
    provider: str
    modelId: str  # noqa: N815


class _Level(Struct, frozen=True, kw_only=True):
    level: str


class _Compact(Struct, frozen=True, kw_only=True):
    customInstructions: str = ""  # noqa: N815


class _Name(Struct, frozen=True, kw_only=True):
    name: str


async def carry_out(rpc: Rpc, name: str, raw: Raw) -> Any:
    """The data of the response; UNSET: there is none.

    Raises: InvalidRequest: no such command; msgspec.MsgspecError: its fields do not fit; whatever the command raises.
    """
    command = COMMANDS.get(name)
    if command is None:
        raise InvalidRequest(f"the agents of this hub cannot do {name!r}")
    return await command(rpc, raw)


# --- input ------------------------------------------------------------------------------------------------------------


async def _prompt(rpc: Rpc, raw: Raw) -> Any:
    """A new turn, woken for if need be; while one runs, the next but for `steer`."""
    said = _saying(raw)
    if said.streamingBehavior == "steer":
        return await _send(rpc, said, "steer")
    if said.streamingBehavior == "followUp":
        return await _send(rpc, said, "queue")
    try:
        return await _send(rpc, said, "prompt")
    except SessionBusy:
        return await _send(rpc, said, "queue")


async def _steer(rpc: Rpc, raw: Raw) -> Any:
    return await _send(rpc, _saying(raw), "steer")


async def _send(rpc: Rpc, said: _Saying, delivery: Any) -> Any:
    """Raises: SessionArchived: it is history, and no turn may start."""
    check_not_history(rpc.hub, rpc.session)
    await rpc.session.handle(c.Send(input=_parts(rpc, said), delivery=delivery), rpc.by)
    return UNSET


def _saying(raw: Raw) -> _Saying:
    return msgspec.json.decode(raw, type=_Saying)


def _parts(rpc: Rpc, said: _Saying) -> tuple[e.InputPart, ...]:
    """Raises: InvalidRequest: too many images, or one that is none."""
    text, agent = said.message or said.text, said.agent or said.targetAgent
    if agent and agent not in (LEAD, rpc.session.record_now.agent):
        text = f"@{agent} {text}"
    if len(said.images) + len(said.attachments) > MAX_FILES:
        raise InvalidRequest(f"images and attachments: at most {MAX_FILES}")
    images = tuple(_image(image) for image in said.images)
    return (e.TextInput(text=text), *images, *(_attached(file) for file in said.attachments))


def _image(image: Any) -> e.FileInput:
    match image:
        case {"data": str(data), "mimeType": str(mime)}:
            return e.FileInput(url=f"data:{mime};base64,{data}", mime=mime)
        case str() if image.startswith("data:"):
            return e.FileInput(url=image, mime=image[5:].partition(",")[0].partition(";")[0] or "image/png")
        case _:
            raise InvalidRequest("images: data URLs, or objects with `data` and `mimeType`")


def _attached(file: _Attached) -> e.FileInput:
    """Raises: InvalidRequest: it has neither content nor a `data:` URL."""
    if file.url.startswith("data:"):
        return e.FileInput(url=file.url, mime=file.mimeType, filename=file.name)
    if not file.content:
        raise InvalidRequest("attachments: with `content`, or a data URL")
    try:
        data = b64decode(file.content, validate=True)
    except ValueError:
        data = file.content.encode()
    encoded = b64encode(data).decode()
    return e.FileInput(url=f"data:{file.mimeType};base64,{encoded}", mime=file.mimeType, filename=file.name)


async def _abort(rpc: Rpc, _: Raw) -> Any:
    await rpc.session.handle(c.Abort(), rpc.by)
    return UNSET


async def _bash(rpc: Rpc, raw: Raw) -> Any:
    """A command for the shell of the workspace, off the record. Raises: ShellTimeout."""
    wanted = Shell(command=msgspec.json.decode(raw, type=_Bash).command)
    done = await rpc.hub.workspace.shell(rpc.session, rpc.by, wanted)
    truncated = done.stdout_truncated or done.stderr_truncated
    return {
        "output": done.stdout + done.stderr,
        "exitCode": done.exit_code,
        "cancelled": False,
        "truncated": truncated,
    }


async def _nothing(_rpc: Rpc, _: Raw) -> Any:
    return UNSET


# --- what is known ----------------------------------------------------------------------------------------------------


async def _state(rpc: Rpc, _: Raw) -> Any:
    record = rpc.session.record_now
    model = _model_now(rpc)
    return {
        "sessionId": record.session,
        "sessionName": record.label,
        "isStreaming": record.run is not UNSET,
        "isCompacting": record.compacting,
        "isWaitingForInput": bool(rpc.session.pending()),
        "thinkingLevel": _thinking_now(rpc),
        "messageCount": record.metrics.messages,
        "pendingMessageCount": len(record.queue),
    } | ({} if model is None else {"model": model})


async def _messages(rpc: Rpc, _: Raw) -> Any:
    """The newest of them, as many as a hydration has. An array, where Pi itself answers with an object: their terminal
    wants the array."""
    messages = await newest_messages(rpc.session, await rpc.session.snapshot())
    return [_message(message) for message in messages if message.info.task is UNSET]


def _message(message: Message) -> dict[str, Any]:
    said = pi.said(message).message
    if message.info.role == "assistant":
        return said
    return {name: said[name] for name in ("id", "role", "content", "timestamp")}


async def _stats(rpc: Rpc, _: Raw) -> Any:
    """Over the whole session, sub-agents counted in."""
    metrics = (await rpc.session.snapshot()).record.metrics
    tokens = metrics.tokens
    return {
        "sessionId": rpc.session.id,
        "userMessages": metrics.inputs,
        "assistantMessages": metrics.messages - metrics.inputs,
        "toolCalls": metrics.tool_calls,
        "toolResults": metrics.tool_calls,
        "totalMessages": metrics.messages,
        "tokens": {
            "input": tokens.input,
            "output": tokens.output,
            "cacheRead": tokens.cache_read,
            "cacheWrite": tokens.cache_write,
            "total": pi.usage(tokens, 0)["totalTokens"],
        },
        "cost": metrics.cost,
    }


async def _last_text(rpc: Rpc, _: Raw) -> Any:
    snapshot = await rpc.session.snapshot()
    said = [m.text for m in snapshot.messages if m.info.role == "assistant" and m.info.task is UNSET and m.text]
    return {"text": said[-1]} if said else {}


async def _models(rpc: Rpc, _: Raw) -> Any:
    """Those the agent names, while its host is there."""
    return {"models": [choices.model_shape(one) for one in choices.models_of(rpc.session.capabilities)]}


def _model_now(rpc: Rpc) -> dict[str, Any] | None:
    """As the agent says it; else as it was asked for."""
    now = next((one for one in choices.models_of(rpc.session.capabilities) if one.chosen), None)
    return pi.model_of(rpc.session.record_now.model) if now is None else choices.model_shape(now)


def _thinking_now(rpc: Rpc) -> str:
    levels = choices.thinking_of(rpc.session.capabilities)
    return next((one.value for one in levels if one.chosen), choices.NO_THINKING)


async def _commands(rpc: Rpc, _: Raw) -> Any:
    """What a prompt that begins with `/NAME` does, as the agent says it while its host is there."""
    told = rpc.session.capabilities.get("commands", ())
    named = ("name", "description")
    return {"commands": [{name: one[name] for name in named if name in one} | {"source": "prompt"} for one in told]}


# --- settings ---------------------------------------------------------------------------------------------------------


async def _set_model(rpc: Rpc, raw: Raw) -> Any:
    wanted = msgspec.json.decode(raw, type=_Model)
    await rpc.session.handle(c.Configure(model=pi.whole(wanted.provider, wanted.modelId)), rpc.by)
    return {"provider": wanted.provider, "id": wanted.modelId}


async def _cycle_model(rpc: Rpc, _: Raw) -> Any:
    """The next one of those there are; null: there is no other."""
    found = choices.after(choices.models_of(rpc.session.capabilities))
    if found is None:
        return None
    await rpc.session.handle(c.Configure(model=found.value), rpc.by)
    return {"model": choices.model_shape(found), "thinkingLevel": _thinking_now(rpc), "isScoped": False}


async def _set_thinking(rpc: Rpc, raw: Raw) -> Any:
    """Raises: InvalidRequest: the agent has no such level."""
    levels = choices.thinking_of(rpc.session.capabilities)
    wanted = msgspec.json.decode(raw, type=_Level).level
    found = next((one for one in levels if one.value == wanted), None)
    if found is None:
        offered = ", ".join(one.value for one in levels) or "none to choose from"
        raise InvalidRequest(f"the agent of this session has no thinking level {wanted!r}; it has: {offered}")
    await rpc.session.handle(c.Configure(options={found.option: found.value}), rpc.by)
    return UNSET


async def _cycle_thinking(rpc: Rpc, _: Raw) -> Any:
    found = choices.after(choices.thinking_of(rpc.session.capabilities))
    if found is None:
        return None
    await rpc.session.handle(c.Configure(options={found.option: found.value}), rpc.by)
    return {"level": found.value}


async def _compact(rpc: Rpc, raw: Raw) -> Any:
    """By the command that the agent has for it, as a turn of its own. Raises: InvalidRequest: it has none."""
    if not choices.can(rpc.session.capabilities, COMPACT):
        raise InvalidRequest("the agent of this session sums its conversation up by itself, and cannot be asked to")
    words = f"/{COMPACT} {msgspec.json.decode(raw, type=_Compact).customInstructions}".strip()
    return await _send(rpc, _Saying(message=words), "queue")


async def _set_name(rpc: Rpc, raw: Raw) -> Any:
    await rpc.session.handle(c.Update(label=msgspec.json.decode(raw, type=_Name).name), rpc.by)
    return UNSET


COMPACT: Final = "compact"
ABORT_BASH: Final = "abort_bash"
"""Cancels what runs (watcher.py)."""
COMMANDS: Final[dict[str, Callable[[Rpc, Raw], Awaitable[Any]]]] = {
    "prompt": _prompt,
    "steer": _steer,
    "follow_up": _prompt,
    "abort": _abort,
    "bash": _bash,
    ABORT_BASH: _nothing,
    "get_state": _state,
    "get_messages": _messages,
    "get_session_stats": _stats,
    "get_last_assistant_text": _last_text,
    "get_available_models": _models,
    "get_commands": _commands,
    "set_model": _set_model,
    "cycle_model": _cycle_model,
    "set_thinking_level": _set_thinking,
    "cycle_thinking_level": _cycle_thinking,
    "compact": _compact,
    "set_session_name": _set_name,
}
"""What a controller may ask. Others of Pi's are answered as failed."""
OURS: Final = COMMANDS.keys() - {
    "get_available_models", "cycle_model", "set_thinking_level", "cycle_thinking_level", COMPACT,
}  # fmt: skip
"""The others are asked of a driver that leads the session and speaks this vocabulary."""
LASTING: Final = frozenset(("bash",))
"""These may take long, so others are carried out meanwhile."""
CANCELLED: Final = {"output": "", "cancelled": True, "truncated": False}
"""The data of a `bash` that was cancelled."""
SAYING: Final = frozenset(("prompt", "steer", "follow_up"))
"""A failure of these is told with `rpc_command_error` too: a terminal waits for their turn."""


# --- decisions --------------------------------------------------------------------------------------------------------


async def answer(rpc: Rpc, dialog: str, result: Any) -> None:
    """A person's answer to a dialog (asking.py). The first one counts: what comes later, or is none, changes nothing.

    Raises: InvalidBody; what else the command raises.
    """
    request, number = number_of(dialog)
    entry = next((entry for entry in rpc.session.pending() if entry.request == request), None)
    if entry is None:
        rpc.given.pop(request, None)
        return
    command = _reply(rpc.given, entry, number, result)
    if command is None:
        return
    rpc.given.pop(request, None)
    try:
        await rpc.session.handle(command, rpc.by)
    except PermissionNotFound:
        return  # somebody else was quicker


def _reply(given: Given, entry: Pending, number: int, result: Any) -> c.AnyCommand | None:
    """What answers the request; None: that was no answer, or not the last one that it needs."""
    asked = entry.asked
    if isinstance(asked, e.PermissionAsked):
        return permission_reply(entry.request, result)
    if number >= len(asked.questions):
        return None
    labels = labels_of(asked.questions[number], result)
    if labels is None:
        return None
    so_far = given.setdefault(entry.request, {})
    so_far.setdefault(number, labels)
    return question_reply(asked, so_far)
