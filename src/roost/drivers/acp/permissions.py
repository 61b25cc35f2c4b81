"""A request of the agent as our permission, and our answer as one of the options it has offered. Pure.

An answer is never given as more than the person said. "Always" is granted by Roost, for this session, until it is taken
back; the agent is told "once" and asks again, which Roost answers. An agent's own "always" may last longer than the
session (Codex writes it into its rules) and cannot be taken back.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import UNSET

from roost.drivers.acp.calls import ToolCall
from roost.drivers.acp.raw import table
from roost.model.events import PermissionAsked, PermissionReplied, ToolRef
from roost.model.ids import MessageId, new_request_id

CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "once": ("allow_once",),
    "always": ("allow_once", "allow_always"),
    "reject": ("reject_once", "reject_always"),
}
"""Kinds of options that an answer may be given as, the best first."""
CANCELLED: Final[dict[str, Any]] = {"outcome": {"outcome": "cancelled"}}


def asked_for(
    call: ToolCall, given: Mapping[str, Any], message: MessageId, workspace: Path, options: Sequence[Mapping[str, Any]]
) -> PermissionAsked:
    """What a person decides: which tool, on what. `given`: the call as the request has it, which counts, whatever was
    said of the call before. The options are kept as the agent has named them, with the replies that they stand for."""
    patterns = _patterns(call, table(given.get("rawInput")) or table(call.input), workspace)
    return PermissionAsked(
        request=new_request_id(),
        permission=call.tool,
        patterns=patterns,
        always=tuple(literal(pattern) for pattern in patterns),
        metadata={
            "title": call.title,
            "options": [dict(option) for option in options],
            "replies": [reply for reply in CHOICES if _chosen(reply, options) is not None],
        },
        tool=ToolRef(message=message, call=call.call),
    )


def outcome(reply: PermissionReplied, options: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Our answer in the agent's words. Nobody answered, or nothing it offers is what was said: cancelled."""
    chosen = _chosen(reply.reply, options)
    return CANCELLED if chosen is None else {"outcome": {"outcome": "selected", "optionId": chosen["optionId"]}}


def allowed(options: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The answer to what need not be asked."""
    chosen = _chosen("once", options) or _chosen("always", options)
    return CANCELLED if chosen is None else {"outcome": {"outcome": "selected", "optionId": chosen["optionId"]}}


def _chosen(reply: str, options: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The option that says this, and no more than that needs."""
    kinds = CHOICES.get(reply, ())
    return next((option for kind in kinds for option in options if option.get("kind") == kind), None)


def feedback(asked: PermissionAsked, reply: PermissionReplied) -> str | None:
    """What the agent is told in its next turn: the protocol has no place for the words of a rejection."""
    if reply.reply != "reject" or reply.message is UNSET or not reply.message:
        return None
    return f"The user did not allow `{asked.permission}` on {', '.join(asked.patterns)}, and said: {reply.message}"


def literal(pattern: str) -> str:
    """A glob that matches this text alone."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in pattern)


def _patterns(call: ToolCall, given: Mapping[str, Any], workspace: Path) -> tuple[str, ...]:
    """The command, or the files relative to the workspace; what the agent calls it, if it names neither."""
    command = given.get("command") or given.get("cmd")
    if call.tool == "bash" and command:
        return (command if isinstance(command, str) else " ".join(map(str, command)),)
    return tuple(_relative(path, workspace) for path in call.paths) or (call.title,)


def _relative(path: str, workspace: Path) -> str:
    try:
        return str(Path(path).relative_to(workspace))
    except ValueError:
        return path
