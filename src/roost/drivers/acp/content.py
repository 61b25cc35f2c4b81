"""An input as blocks of a prompt, as far as the agent can take them."""

import base64
import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from anyio import to_thread

from roost.drivers.acp.reports import FOLDER
from roost.drivers.acp.within import FILE, folder
from roost.model.errors import AgentFailed
from roost.model.events import FileInput, InputPart, TextInput
from roost.ports import Turn


async def blocks_of(parts: Sequence[InputPart], turn: Turn, able: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`able`: the agent's `promptCapabilities`. What it cannot take is put into the workspace, out of git's sight, and
    named to it: every agent takes names of files. Raises: BlobNotFound, InvalidBody; AgentFailed: there is no place
    for it."""
    blocks: list[dict[str, Any]] = []
    for number, part in enumerate(parts):
        if isinstance(part, TextInput):
            blocks.append({"type": "text", "text": part.text})
        else:
            blocks.append(await _file(part, f"file-{number}", turn, able))
    return blocks


async def _file(part: FileInput, name: str, turn: Turn, able: Mapping[str, Any]) -> dict[str, Any]:
    data = await turn.fetch(part)
    kind, mime = part.mime.partition("/")[0], part.mime
    if kind in ("image", "audio") and able.get(kind):
        return {"type": kind, "data": base64.b64encode(data).decode(), "mimeType": mime}
    named = Path(part.filename or name).name
    named = name if named in ("", "..") or "\0" in named else named
    if able.get("embeddedContext") and (kind == "text" or mime == "application/json"):
        text = data.decode(errors="replace")
        return {"type": "resource", "resource": {"uri": f"file:///{named}", "mimeType": mime, "text": text}}
    try:
        path = await to_thread.run_sync(_write, turn.workspace, named, data)
    except OSError as error:
        raise AgentFailed(f"{named} could not be put into {FOLDER} of the workspace: {error}") from None
    return {"type": "resource_link", "uri": path.as_uri(), "name": named, "mimeType": mime, "size": len(data)}


def _write(workspace: Path, name: str, data: bytes) -> Path:
    """Raises: OSError: something else has the name of a folder, such as a link that leads away."""
    with suppress(FileExistsError), folder(workspace, (FOLDER,), make=True) as own:
        _put(own, ".gitignore", b"*\n")
    parts = (FOLDER, "prompts", secrets.token_hex(6))
    with folder(workspace, parts, make=True) as place:
        _put(place, name, data)
    return workspace.joinpath(*parts, name)


def _put(place: int, name: str, data: bytes) -> None:
    """A new file in this folder. Raises: OSError."""
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | FILE, 0o600, dir_fd=place)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
