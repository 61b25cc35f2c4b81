"""Inputs as words: all that a keyboard can give."""

import mimetypes
import tempfile
from collections.abc import Sequence
from pathlib import Path

from anyio import to_thread

from roost.model import events as e
from roost.ports import Turn


async def as_text(parts: Sequence[e.InputPart], turn: Turn) -> str:
    """The texts; of each file the name of one that holds it. Raises: BlobNotFound, InvalidBody."""
    words: list[str] = []
    for part in parts:
        match part:
            case e.TextInput():
                words.append(part.text)
            case e.FileInput():
                content = await turn.fetch(part)
                words.append(str(await to_thread.run_sync(_kept, content, part)))
    return "\n".join(words)


def _kept(content: bytes, part: e.FileInput) -> Path:
    """In a folder of its own: an agent reads it when it likes."""
    name = Path(str(part.filename or "")).name or f"file{mimetypes.guess_extension(part.mime) or ''}"
    path = Path(tempfile.mkdtemp(prefix="roost-prompt-")) / name
    path.write_bytes(content)
    return path
