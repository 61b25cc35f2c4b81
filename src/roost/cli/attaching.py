"""Files that are handed over with an input: the agent gets them with the words, as the model sees them."""

import mimetypes
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roost.client import AsyncClient
    from roost.model.events import FileInput, InputPart


async def with_files(client: "AsyncClient", text: str, files: Sequence[Path]) -> "tuple[InputPart, ...]":
    """The words, then each file. Raises: UsageWrong: it cannot be read; BodyTooLarge."""
    from roost.model.events import TextInput

    return (TextInput(text=text), *await taken(client, files))


async def taken(client: "AsyncClient", files: Sequence[Path]) -> "tuple[FileInput, ...]":
    """What the hub has of these files now. Raises: UsageWrong: one cannot be read; BodyTooLarge."""
    return tuple([await _kept(client, path) for path in files])


async def _kept(client: "AsyncClient", path: Path) -> "FileInput":
    import anyio

    from roost.cli.problems import UsageWrong
    from roost.cli.terminal import progress
    from roost.model.events import FileInput

    mime = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    try:
        content = await (await anyio.Path(path).expanduser()).read_bytes()
    except OSError as error:
        raise UsageWrong(f"{path} cannot be read: {error.strerror}") from None
    with progress(f"handing over {path.name}"):
        blob = await client.put_blob(content, mime=mime)
    return FileInput(url=f"blob:{blob.hash}", mime=mime, filename=path.name)
