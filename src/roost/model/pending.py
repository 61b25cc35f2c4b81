"""What waits for a person, and what their answers make of it. Pure."""

from typing import Final

from msgspec import UNSET, Struct, UnsetType

from roost.model import events as e
from roost.model.envelope import Event
from roost.model.errors import IllegalTransition, PermissionNotFound
from roost.model.ids import RequestId, RunId, Seq
from roost.model.rules import always

MAX_GRANTED: Final = 200
"""Rules that "always" has made; beyond them the oldest are forgotten, and asked about again."""

_SETTLES: Final[dict[type, type | tuple[type, ...]]] = {
    e.PermissionReplied: e.PermissionAsked,
    e.QuestionReplied: e.QuestionAsked,
    e.RequestWithdrawn: (e.PermissionAsked, e.QuestionAsked),
}


class Pending(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A permission or question that waits for a person."""

    request: RequestId
    seq: Seq
    at: int
    asked: e.PermissionAsked | e.QuestionAsked
    run: RunId | UnsetType = UNSET


def with_asked(
    pending: tuple[Pending, ...], body: e.PermissionAsked | e.QuestionAsked, event: Event
) -> tuple[Pending, ...]:
    """Raises: IllegalTransition: it is open already."""
    if any(entry.request == body.request for entry in pending):
        raise IllegalTransition(f"request {body.request} is pending already")
    return (*pending, Pending(request=body.request, seq=event.seq, at=event.at, asked=body, run=event.run))


def without(
    pending: tuple[Pending, ...], body: e.PermissionReplied | e.QuestionReplied | e.RequestWithdrawn
) -> tuple[Pending, ...]:
    """Answered, or not asked any more. Raises: PermissionNotFound: nothing of this kind is open."""
    wanted = _SETTLES[type(body)]
    left = tuple(p for p in pending if p.request != body.request or not isinstance(p.asked, wanted))
    if len(left) == len(pending):
        raise PermissionNotFound(f"request {body.request} is not open")
    return left


def granting(
    granted: tuple[e.Rule, ...], pending: tuple[Pending, ...], body: e.PermissionReplied | e.QuestionReplied
) -> tuple[e.Rule, ...]:
    """What is granted after this answer to one of them."""
    if not isinstance(body, e.PermissionReplied) or body.reply != "always":
        return granted
    asked = next(p.asked for p in pending if p.request == body.request)
    return (*granted, *(rule for rule in always(asked) if rule not in granted))[-MAX_GRANTED:]
