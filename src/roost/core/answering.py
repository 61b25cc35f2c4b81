"""What answers a request where no person does: a rule of the session, its policy, a deadline that has passed. Pure."""

from typing import Literal

from msgspec import UNSET

from roost.core.decision import HUB
from roost.model import events as e
from roost.model.envelope import Draft, draft
from roost.model.record import Pending, Record
from roost.model.rules import verdict


def answered_by_policy(record: Record, entry: Pending) -> Draft | None:
    """The reply that the session's rules, or its policy for when nobody is there, give to a request; None: a person
    decides. What a rule denies is feedback to the agent and stops nothing."""
    asked, policy = entry.asked, record.policy
    if not isinstance(asked, e.PermissionAsked):
        return None if policy.headless == "park" else _unanswered(entry, "headless")
    said = verdict(policy.rules, (), asked.permission, asked.patterns)
    if said == "ask" and verdict(policy.rules, record.granted, asked.permission, asked.patterns) == "allow":
        return _by_policy(entry, "once", "granted", None)
    if said != "ask":
        refused = f"a rule of this session denies {asked.permission}: {', '.join(asked.patterns) or '*'}"
        return _by_policy(entry, "reject" if said == "deny" else "once", "rule", refused)
    if policy.headless != "park":
        refused = "nobody is there to ask: this session rejects what its rules leave open"
        return _by_policy(entry, "once" if policy.headless == "allow" else "reject", "headless", refused)
    return None


def past_deadline(record: Record, entry: Pending) -> Draft:
    """The reply to a request that nobody has answered in time."""
    if isinstance(entry.asked, e.QuestionAsked):
        return _unanswered(entry, "deadline")
    reply: Literal["once", "reject"] = "once" if record.policy.action == "allow" else "reject"
    return _by_policy(entry, reply, "deadline", "nobody answered in time")


def _unanswered(entry: Pending, why: Literal["headless", "deadline"]) -> Draft:
    """Reject a question that nobody answers: the agent goes on without."""
    return draft(e.QuestionReplied(request=entry.request, reply="reject", why=why), run=entry.run, by=HUB)


def _by_policy(
    entry: Pending, reply: Literal["once", "reject"], why: Literal["rule", "granted", "headless", "deadline"],
    refused: str | None,
) -> Draft:  # fmt: skip
    message = refused if reply == "reject" and refused else UNSET
    return draft(
        e.PermissionReplied(request=entry.request, reply=reply, message=message, why=why), run=entry.run, by=HUB
    )
