"""What an editor gives: a prompt as our input, its servers of tools as ours."""

import base64
import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from acp.schema import (
    AcpMcpServer,
    AudioContentBlock,
    BlobResourceContents,
    EmbeddedResourceContentBlock,
    HttpMcpServer,
    ImageContentBlock,
    McpServerStdio,
    ResourceContentBlock,
    SseMcpServer,
    TextContentBlock,
    TextResourceContents,
)
from msgspec import UNSET

from roost.client import AsyncClient
from roost.model.commands import McpRequest
from roost.model.errors import InvalidBody
from roost.model.events import FileInput, InputPart, TextInput

Block = TextContentBlock | ImageContentBlock | AudioContentBlock | ResourceContentBlock | EmbeddedResourceContentBlock
Server = HttpMcpServer | SseMcpServer | AcpMcpServer | McpServerStdio
INLINE_BYTES: Final = 32 * 1024
"""Larger content is stored first, and then named."""


async def parts_of(blocks: Sequence[Block], client: AsyncClient) -> list[InputPart]:
    """Raises: BodyTooLarge, StorageFull."""
    return [await _part(block, client) for block in blocks]


async def _part(block: Block, client: AsyncClient) -> InputPart:
    match block:
        case TextContentBlock():
            return TextInput(text=block.text)
        case ImageContentBlock() | AudioContentBlock():
            data = base64.b64decode(block.data)
            return await _file(client, data, block.mime_type, getattr(block, "uri", None))
        case ResourceContentBlock():
            return TextInput(text=f"[@{block.name}]({block.uri})")
        case EmbeddedResourceContentBlock():
            return await _embedded(block.resource, client)


async def _embedded(held: TextResourceContents | BlobResourceContents, client: AsyncClient) -> InputPart:
    if isinstance(held, TextResourceContents):
        return await _file(client, held.text.encode(), held.mime_type or "text/plain", held.uri)
    data = base64.b64decode(held.blob)
    return await _file(client, data, held.mime_type or "application/octet-stream", held.uri)


async def _file(client: AsyncClient, data: bytes, mime: str, uri: str | None) -> FileInput:
    name = PurePosixPath(unquote(urlsplit(uri or "").path)).name
    if len(data) > INLINE_BYTES:
        url = f"blob:{(await client.put_blob(data, mime=mime)).hash}"
    else:
        url = f"data:{mime};base64,{base64.b64encode(data).decode()}"
    return FileInput(url=url, mime=mime, filename=name or UNSET)


def servers_of(given: Sequence[Server]) -> tuple[McpRequest, ...]:
    """Servers of tools as a session is given them; a name that Roost does not take is written differently. Raises:
    InvalidBody: of a kind that only works while the editor is there."""
    return tuple(_server(server) for server in given)


def _server(server: Server) -> McpRequest:
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", server.name).strip("-._")[:64] or "server"
    match server:
        case McpServerStdio():
            env = {each.name: each.value for each in server.env}
            return McpRequest(name=name, command=server.command, args=tuple(server.args), env=env)
        case HttpMcpServer() | SseMcpServer():
            headers = {each.name: each.value for each in server.headers}
            return McpRequest(name=name, type=server.type, url=server.url, headers=headers)
        case AcpMcpServer():
            raise InvalidBody(f"mcp: {server.name!r} is the editor's own; a session outlives its editor")
