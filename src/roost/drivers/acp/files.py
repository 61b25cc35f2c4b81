"""Files that the agent has us read and write for it: inside the workspace only.

Some agents call these though they were told that they need not. Without a sandbox an agent can write elsewhere by
itself; what it asks of us stays inside.
"""

import os
from itertools import islice
from pathlib import Path
from typing import Any, Final

from acp import RequestError
from acp.schema import ReadTextFileRequest, WriteTextFileRequest
from anyio import to_thread

from roost.drivers.acp.within import FILE, folder

MAX_FILE_BYTES: Final = 16 * 1024 * 1024
"""A larger file is not read for an agent."""


async def read_text_file(workspace: Path, params: dict[str, Any]) -> dict[str, Any]:
    """`line` counts from 1. Raises: RequestError, ValidationError."""
    asked = ReadTextFileRequest.model_validate(params)
    first = max((asked.line or 1) - 1, 0)
    last = None if asked.limit is None else first + asked.limit

    def read() -> str:
        root, parts = parts_of(workspace, asked.path)
        with folder(root, parts[:-1]) as place:
            descriptor = os.open(parts[-1], os.O_RDONLY | FILE, dir_fd=place)
        with os.fdopen(descriptor, encoding="utf-8", newline="") as file:
            if os.fstat(file.fileno()).st_size > MAX_FILE_BYTES:
                raise RequestError.invalid_params({"details": f"{asked.path}: over {MAX_FILE_BYTES} bytes"})
            return "".join(islice(file, first, last))

    return {"content": await _tried(read, asked.path)}


async def write_text_file(workspace: Path, params: dict[str, Any]) -> dict[str, Any]:
    """Makes folders on the way. Raises: RequestError, ValidationError."""
    asked = WriteTextFileRequest.model_validate(params)

    def write() -> str:
        root, parts = parts_of(workspace, asked.path)
        with folder(root, parts[:-1], make=True) as place:
            descriptor = os.open(parts[-1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | FILE, 0o666, dir_fd=place)
        with os.fdopen(descriptor, "wb") as file:
            file.write(asked.content.encode(errors="replace"))
        return ""

    await _tried(write, asked.path)
    return {}


def parts_of(workspace: Path, path: str) -> tuple[Path, tuple[str, ...]]:
    """The workspace, and the names from there to a file. Raises: RequestError."""
    root, found = workspace.resolve(), inside(workspace, path)
    if found == root:
        raise RequestError.invalid_params({"details": f"{path}: is a folder"})
    return root, found.relative_to(root).parts


def inside(workspace: Path, path: str) -> Path:
    """Raises: RequestError: it leads out, perhaps by a link."""
    root = workspace.resolve()
    found = (root / path).resolve()
    if not found.is_relative_to(root):
        raise RequestError.invalid_params({"details": f"{path}: outside of the workspace"})
    return found


async def _tried(work: Any, path: str) -> str:
    try:
        return await to_thread.run_sync(work)
    except FileNotFoundError:
        raise RequestError.resource_not_found(path) from None
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError.invalid_params({"details": f"{path}: {error}"}) from None
