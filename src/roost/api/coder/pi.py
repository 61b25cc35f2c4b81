"""Messages in the shape the published clients render: Pi's, whose content is a list of blocks (hub-wire 11.3)."""

from typing import Any, Final, cast

import msgspec
from msgspec import UNSET, Struct, UnsetType

from roost.model.conversation import ABORTED
from roost.model.events import Tokens
from roost.model.ids import PartId
from roost.model.messages import FilePart, Message, MessageInfo, Part, ReasoningPart, TextPart, ToolPart, ToolState
from roost.model.unreadable import UNREADABLE

API: Final = "roost"
"""What stands for the provider's interface, and for a provider that is not known."""
STOPS: Final[dict[str, str]] = {
    "stop": "stop",
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
    "tool-calls": "toolUse",
    "tool_use": "toolUse",
    "aborted": "aborted",
    "error": "error",
}
"""Why a message ended, in Pi's words; anything else is `stop`."""
LINE: Final = "\n"
_DATA: Final = "data:"


class Said(Struct, frozen=True):
    """A message as blocks, and at which of them each part stands."""

    message: dict[str, Any]
    places: dict[PartId, int]


def said(message: Message) -> Said:
    """An assistant message as far as it has been said. Its `id` is ours, so that no client takes two for one."""
    info = message.info
    content: list[dict[str, Any]] = []
    places: dict[PartId, int] = {}
    for part in message.parts:
        block = _block(part)
        if block is not None:
            places[part.id] = len(content)
            content.append(block)
    shaped: dict[str, Any] = {
        "id": info.id,
        "role": info.role,
        "content": content,
        "api": API,
        **_model(info),
        "usage": usage(Tokens() if info.tokens is UNSET else info.tokens, 0.0 if info.cost is UNSET else info.cost),
        "stopReason": stop_reason(info),
        "timestamp": info.created,
    }
    if info.error is not UNSET:
        shaped["errorMessage"] = info.error.message
    return Said(shaped, places)


def failed(name: str, at: int, reason: str, message: str) -> dict[str, Any]:
    """An assistant message without a word, for a turn that said none: it tells why the turn ended."""
    return {
        "id": name,
        "role": "assistant",
        "content": [],
        "api": API,
        "provider": API,
        "model": API,
        "usage": usage(Tokens(), 0.0),
        "stopReason": reason,
        "errorMessage": message,
        "timestamp": at,
    }


def usage(tokens: Tokens, cost: float) -> dict[str, Any]:
    """Complete, with zeros for what is not known: clients add it up unguarded."""
    total = tokens.input + tokens.output + tokens.reasoning + tokens.cache_read + tokens.cache_write
    return {
        "input": tokens.input,
        "output": tokens.output,
        "cacheRead": tokens.cache_read,
        "cacheWrite": tokens.cache_write,
        "totalTokens": total,
        "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0, "total": cost},
    }


def stop_reason(info: MessageInfo) -> str:
    if info.error is not UNSET:
        return "aborted" if info.error.code == ABORTED else "error"
    return STOPS.get(info.finish or "stop", "stop")


def arguments(part: ToolPart) -> dict[str, Any]:
    """What a tool is called with: an object, whatever the agent gave."""
    state = part.state
    given = state.input
    if given is UNSET and state.raw is not UNSET:
        try:
            given = msgspec.json.decode(state.raw)
        except UNREADABLE:
            given = {"raw": state.raw}
    return as_object(given)


def as_object(given: Any) -> dict[str, Any]:
    """Whatever a tool was given, as an object."""
    if given is UNSET or given is None:
        return {}
    return cast("dict[str, Any]", given) if isinstance(given, dict) else {"input": given}


def returned(state: ToolState) -> str:
    """What a tool came to, in words: its output; of one that failed what it had printed, and why it failed."""
    output = state.output or ""
    return joined(output, state.error or "") if state.status == "error" else output


def joined(output: str, error: str) -> str:
    """What was printed, then what was wrong, unless one of them says the other again."""
    if output.strip() in error or error.strip() in output:
        return max(output, error, key=len)
    return f"{output}{'' if output.endswith(LINE) else LINE}{error}"


def text_blocks(text: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text}] if text else []


def model_of(name: str | UnsetType) -> dict[str, str] | None:
    """`provider/id` as two. None: no name is known."""
    return split(name) if name else None


def split(name: str) -> dict[str, str]:
    """A name without a provider is served by one of its own."""
    provider, _, model = name.rpartition("/")
    return {"provider": provider or API, "id": model}


def whole(provider: str, model: str) -> str:
    """What `split` has made two of."""
    return model if provider in ("", API) else f"{provider}/{model}"


def _model(info: MessageInfo) -> dict[str, str]:
    named = model_of(info.model) or {"provider": API, "id": info.agent or API}
    return {"provider": named["provider"], "model": named["id"]}


def _block(part: Part) -> dict[str, Any] | None:
    match part:
        case TextPart():
            return {"type": "text", "text": part.text}
        case ReasoningPart():
            return {"type": "thinking", "thinking": part.text}
        case ToolPart():
            return {"type": "toolCall", "id": part.call, "name": part.tool or "tool", "arguments": arguments(part)}
        case FilePart(url=str(url), mime=mime) if mime.startswith("image/") and url.startswith(_DATA):
            return {"type": "image", "data": url.partition(",")[2], "mimeType": mime}
        case _:
            return None
