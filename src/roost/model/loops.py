"""A loop over runs, as the record keeps it: its goal, and how far it has come."""

from typing import Any, Final

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from roost.model import events as e
from roost.model.envelope import Event
from roost.model.ids import RunId

LOOP_ENDS: Final = frozenset(("completed", "cancelled", "blocked", "idle"))
"""Statuses after which a loop does nothing more. `idle`: the session has no loop any more."""


class LoopState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Times in ms. `checkpoint_at`: when the last iteration began, which a hub that starts goes on from. `run`: of that
    iteration. `said`: what the agent has said of its goal since then."""

    loop: e.Loop
    status: e.LoopStatus = "starting"
    iteration: int = 0
    id: str | UnsetType = UNSET
    run: RunId | UnsetType = UNSET
    said: e.GoalUpdated | UnsetType = UNSET
    summary: str | UnsetType = UNSET
    next_action: str | UnsetType = UNSET
    started_at: int | UnsetType = UNSET
    updated_at: int | UnsetType = UNSET
    completed_at: int | UnsetType = UNSET
    checkpoint_at: int | UnsetType = UNSET


def judged(state: LoopState | UnsetType, body: e.GoalUpdated) -> LoopState | UnsetType:
    """The loop after the agent's verdict on its goal; a session without one takes no note of it."""
    return UNSET if state is UNSET else replace(state, said=body)


def looped(before: LoopState | UnsetType, body: e.LoopUpdated, event: Event) -> LoopState:
    """The loop after this event."""
    state = LoopState(loop=e.Loop()) if before is UNSET else before
    if body.id is not UNSET:
        state = LoopState(loop=state.loop, id=body.id, started_at=event.at)
    begins = event.run is not UNSET and event.run != state.run
    given: dict[str, Any] = {} if body.loop is UNSET else {"loop": body.loop}
    for name in ("summary", "next_action"):  # of an iteration that begins, or of the end, also that there is none
        if begins or body.status in LOOP_ENDS or getattr(body, name) is not UNSET:
            given[name] = getattr(body, name)
    if begins:
        given |= {"run": event.run, "said": UNSET, "checkpoint_at": event.at}
    given["completed_at"] = event.at if body.status in LOOP_ENDS else UNSET
    return replace(state, status=body.status, iteration=body.iteration, updated_at=event.at, **given)
