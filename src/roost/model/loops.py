"""A loop over runs, as the record keeps it: its goal, and how far it has come."""

from typing import Any, Final

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from roost.model import events as e

LOOP_ENDS: Final = frozenset(("completed", "cancelled", "blocked"))
"""Statuses after which a loop does nothing more."""


class LoopState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Times in ms. `checkpoint_at`: when the last iteration began or ended, which a hub that starts goes on from."""

    loop: e.Loop
    status: str = "starting"
    iteration: int = 0
    id: str | UnsetType = UNSET
    summary: str | UnsetType = UNSET
    next_action: str | UnsetType = UNSET
    started_at: int | UnsetType = UNSET
    updated_at: int | UnsetType = UNSET
    completed_at: int | UnsetType = UNSET
    checkpoint_at: int | UnsetType = UNSET


def looped(before: LoopState | UnsetType, body: e.LoopUpdated, at: int) -> LoopState:
    """The loop after this event, at `at` (ms)."""
    state = LoopState(loop=e.Loop()) if before is UNSET else before
    given: dict[str, Any] = {
        name: value for name in ("id", "loop", "summary", "next_action") if (value := getattr(body, name)) is not UNSET
    }
    begins = body.id is not UNSET or state.started_at is UNSET
    if begins:
        given["started_at"] = at
    if begins or body.iteration != state.iteration:
        given["checkpoint_at"] = at
    given["completed_at"] = at if body.status in LOOP_ENDS else UNSET
    return replace(state, status=body.status, iteration=body.iteration, updated_at=at, **given)
