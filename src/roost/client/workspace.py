"""The workspace of a session from Python: its shell, its files, its changes. What is asked for is done by the session's
host, is not recorded; only what reads is repeated when the hub was away."""

from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from msgspec import Struct

from roost.client.absent import or_absent
from roost.client.wire import Wire
from roost.model.errors import NotAFile, NotText
from roost.model.made import Artifact
from roost.model.workspace import (
    DEFAULT_ENTRIES,
    SHELL_TIMEOUT_MS,
    Diff,
    Discard,
    Discarded,
    DiskUse,
    FileEntry,
    FileList,
    Merge,
    Merged,
    Shell,
    ShellResult,
)  # fmt: skip

HOST_SECONDS = 120.0
"""How long a call may take that a host answers, which may have to be started for it."""
T = TypeVar("T")


class ArtifactList(Struct, frozen=True):
    artifacts: tuple[Artifact, ...]


class AsyncWorkspace:
    """What a session handle does in the workspace (AsyncSession). Paths are relative to the workspace; an absolute one
    must lie in it.

    Every method may raise LinkDown, SessionArchived, SessionClosed, HostBusy. What only reads raises SessionAsleep if
    the session sleeps and `wake` is not given; everything else wakes it.
    """

    _wire: Wire
    _path: str

    async def shell(
        self, command: str, *, cwd: str = "", timeout: int = SHELL_TIMEOUT_MS, env: Mapping[str, str] | None = None
    ) -> ShellResult:
        """Run a command in the workspace and wait for its end; leaving kills it. `timeout` in milliseconds. A non-zero
        exit is a result.

        Raises: ShellTimeout, with what it printed in its `details`; FileMissing, NotAFolder, PathOutside: of `cwd`.
        """
        body = Shell(command=command, cwd=cwd, timeout=timeout, env=dict(env or {}))
        return await self._ask("POST", "/shell", ShellResult, body=body, seconds=timeout / 1000 + HOST_SECONDS)

    async def get_file(self, path: str, *, wake: bool = False) -> str:
        """A text. Raises: NotText: it is not UTF-8; FileMissing, NotAFile, PathOutside."""
        data = await self.get_file_buffer(path, wake=wake)
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise NotText(path=path) from None

    async def get_file_buffer(self, path: str, *, wake: bool = False) -> bytes:
        """The bytes of a file. Raises: FileMissing, NotAFile, PathOutside."""
        async with self.open_file(path, wake=wake) as pieces:
            return b"".join([piece async for piece in pieces])

    @asynccontextmanager
    async def open_file(self, path: str, *, wake: bool = False) -> AsyncGenerator[AsyncGenerator[bytes]]:
        """A file of any size, piece by piece: `async with session.open_file(..) as pieces: async for piece in pieces`.

        Raises: FileMissing, NotAFile, PathOutside.
        """
        params = {"wake": True} if wake else {}
        async with self._wire.download(self._file(path), params=params, seconds=HOST_SECONDS) as response:
            yield self._pieces(response)

    async def put_file(self, path: str, data: bytes | str | AsyncIterable[bytes]) -> FileEntry:
        """Put a file in its place, whole or not at all, with the folders above it.

        Raises: NotAFile, NotAFolder, PathOutside, BodyTooLarge, StorageFull.
        """
        content = data.encode() if isinstance(data, str) else data
        answer = await self._wire.upload("PUT", self._file(path), content, seconds=HOST_SECONDS)
        return msgspec.json.decode(answer, type=FileEntry)

    async def list_files(
        self, path: str = "", *, recursive: bool = False, limit: int = DEFAULT_ENTRIES, wake: bool = False
    ) -> FileList:
        """Names in a folder, and with `recursive` those below, but for what is in `.git`; at most `limit` (10,000).

        Raises: FileMissing, NotAFolder, PathOutside.
        """
        params = {"path": path, "recursive": recursive, "limit": limit, "wake": wake or None}
        return await self._ask("GET", "/files", FileList, params=params)

    async def stat(self, path: str, *, wake: bool = False) -> FileEntry:
        """What has this path. Raises: FileMissing, PathOutside."""
        return await self._ask("GET", "/stat", FileEntry, params={"path": path, "wake": wake or None})

    async def remove_file(self, path: str) -> FileEntry:
        """Remove a file, a link or an empty folder. Raises: FileMissing, NotAFile, PathOutside."""
        answer = await self._wire.request("DELETE", self._file(path), seconds=HOST_SECONDS)
        return msgspec.json.decode(answer, type=FileEntry)

    async def disk_use(self, *, wake: bool = False) -> DiskUse:
        """What the workspace takes."""
        return await self._ask("GET", "/disk", DiskUse, params={"wake": wake or None})

    async def diff(self, *, wake: bool = False) -> Diff:
        """What the session has changed."""
        return await self._ask("GET", "/diff", Diff, params={"wake": wake or None})

    async def merge(self, *, message: str | None = None, into: str | None = None) -> Merged:
        """Merge the worktree's branch into the one it came from, or into `into`. `message`: commit what is not
        committed yet.

        Raises: MergeConflict, MergeRefused, WorkspaceDirty, SessionBusy; nothing was changed.
        """
        body = Merge(message=or_absent(message), into=or_absent(into))
        return await self._ask("POST", "/merge", Merged, body=body)

    async def discard(self, *, force: bool = False) -> Discarded:
        """Give up what the session has changed. Raises: WorkspaceDirty: work would be lost, and no `force`;
        MergeRefused, SessionBusy."""
        return await self._ask("POST", "/discard", Discarded, body=Discard(force=force))

    # --- artifacts ---

    async def list_artifacts(self) -> tuple[Artifact, ...]:
        """What the session has published: all versions, oldest first. Never wakes it."""
        return (await self._ask("GET", "/artifacts", ArtifactList)).artifacts

    async def get_artifact(self, key: str, *, version: int | None = None) -> str:
        """A text: the newest version, or this one. Raises: ArtifactNotFound; NotText."""
        data = await self.get_artifact_buffer(key, version=version)
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise NotText(key=key) from None

    async def get_artifact_buffer(self, key: str, *, version: int | None = None) -> bytes:
        """The bytes of an artifact. Raises: ArtifactNotFound."""
        path = f"{self._path}/artifacts/{quote(key, safe='')}"
        async with self._wire.download(path, params={"version": version}, seconds=HOST_SECONDS) as response:
            return b"".join([piece async for piece in self._pieces(response)])

    # --- the wire ---

    def _file(self, path: str) -> str:
        """As a URL; dots that a client would resolve by itself reach the hub, which refuses them."""
        if not path:
            raise NotAFile("the workspace itself is a folder", path="")
        names = ["%2E" * len(name) if name in (".", "..") else quote(name, safe="") for name in path.split("/")]
        return f"{self._path}/files/{'/'.join(names)}"

    async def _pieces(self, response: httpx.Response) -> AsyncGenerator[bytes]:
        try:
            async for piece in response.aiter_raw():
                yield piece
        except httpx.TransportError as error:
            raise self._wire.lost(error) from error

    async def _ask(
        self,
        method: str,
        path: str,
        wanted: type[T],
        *,
        params: Mapping[str, Any] | None = None,
        body: Struct | None = None,
        seconds: float = HOST_SECONDS,
    ) -> T:
        answer = await self._wire.request(method, self._path + path, params=params, body=body, seconds=seconds)
        return msgspec.json.decode(answer, type=wanted)
