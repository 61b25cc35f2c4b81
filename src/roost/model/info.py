"""What the API serves about sessions. Derived from the record and the live link, never stored."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from roost.model.events import Failure, Principal, WorkspaceSpec
from roost.model.ids import Pos, RunId, Seq, SessionId
from roost.model.lifecycle import View, view
from roost.model.record import Metrics, Pending, Record, Run


class SessionInfo(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A session in a list or by itself. Times in milliseconds since the epoch. `status`: idle, busy, compacting or
    error. `view`: the lifecycle as the wire shows it. `seq`: the last event's cursor."""

    session: SessionId
    label: str
    status: str
    phase: str
    view: View
    agent: str
    workspace: WorkspaceSpec
    owner: Principal
    visibility: str
    created_at: int
    updated_at: int
    seq: Seq
    epoch: int
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] | UnsetType = UNSET
    task: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    hidden: bool = False
    run: Run | UnsetType = UNSET
    last_run: Run | UnsetType = UNSET
    pending: int = 0
    queued: int = 0
    error: Failure | UnsetType = UNSET


class SessionList(Struct, frozen=True, kw_only=True):
    """One page of a list; `total` counts all that match."""

    sessions: list[SessionInfo]
    total: int


class Accepted(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A command was recorded: its last event has `seq`; `run` is the run it made or belongs to."""

    session: SessionId
    seq: Seq
    run: RunId | UnsetType = UNSET


class PendingList(Struct, frozen=True, kw_only=True):
    pending: tuple[Pending, ...]


class Deleted(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`kept`: the path of a folder that was left in place."""

    session: SessionId
    pos: Pos
    kept: str | UnsetType = UNSET


class Health(Struct, frozen=True, kw_only=True):
    status: str
    version: str


def info_of(record: Record, *, seq: Seq, linked: bool, detail: bool = True) -> SessionInfo:
    """The served view of a record. `linked`: its host's link is up. Lists leave out `task` and `metadata`."""
    return SessionInfo(
        session=record.session,
        label=record.label,
        status=record.status,
        phase=record.phase.value,
        view=view(record.phase, mode=record.mode, linked=linked),
        agent=record.agent,
        workspace=record.workspace,
        owner=record.owner,
        visibility=record.visibility,
        created_at=record.created_at,
        updated_at=record.updated_at,
        seq=seq,
        epoch=record.epoch,
        tags=record.tags,
        metadata=record.metadata if detail else UNSET,
        task=record.task if detail else UNSET,
        model=record.model,
        hidden=record.hidden,
        run=record.run,
        last_run=record.last_run,
        pending=len(record.pending),
        queued=len(record.queue),
        error=record.error,
    )


__all__ = ["Accepted", "Deleted", "Health", "Metrics", "PendingList", "SessionInfo", "SessionList", "info_of"]
