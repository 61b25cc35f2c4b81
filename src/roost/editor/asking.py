"""A decision that waits for a person, as a request of the Agent Client Protocol, and its answer as ours. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import UNSET

from roost.editor.telling import KINDS
from roost.model import events as e

ONCE: Final = {"optionId": "once", "name": "Allow once", "kind": "allow_once"}
REJECT: Final = {"optionId": "reject", "name": "Reject", "kind": "reject_once"}
SKIP: Final = {"optionId": "reject", "name": "Do not answer", "kind": "reject_once"}
MAX_NAME_CHARS: Final = 120

Answer = str | tuple[tuple[str, ...], ...]
"""Of a permission: `once`, `always` or `reject`. Of a question: `reject`, or what was chosen."""


def request_of(asked: e.PermissionAsked | e.QuestionAsked) -> dict[str, Any] | None:
    """`toolCall` and `options` of `session/request_permission`; None: the protocol has no way to ask that."""
    return _permission(asked) if isinstance(asked, e.PermissionAsked) else _question(asked)


def answer_of(asked: e.PermissionAsked | e.QuestionAsked, outcome: Mapping[str, Any]) -> Answer | None:
    """None: the editor has not decided; it has cancelled the turn, or has gone."""
    chosen = outcome.get("optionId") if outcome.get("outcome") == "selected" else None
    if not isinstance(chosen, str):
        return None
    if isinstance(asked, e.PermissionAsked):
        return chosen if chosen in ("once", "always", "reject") else None
    if chosen == "reject":
        return chosen
    labels = [option.label for option in asked.questions[0].options]
    return ((labels[int(chosen)],),) if chosen.isdigit() and int(chosen) < len(labels) else None


def words_of(asked: e.QuestionAsked) -> str:
    """A question that an editor can only be told."""
    told = [" / ".join([each.question, *(option.label for option in each.options)]) for each in asked.questions]
    return f"\n[The agent asks, and waits: {'; '.join(told)}. Answer it with `roost answer`.]\n"


def _permission(asked: e.PermissionAsked) -> dict[str, Any]:
    about = asked.metadata if asked.metadata is not UNSET else {}
    patterns = ", ".join(asked.patterns)
    title = str(about.get("title") or f"{asked.permission} {patterns}".strip())
    always = {"optionId": "always", "name": f"Always allow {', '.join(asked.always)}"[:MAX_NAME_CHARS]}
    call = {
        "toolCallId": asked.request if asked.tool is UNSET else asked.tool.call,
        "title": title,
        "kind": KINDS.get(asked.permission, "other"),
        "status": "pending",
        "rawInput": {"permission": asked.permission, "patterns": list(asked.patterns)},
    }
    options = [ONCE, {**always, "kind": "allow_always"}, REJECT] if asked.always else [ONCE, REJECT]
    return {"toolCall": call, "options": options}


def _question(asked: e.QuestionAsked) -> dict[str, Any] | None:
    question = asked.questions[0] if len(asked.questions) == 1 else None
    if question is None or question.multiple or not question.options:
        return None
    options = [
        {"optionId": str(number), "name": option.label[:MAX_NAME_CHARS], "kind": "allow_once"}
        for number, option in enumerate(question.options)
    ]
    call = {"toolCallId": asked.request, "title": question.question, "kind": "other", "status": "pending"}
    return {"toolCall": call, "options": [*options, SKIP]}
