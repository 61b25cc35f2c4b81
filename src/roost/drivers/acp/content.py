"""An input as blocks of a prompt, as far as the agent can take them."""

import base64
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from anyio import to_thread

from roost.model.events import FileInput, InputPart, TextInput
from roost.ports import Turn


async def blocks_of(
    parts: Sequence[InputPart], turn: Turn, able: Mapping[str, Any], attic: Path
) -> list[dict[str, Any]]:
    """`able`: the agent's `promptCapabilities`. What it cannot take is written into `attic`, and named to it: every
    agent takes names of files. Raises: BlobNotFound, InvalidBody."""
    blocks: list[dict[str, Any]] = []
    for number, part in enumerate(parts):
        if isinstance(part, TextInput):
            blocks.append({"type": "text", "text": part.text})
        else:
            blocks.append(await _file(part, f"file-{number}", turn, able, attic))
    return blocks


async def _file(part: FileInput, name: str, turn: Turn, able: Mapping[str, Any], attic: Path) -> dict[str, Any]:
    data = await turn.fetch(part)
    kind, mime = part.mime.partition("/")[0], part.mime
    if kind in ("image", "audio") and able.get(kind):
        return {"type": kind, "data": base64.b64encode(data).decode(), "mimeType": mime}
    named = Path(part.filename or name).name or name
    if able.get("embeddedContext") and (kind == "text" or mime == "application/json"):
        text = data.decode(errors="replace")
        return {"type": "resource", "resource": {"uri": f"file:///{named}", "mimeType": mime, "text": text}}
    path = await to_thread.run_sync(_write, attic, named, data)
    return {"type": "resource_link", "uri": path.as_uri(), "name": named, "mimeType": mime, "size": len(data)}


def _write(attic: Path, name: str, data: bytes) -> Path:
    path = Path(tempfile.mkdtemp(dir=attic)) / name
    path.write_bytes(data)
    return path
