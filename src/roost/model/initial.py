"""What has become of the command that a session begins with, as far as its record keeps it. Pure."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from roost.model.envelope import Event
from roost.model.events import CommandUpdated, Failure
from roost.model.ids import Seq


class InitialRun(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Its last run: since `started_at`, the event at `seq`; over at `ended_at` (in ms). The rest: `command-updated`."""

    status: Literal["running", "ended", "failed"]
    seq: Seq
    started_at: int
    ended_at: int | UnsetType = UNSET
    exit_code: int | UnsetType = UNSET
    output: str | UnsetType = UNSET
    error: Failure | UnsetType = UNSET


def with_news(before: InitialRun | UnsetType, body: CommandUpdated, event: Event) -> InitialRun:
    """What is known after this. A host that was killed in the middle is followed by one that begins it anew."""
    if body.status == "running" or before is UNSET:
        begun, seq = event.at, event.seq
    else:
        begun, seq = before.started_at, before.seq
    return InitialRun(
        status=body.status,
        seq=seq,
        started_at=begun,
        ended_at=UNSET if body.status == "running" else event.at,
        exit_code=body.exit_code,
        output=body.output,
        error=body.error,
    )
