"""A hub, seen from Python: make, find and list sessions."""

import os
from collections.abc import AsyncGenerator, AsyncIterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypedDict, Unpack, cast
from urllib.parse import quote

import msgspec
from msgspec import UNSET

from roost.client.absent import as_struct, or_absent
from roost.client.address import Address, Finder
from roost.client.answers import Agent, AgentList, FeedPage
from roost.client.bundles import pieces_of
from roost.client.commanding import Input
from roost.client.library import AsyncLibrary
from roost.client.people import AsyncPeople
from roost.client.session import AsyncSession
from roost.client.stream import RECONNECT_SECONDS, follow_feed
from roost.client.wire import Wire, new_key
from roost.model.commands import (
    CreateSession,
    FileRequest,
    LoopRequest,
    McpRequest,
    PolicyRequest,
    TimeoutsRequest,
    WorkspaceRequest,
)
from roost.model.errors import RoostError, SessionNotFound
from roost.model.events import Blob
from roost.model.ids import Pos, SessionId
from roost.model.info import Deleted, Health, OpenRequest, OpenRequests, SessionCounts, SessionInfo, SessionList
from roost.model.library import KitRequest
from roost.model.natives import ImportNative, NativeList
from roost.model.sandbox import SandboxRequest
from roost.model.stored import FeedEntry

RETRY_SECONDS = 30.0
"""A hub that has answered before may be away this long: enough for a restart."""
CONNECT_SECONDS = 5.0
"""A hub that never answered is given this long."""
BUNDLE_SECONDS = 300.0
"""How long a hub may take to read a bundle, or to copy its data folder."""
STEP_SECONDS = 120.0
"""How long each step of an upload or download may take."""


class Filters(TypedDict, total=False):
    """What a list may be narrowed to. `search`: a substring of label, task, or a key or value of the metadata, whatever
    its case. `status`, `bucket`: one of those given; `tags`: all of them. `folder`: the project folder or one above it.
    Times are ms since the epoch, the first in, the last not."""

    search: str
    status: str | Sequence[str]
    bucket: str | Sequence[str]
    tags: str | Sequence[str]
    folder: str
    owner: str
    visibility: Literal["private", "organization", "collaborate"]
    created_from: int
    created_before: int
    updated_from: int
    updated_before: int


class Given(TypedDict, total=False):
    """What a session is given. `kit`: what it works with: `default_agent`, `enabled_agents`, `skills`, `saved_skills`,
    `skill_buckets`, `repos`, `template`, `wishes`, `command` (`exec`, `mode`). `files`: by their paths in the
    workspace, there before the agent starts; large ones are uploaded first (`put_blob`). `loop`: the task is the first
    iteration of it: `goal`, `max_iterations`, `auto_continue`, `allow_detached`. `mcp`: servers of tools for the agent:
    `name`, and `command`, `args`, `env`, or `type` (`http`, `sse`), `url`, `headers`; values of `env` and `headers` are
    never served. `sandbox`: what encloses the agent: `kind`, `network`, `memory` (bytes), `processes`, `cpus`."""

    kit: KitRequest | Mapping[str, Any]
    files: Mapping[str, bytes | Blob]
    loop: LoopRequest | Mapping[str, Any]
    sandbox: SandboxRequest | Mapping[str, Any]
    mcp: Sequence[McpRequest | Mapping[str, Any]]


class AsyncClient(AsyncPeople):
    """The hub at `url`, or the one of the folder `data`; opened by `async with`.

    Without either: `ROOST_URL`, else the hub of `ROOST_DATA` or of the default data folder. The key: `api_key`, else
    `ROOST_API_KEY`, else the data folder's. A hub found through a data folder is found again when it comes back on
    another port. `retry_seconds`: for how long calls that are safe to repeat are repeated while the hub is away;
    `connect_seconds`: the same before it has answered once; `reconnect_seconds`: the same for event streams.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        data: str | os.PathLike[str] | None = None,
        retry_seconds: float = RETRY_SECONDS,
        connect_seconds: float = CONNECT_SECONDS,
        reconnect_seconds: float = RECONNECT_SECONDS,
    ) -> None:
        finder = Finder.of(url, api_key, data)
        self._wire = Wire(finder, retry_seconds=retry_seconds, connect_seconds=connect_seconds)
        self._reconnect_seconds = reconnect_seconds

    async def __aenter__(self) -> Self:
        await self._wire.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._wire.__aexit__(kind, error, trace)

    @property
    def address(self) -> Address:
        """Where the hub is, as far as is known. Raises: HubUnreachable: the data folder names no hub."""
        return self._wire.address()

    # --- sessions ---

    async def create_session(
        self,
        *,
        task: str | None = None,
        input: Input | None = None,  # noqa: A002  # the wire's word
        agent: str | None = None,
        driver: str | None = None,
        model: str | None = None,
        label: str | None = None,
        workspace: WorkspaceRequest | Mapping[str, str] | str | os.PathLike[str] | None = None,
        visibility: Literal["private", "organization", "collaborate"] = "private",
        tags: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
        timeouts: TimeoutsRequest | Mapping[str, float | str] | None = None,
        policy: PolicyRequest | Mapping[str, Any] | None = None,
        key: str | None = None,
        **given: Unpack[Given],
    ) -> AsyncSession:
        """A new session; with `task` (text) or `input` (parts) its first run starts at once. Returns once that is
        recorded: the host may still be starting.

        `workspace`: a path of the hub's machine (a git repository gives the session a worktree of its own; another
        folder is used as it is), or more: `{"url": ..., "base": ...}` clones a repository and begins at a branch, tag
        or commit of it; without it, an empty folder. `env` is given to the agent and never served, nor are credentials
        in the `url`. `driver`: `terminal` gives the agent a screen of its own, if it has one. `timeouts`: `idle`,
        `paused`, `parked`, `execution`, in seconds or as `"10m"`; `policy`: `rules`, `headless`, `deadline`, `action`.
        `key`: your own idempotency key. `kit`, `files`, `loop`, `mcp`: `Given`.
        Raises: AgentUnknown, AgentNotConfigured, DriverUnknown, WorkspaceInvalid, BodyTooLarge, NotInLibrary,
        PersonaUnpublished, PathOutside.
        """
        text = input if isinstance(input, str) else task
        body = CreateSession(
            task=or_absent(text),
            input=UNSET if input is None or isinstance(input, str) else tuple(input),
            agent=or_absent(agent),
            driver=or_absent(driver),
            model=or_absent(model),
            label=or_absent(label),
            workspace=_workspace(workspace),
            visibility=visibility,
            tags=tuple(tags),
            metadata=dict(metadata or {}),
            env=dict(env or {}),
            timeouts=as_struct(timeouts or {}, TimeoutsRequest),
            policy=UNSET if policy is None else as_struct(policy, PolicyRequest),
            **_requests(given),
        )
        return await self.create(body, key=key)

    async def create(self, wanted: CreateSession, *, key: str | None = None) -> AsyncSession:
        """The same from a request made elsewhere."""
        answer = await self._wire.request("POST", "/v1/sessions", body=wanted, key=key or new_key())
        return self.session(msgspec.json.decode(answer, type=SessionInfo).session)

    def session(self, session: str) -> AsyncSession:
        """The handle of a session, by its id or the 12 digits of it. Asks nothing."""
        if "/" in session or "?" in session or not session:
            raise SessionNotFound(f"{session!r} is not the id of a session")
        full = session if session.startswith("codesess_") else f"codesess_{session}"
        return AsyncSession(self._wire, SessionId(full), reconnect_seconds=self._reconnect_seconds)

    def library(self) -> AsyncLibrary:
        """Skills, templates and personas that sessions can be given. Asks nothing."""
        return AsyncLibrary(self._wire)

    async def import_session(self, bundle: bytes | AsyncIterable[bytes], *, new_id: bool = False) -> AsyncSession:
        """A session from what `AsyncSession.export` gave: archived, with the log as it was, yours. `new_id`: under an
        id of its own, beside the one it was made from. All of it, or nothing.

        Raises: BundleInvalid, SessionExists, BodyTooLarge, StorageFull; Forbidden: not a key of the hub's admin."""
        params = {"new_id": True} if new_id else None
        answer = await self._wire.upload("POST", "/v1/import", bundle, params=params, seconds=BUNDLE_SECONDS)
        return self.session(msgspec.json.decode(answer, type=SessionInfo).session)

    async def natives(self, *, agent: str | None = None, folder: str | None = None, limit: int = 50) -> NativeList:
        """Sessions that agents have had by themselves on the hub's machine, the last changed first: of one agent, or
        begun in one folder. Raises: AgentUnknown; Forbidden: not a key of the hub's admin."""
        params = {"agent": agent, "folder": folder, "limit": limit}
        answer = await self._wire.request("GET", "/v1/natives", params=params, seconds=BUNDLE_SECONDS)
        return msgspec.json.decode(answer, type=NativeList)

    async def import_native(
        self, agent: str, native: str, *, folder: str | None = None, again: bool = False
    ) -> AsyncSession:
        """Such a session as one of the hub's: asleep, with its history, yours; its next prompt goes on in its folder,
        or in this one, with what the agent itself remembers. `again`: also if it is here already.

        Raises: NativeNotFound, SessionExists, WorkspaceInvalid; Forbidden: not a key of the hub's admin."""
        body = ImportNative(agent=agent, id=native, folder=or_absent(folder), again=again)
        answer = await self._wire.request("POST", "/v1/natives/import", body=body, seconds=BUNDLE_SECONDS)
        return self.session(msgspec.json.decode(answer, type=SessionInfo).session)

    async def get_session(self, session: str) -> SessionInfo:
        return await self.session(session).info()

    async def list_sessions(
        self,
        *,
        phase: str | Sequence[str] | None = None,
        activity: str | Sequence[str] | None = None,
        agent: str | None = None,
        hidden: bool = False,
        archived: bool = True,
        order: Literal["created", "updated"] = "created",
        offset: int = 0,
        limit: int | None = None,
        **filters: Unpack[Filters],
    ) -> SessionList:
        """The sessions you may see, newest first. `activity`: only those that are at this, or one of these; `hidden`:
        those taken off default lists too; `archived=False` leaves archived ones out. More filters: `Filters`."""
        params = _filters(filters) | {
            "phase": [phase] if isinstance(phase, str) else phase,
            "activity": [activity] if isinstance(activity, str) else activity,
            "agent": agent,
            "hidden": hidden or None,
            "archived": None if archived else False,
            "order": order,
            "offset": offset or None,
            "limit": limit,
        }
        return msgspec.json.decode(await self._wire.request("GET", "/v1/sessions", params=params), type=SessionList)

    async def search(self, text: str, *, hidden: bool = False, offset: int = 0, limit: int = 50) -> SessionList:
        """Sessions with this in their label, their task, or a key or value of their metadata, whatever its case."""
        return await self.list_sessions(search=text, hidden=hidden, offset=offset, limit=limit)

    async def counts(
        self,
        *,
        search: str | None = None,
        tags: str | Sequence[str] | None = None,
        agent: str | None = None,
        folder: str | None = None,
        owner: str | None = None,
        visibility: str | None = None,
        hidden: bool = False,
    ) -> SessionCounts:
        """How many sessions you may see, in all and by status and bucket."""
        params = {
            "q": search or None,
            "tag": [tags] if isinstance(tags, str) else tags,
            "agent": agent,
            "folder": folder,
            "owner": owner,
            "visibility": visibility,
            "hidden": hidden or None,
        }
        answer = await self._wire.request("GET", "/v1/sessions/counts", params=params)
        return msgspec.json.decode(answer, type=SessionCounts)

    async def pending(self) -> list[OpenRequest]:
        """Permissions and questions of all sessions that wait for someone, the oldest first."""
        return msgspec.json.decode(await self._wire.request("GET", "/v1/pending"), type=OpenRequests).pending

    async def delete_session(self, session: str, *, force: bool = False) -> Deleted:
        """See `AsyncSession.delete`."""
        return await self.session(session).delete(force=force)

    # --- the hub ---

    async def feed(
        self, after: Pos | Literal["now"] = 0, *, reconnect_seconds: float | None = None
    ) -> AsyncGenerator[FeedEntry]:
        """Every fact of every session that is not a delta, after a pos, each once and in order, for ever. `now`: from
        the present end."""
        start = (await self.read_feed("now", limit=1)).head if after == "now" else after
        seconds = self._reconnect_seconds if reconnect_seconds is None else reconnect_seconds
        entries = follow_feed(self._wire, after=start, reconnect_seconds=seconds)
        try:
            async for entry in entries:
                yield entry
        finally:
            await entries.aclose()

    async def read_feed(self, after: Pos | Literal["now"] = 0, *, limit: int = 500) -> FeedPage:
        """One page of the feed, without waiting for more."""
        answer = await self._wire.request("GET", "/v1/feed", params={"after": after, "limit": limit})
        return msgspec.json.decode(answer, type=FeedPage)

    async def put_blob(self, data: bytes | AsyncIterable[bytes], *, mime: str = "application/octet-stream") -> Blob:
        """Store content, at most 64 MiB, for an input to refer to: `FileInput(url=f"blob:{blob.hash}", mime=...)`.
        Raises: BodyTooLarge, StorageFull."""
        answer = await self._wire.upload("POST", "/v1/blobs", data, params={"mime": mime}, seconds=STEP_SECONDS)
        return msgspec.json.decode(answer, type=Blob)

    async def get_blob(self, blob: str) -> bytes:
        """By its hash, `sha256-...`. Raises: BlobNotFound: no session that you may see refers to it."""
        return await self._wire.request("GET", f"/v1/blobs/{quote(blob, safe='')}", seconds=STEP_SECONDS)

    async def agents(self) -> tuple[Agent, ...]:
        """The agents this hub can run: which are installed and signed in, and how to get the others."""
        return msgspec.json.decode(await self._wire.request("GET", "/v1/agents"), type=AgentList).agents

    async def health(self) -> Health:
        """One look, never repeated. Raises: HubUnreachable."""
        return msgspec.json.decode(await self._wire.request("GET", "/healthz", once=True, seconds=5.0), type=Health)

    async def ready(self) -> bool:
        """Whether the hub has taken up its sessions. One look, never repeated. Raises: HubUnreachable."""
        try:
            await self._wire.request("GET", "/readyz", once=True, seconds=5.0)
        except RoostError as error:
            if error.details.get("http_status") == 503:
                return False
            raise
        return True

    @asynccontextmanager
    async def backup(self) -> AsyncGenerator[AsyncGenerator[bytes]]:
        """The hub's data folder as one file, piece by piece: `async with client.backup() as pieces`. It is whole only
        if the pieces end without an error; `roost restore` makes a data folder of it. Raises: Forbidden."""
        download = self._wire.download("/v1/backup", params={}, seconds=BUNDLE_SECONDS, method="POST")
        async with download as response:
            yield pieces_of(self._wire, response)

    async def shutdown(self) -> None:
        """Put every session to sleep, stop their hosts, stop the hub. Returns once it has begun."""
        await self._wire.request("POST", "/v1/shutdown")


def _workspace(given: WorkspaceRequest | Mapping[str, str] | str | os.PathLike[str] | None) -> WorkspaceRequest:
    if given is None:
        return WorkspaceRequest()
    if isinstance(given, WorkspaceRequest | Mapping):
        return as_struct(given, WorkspaceRequest)
    return WorkspaceRequest(path=str(Path(given).expanduser().absolute()))


def _requests(given: Given) -> dict[str, Any]:
    """As fields of `CreateSession`."""
    return {
        "kit": as_struct(given.get("kit", {}), KitRequest),
        "files": tuple(_file(path, content) for path, content in given.get("files", {}).items()),
        "loop": as_struct(given["loop"], LoopRequest) if "loop" in given else UNSET,
        "sandbox": as_struct(given.get("sandbox", {}), SandboxRequest),
        "mcp": tuple(as_struct(server, McpRequest) for server in given.get("mcp", ())),
    }


def _file(path: str, content: bytes | Blob) -> FileRequest:
    return (
        FileRequest(path=path, blob=content.hash)
        if isinstance(content, Blob)
        else FileRequest(path=path, content=content)
    )


def _filters(given: Filters) -> dict[str, Any]:
    """As the wire names them. A search for nothing finds everything."""
    names = {"search": "q", "tags": "tag"}
    found = {names.get(name, name): value for name, value in cast("dict[str, Any]", given).items()}
    found["q"] = found.get("q") or None
    return found
