"""The hub's end of the link: what is owed to one host, as frames. No sockets, no tasks.

Whoever owns the socket feeds `received` with what came in, and sends what `take` gives whenever `pending` is true.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final

from roost.link.frames import PROTOCOL, Ack, Answer, Ask, Beat, Commands, Frame, Refused, Welcome, encode_frame
from roost.model.envelope import Event
from roost.model.errors import ProtocolMismatch
from roost.model.ids import Seq

ACCEPTED_PROTOCOLS: Final = frozenset((PROTOCOL, PROTOCOL - 1)) - {0}
CURSOR_EVERY: Final = 256
"""Tell a host how far its cursor is after this many events without a command in them."""


def check_protocol(protocol: int) -> None:
    """Raises: ProtocolMismatch: this hub speaks neither this protocol nor calls it the previous one."""
    if protocol not in ACCEPTED_PROTOCOLS:
        supported = sorted(ACCEPTED_PROTOCOLS)
        raise ProtocolMismatch(f"link protocol {protocol} is not spoken here; use {supported}", supported=supported)


class HubEnd:
    """Frames owed to one host. Acknowledgements are cumulative: only the newest is ever waiting."""

    def __init__(self) -> None:
        self._owed: deque[Frame] = deque()
        self._ack: Ack | None = None
        self._cursor: Seq = 0
        self.refused = False

    @property
    def pending(self) -> bool:
        return bool(self._owed) or self._ack is not None

    def welcome(self, *, acked: int, starting: Seq, cursor: Seq) -> None:
        self._owed.append(Welcome(protocol=PROTOCOL, acked=acked, starting=starting))
        self._cursor = cursor

    def refuse(self, code: str, message: str) -> None:
        """The last frame there will be."""
        self._owed.clear()
        self._ack = None
        self._owed.append(Refused(code=code, message=message))
        self.refused = True

    def committed(self, commands: Sequence[Event], head: Seq) -> None:
        """The log has grown to `head`; `commands` are those of the new events that the host must read."""
        if self.refused or (not commands and head - self._cursor < CURSOR_EVERY):
            return
        self._flush_ack()
        self._owed.append(Commands(cursor=head, events=list(commands)))
        self._cursor = head

    def acknowledge(self, acked: int, seq: Seq) -> None:
        """Everything up to producer_seq `acked` is durable."""
        if not self.refused:
            self._ack = Ack(acked=acked, seq=seq)

    def beat(self) -> None:
        if not self.pending:
            self._owed.append(Beat())

    def ask(self, ask: Ask) -> None:
        self._owed.append(ask)

    def answer(self, answer: Answer) -> None:
        self._owed.append(answer)

    def take(self) -> list[bytes]:
        """Everything owed, encoded, in order."""
        self._flush_ack()
        frames = [encode_frame(frame) for frame in self._owed]
        self._owed.clear()
        return frames

    def _flush_ack(self) -> None:
        if self._ack is not None:
            self._owed.append(self._ack)
            self._ack = None
