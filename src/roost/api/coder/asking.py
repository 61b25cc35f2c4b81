"""Requests that wait for a person, as dialogs of the published clients and back (hub-wire 12).

A permission is one `select`. A question is one dialog per question of it, `REQUEST#NUMBER`, told at once; the answers
are gathered until all are there (rpc.py). A client that answers null has shown no dialog, or its person closed it: the
request goes on waiting, for others and for when that client comes back.
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from roost.core.answering import answered_by_policy
from roost.model import commands as c
from roost.model import events as e
from roost.model.ids import RequestId
from roost.model.record import Pending, Record

ONCE: Final = "Allow once"
ALWAYS: Final = "Always allow"
REJECT: Final = "Reject"
MAX_TITLE_CHARS: Final = 2000
_MARK: Final = "#"


class Dialog(Struct, frozen=True, kw_only=True):
    """A `rpc_ui_request`."""

    id: str
    method: str
    params: dict[str, Any]


def dialogs(record: Record, entry: Pending) -> list[Dialog]:
    """What a person is asked; nothing if a rule or the policy of the session answers."""
    if answered_by_policy(record, entry) is not None:
        return []
    asked = entry.asked
    if isinstance(asked, e.PermissionAsked):
        options = [ONCE, ALWAYS, REJECT] if asked.always else [ONCE, REJECT]
        what = f"{asked.permission}: {', '.join(asked.patterns) or '*'}"
        return [Dialog(id=asked.request, method="select", params={"title": what[:MAX_TITLE_CHARS], "options": options})]
    return [_dialog(f"{asked.request}{_MARK}{n}", question) for n, question in enumerate(asked.questions)]


def _dialog(name: str, question: e.Question) -> Dialog:
    title = " - ".join(filter(None, (question.header or "", question.question)))[:MAX_TITLE_CHARS]
    labels = [option.label for option in question.options]
    if labels and not question.multiple and not question.custom:
        return Dialog(id=name, method="select", params={"title": title, "options": labels})
    hint = ", ".join(labels) if question.multiple else " | ".join(labels)
    return Dialog(id=name, method="input", params={"title": title, "placeholder": hint})


def number_of(dialog: str) -> tuple[RequestId, int]:
    """The request a dialog belongs to, and which question of it."""
    request, mark, number = dialog.rpartition(_MARK)
    if not mark or not (number.isascii() and number.isdigit()):
        return RequestId(dialog), 0
    return RequestId(request), int(number)


def permission_reply(request: RequestId, result: Any) -> c.ReplyPermission | None:
    """None: that is no answer."""
    match result:
        case str() if result == ONCE:
            return c.ReplyPermission(request=request, reply="once")
        case str() if result == ALWAYS:
            return c.ReplyPermission(request=request, reply="always")
        case True:
            return c.ReplyPermission(request=request, reply="once")
        case str() if result == REJECT:
            return c.ReplyPermission(request=request, reply="reject")
        case False:
            return c.ReplyPermission(request=request, reply="reject")
        case _:
            return None


def labels_of(question: e.Question, result: Any) -> tuple[str, ...] | None:
    """The answer to one question: labels or own words. None: that is no answer."""
    if not isinstance(result, str) or not result.strip():
        return None
    if not question.multiple:
        return (result.strip(),)
    return tuple(filter(None, (entry.strip() for entry in result.split(","))))


def question_reply(asked: e.QuestionAsked, given: Mapping[int, tuple[str, ...]]) -> c.ReplyQuestion | None:
    """The answers to all questions of a request; None: some are missing."""
    if any(number not in given for number in range(len(asked.questions))):
        return None
    return c.ReplyQuestion(request=asked.request, answers=tuple(given[n] for n in range(len(asked.questions))))
