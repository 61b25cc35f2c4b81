"""Files that are there once they are whole, and stay."""

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from roost.durable import put


async def write_whole(target: Path, pieces: AsyncIterator[bytes]) -> int:
    """Into the file, which is there when it is whole. The bytes written."""
    size = 0
    if target == Path("-"):
        async for piece in pieces:
            size += sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return size
    draft = target.with_name(f".{target.name}.new")
    try:
        with draft.open("wb") as file:
            draft.chmod(0o600)
            async for piece in pieces:
                size += file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        put(draft, target)
    finally:
        draft.unlink(missing_ok=True)
    return size
