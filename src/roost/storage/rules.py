"""What every store decides in the same way: who may write, what is known already, which cursors are good."""

from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct

from roost.model.envelope import BY_TAG, DELTAS
from roost.model.errors import (
    CursorAhead,
    CursorTrimmed,
    IdempotencyMismatch,
    LibraryFull,
    NameTaken,
    ProducerGap,
    RoostError,
    StaleEpoch,
    StateConflict,
)
from roost.model.events import Principal
from roost.model.ids import Epoch, Seq, SessionId
from roost.model.record import Record
from roost.model.stored import Append, Item, KeyClaim

CLAIM_MS: Final = 24 * 60 * 60 * 1000
"""How long an idempotency key is held."""
DELTA_TAGS: Final[dict[type, str]] = {cls: tag for tag, cls in BY_TAG.items() if cls in DELTAS}


MAX_ITEMS: Final = 1000
"""Things of one kind in the library that one organisation may keep, or that may belong to one other."""


class Fence(Struct):
    """What decides whether an append is let in. The store's own copy, moved by `advance`."""

    head: Seq = 0
    first: Seq = 1
    epoch: Epoch = 0
    produced: int = 0
    state_seq: Seq = 0


def admit_item(item: Item, revision: int, *, taken: bool, kept: int) -> None:
    """Whether this may be kept, where there is `revision` of it (0: nothing), another one of this name or not, and
    `kept` like it. Raises: StateConflict, NameTaken, LibraryFull."""
    if item.revision != revision + 1:
        raise StateConflict(f"The {item.kind} {item.id} has changed meanwhile.")
    if taken:
        raise NameTaken(f"The library holds another {item.kind} by this name.", kind=item.kind)
    if not revision and kept >= MAX_ITEMS:
        raise LibraryFull(kind=item.kind, limit=MAX_ITEMS)


def admit(fence: Fence, append: Append) -> int:
    """How many leading drafts are known already. Raises: StaleEpoch, ProducerGap, StateConflict."""
    writer = append.writer
    if writer is not None and writer.epoch != fence.epoch:
        raise StaleEpoch(f"Epoch {fence.epoch} holds the session, not {writer.epoch}.", epoch=fence.epoch)
    if append.expect is not None and append.expect != fence.state_seq:
        raise StateConflict(state_seq=fence.state_seq)
    if append.record is not None and append.record.epoch < fence.epoch:
        raise StateConflict("This record is of an older epoch.", state_seq=fence.state_seq)
    if writer is None:
        return 0
    known = fence.produced + 1 - writer.first
    if known < 0 or writer.first < 1:
        raise ProducerGap(expected=fence.produced + 1)
    return min(known, len(append.drafts))


def advance(fence: Fence, append: Append, new: int) -> Seq:
    """Move the fence over `new` events and the record; returns the seq of the first of them."""
    first = fence.head + 1
    fence.head += new
    if append.writer is not None:
        fence.produced += new
    if append.record is not None:
        if append.record.epoch > fence.epoch:
            fence.produced = 0
        fence.epoch = append.record.epoch
        fence.state_seq = append.record.state_seq
    return first


def founding(append: Append) -> Record:
    """The record of a new session."""
    if append.record is None or append.writer is not None:
        raise ValueError("a session is created by the hub, with its record")
    return append.record


def taken(claim: KeyClaim, held_hash: bytes) -> RoostError:
    """Why a claim on a held key is refused."""
    if held_hash != claim.body_hash:
        return IdempotencyMismatch()
    return StateConflict("This idempotency key was accepted before.", claimed=True)


def expired(claimed_at: int, at: int) -> bool:
    return at - claimed_at >= CLAIM_MS


def check_cursor(after: Seq, *, head: Seq, first: Seq) -> None:
    """Raises: CursorAhead, CursorTrimmed."""
    if after > head:
        raise CursorAhead(head=head)
    if after + 1 < first:
        raise CursorTrimmed(first=first)


def deleted_fact(
    session: SessionId, *, by: Principal | None, at: int, kept: str | None, owner: Principal, visibility: str
) -> dict[str, Any]:
    """What the hub feed keeps of a deleted session: also whose it was and who could see it. Absent: nobody in
    particular did it; no folder kept."""
    whose = {"user": owner.user} | ({} if owner.org is UNSET else {"org": owner.org})
    fact: dict[str, Any] = {"type": "session-deleted", "session": session, "at": at}
    fact |= {"owner": whose, "visibility": visibility}
    if by is not None:
        fact["by"] = msgspec.to_builtins(by)
    if kept is not None:
        fact["kept"] = kept
    return fact
