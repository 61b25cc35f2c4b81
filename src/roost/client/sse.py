"""Server-sent events, from bytes in any chunks to blocks. Pure: no I/O, no clock."""

from msgspec import Struct

from roost.model.errors import BodyTooLarge

MAX_BLOCK_BYTES = 4 * 1024 * 1024
"""No frame of a hub comes near this; a peer that never ends its line is not a hub."""


class Block(Struct, frozen=True):
    """What stands between two empty lines. `data` is None in a block that only moves the cursor (`id:` alone)."""

    id: str | None = None
    event: str | None = None
    data: bytes | None = None


class SseParser:
    """Feed it chunks as they come; it returns the blocks that they complete. Comments vanish."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._after_cr = False
        self._started = False
        self._id: str | None = None
        self._event: str | None = None
        self._data: list[bytes] = []
        self._data_bytes = 0

    def feed(self, chunk: bytes) -> list[Block]:
        """Raises: BodyTooLarge: a line or a block is longer than `MAX_BLOCK_BYTES`."""
        if self._after_cr and chunk:
            self._after_cr = False
            if chunk.startswith(b"\n"):  # the second half of a CRLF that was cut in two
                chunk = chunk[1:]
        begun = len(self._buffer)
        self._buffer += chunk
        end = max(self._buffer.rfind(b"\n", begun), self._buffer.rfind(b"\r", begun)) + 1
        if not end:
            self._check(len(self._buffer))
            return []
        whole = bytes(self._buffer[:end])
        del self._buffer[:end]
        self._after_cr = whole.endswith(b"\r") and not self._buffer
        return [block for line in whole.splitlines() if (block := self._line(line)) is not None]

    def _line(self, line: bytes) -> Block | None:
        if not self._started:
            self._started = True
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            return self._dispatch()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"data":
                self._data.append(value)
                self._data_bytes += len(value) + 1
                self._check(self._data_bytes)
            case b"id" if b"\0" not in value:
                self._id = value.decode(errors="replace")
            case b"event":
                self._event = value.decode(errors="replace")
            case _:
                pass  # comments, `retry`, and fields of the future
        return None

    def _dispatch(self) -> Block | None:
        data = b"\n".join(self._data) if self._data else None
        block = Block(self._id, self._event, data)
        self._id = self._event = None
        self._data = []
        self._data_bytes = 0
        return None if block.id is None and data is None else block

    def _check(self, size: int) -> None:
        if size > MAX_BLOCK_BYTES:
            raise BodyTooLarge("an event stream sent a block without end", limit_bytes=MAX_BLOCK_BYTES)
