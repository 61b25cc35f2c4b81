"""Idempotency keys: who repeats a request is told what was accepted the first time."""

import hashlib

import msgspec
from msgspec import UNSET, Struct

from roost.model.errors import IdempotencyMismatch
from roost.model.events import Principal
from roost.model.ids import SessionId
from roost.model.info import Accepted
from roost.model.stored import KeyClaim


class Claim(Struct, frozen=True):
    """A client's idempotency key for one request."""

    principal: str
    key: str
    body_hash: bytes

    def of(self, accepted: Accepted) -> KeyClaim:
        outcome = msgspec.json.encode(accepted)
        return KeyClaim(principal=self.principal, key=self.key, body_hash=self.body_hash, outcome=outcome)

    def repeat(self, found: KeyClaim) -> Accepted:
        """What was accepted the first time. Raises: IdempotencyMismatch: that was another request."""
        if found.body_hash != self.body_hash:
            raise IdempotencyMismatch
        return msgspec.json.decode(found.outcome, type=Accepted)


def claim_for(by: Principal, key: str | None, command: Struct, session: SessionId | None = None) -> Claim | None:
    """The claim of this request; keys of one principal never meet those of another."""
    if key is None:
        return None
    body = msgspec.json.encode((session, type(command).__name__, command))
    return Claim(by.key if by.key is not UNSET else by.user, key, hashlib.sha256(body).digest())
