"""Reading an agent's records, one JSON object per line, from either end. Reads are bounded; nothing is ever written.

A line that is no JSON object is passed over: the last one may be half written, and anybody may have edited the others.
All functions block. Raises, everywhere: OSError, the file cannot be read.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import msgspec

Record: TypeAlias = dict[str, Any]

HEAD_BYTES: Final = 1024 * 1024
"""How far into a file its first records are looked for."""
TAIL_BYTES: Final = 4 * 1024 * 1024
"""How far back from its end its last ones are."""
BLOCK_BYTES: Final = 64 * 1024
_decode: Final = msgspec.json.Decoder().decode


def head(path: Path, *, limit: int, max_bytes: int = HEAD_BYTES) -> Iterator[Record]:
    """The first `limit` lines that are whole, as far as they begin and end in the first `max_bytes`."""
    left = max_bytes
    with path.open("rb") as file:
        for _ in range(limit):
            line = file.readline(left)
            if not line.endswith(b"\n"):
                return
            left -= len(line)
            if (record := read_line(line)) is not None:
                yield record


def backwards(path: Path, *, max_bytes: int = TAIL_BYTES, block_bytes: int = BLOCK_BYTES) -> Iterator[Record]:
    """The records of the last `max_bytes`, the newest first. Bytes are joined before they are decoded, so that no
    character is cut; what is appended meanwhile is not seen."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        start, later = end, list[bytes]()  # the blocks of a line whose beginning is not reached yet, the last first
        while start > max(0, end - max_bytes):
            size = min(block_bytes, start - max(0, end - max_bytes))
            start -= size
            file.seek(start)
            *lines, last = file.read(size).split(b"\n")
            if not lines:
                later.append(last)
                continue
            yield from _read(b"".join((last, *reversed(later))))
            for line in reversed(lines[1:]):
                yield from _read(line)
            later = [lines[0]]
        if start == 0:
            yield from _read(b"".join(reversed(later)))


def read_line(line: bytes) -> Record | None:
    """None: it is no JSON object."""
    try:
        record = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return cast(Record, record) if isinstance(record, dict) else None


def _read(line: bytes) -> Iterator[Record]:
    if line and (record := read_line(line)) is not None:
        yield record
