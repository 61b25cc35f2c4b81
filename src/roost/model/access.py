"""Who may see a session, and who may act in it (docs/adr/0008): one rule for stores, hub and streams."""

from typing import Any, Final, Literal

from msgspec import UNSET, UnsetType

from roost.model.events import Principal

Scope = Literal["observer", "controller", "admin"]
RANK: Final[dict[str, int]] = {"observer": 0, "controller": 1, "admin": 2}
"""What each scope may do: look; act in sessions; handle keys. Each may do what those before it may."""


def org_of(who: Principal) -> str:
    """Whoever names no organisation is of the one without a name."""
    return who.org if who.org is not UNSET else ""


def is_owner(owner: Principal, by: Principal) -> bool:
    """The same user of the same organisation, with whatever key; the hub itself owns everything."""
    return by.kind == "service" or (owner.user == by.user and org_of(owner) == org_of(by))


def may_see(visibility: str, owner: Principal, by: Principal) -> bool:
    """Private sessions are their owner's alone; the others may be watched by everybody of the owner's organisation."""
    return is_owner(owner, by) or (visibility != "private" and org_of(owner) == org_of(by))


def may_act(visibility: str, owner: Principal, by: Principal) -> bool:
    """Act in it: the owner, and in a session to collaborate on everybody of the owner's organisation."""
    return is_owner(owner, by) or (visibility == "collaborate" and org_of(owner) == org_of(by))


def may_see_machine(by: Principal) -> bool:
    """Where on the hub's machine something lies is for keys without an organisation: those of whoever runs it."""
    return by.kind == "service" or org_of(by) == ""


def may_see_fact(fact: dict[str, Any] | UnsetType, by: Principal) -> bool:
    """Whether a deletion may be told: its fact says whose the session was, and who might see it."""
    if by.kind == "service":
        return True
    if fact is UNSET or not isinstance(fact.get("owner"), dict):
        return False
    owner = Principal(user=str(fact["owner"].get("user")), org=fact["owner"].get("org", UNSET))
    return may_see(str(fact.get("visibility", "private")), owner, by)
