"""Made from roost/client/client.py (make docs): do not edit.

A hub, seen from Python: make, find and list sessions.
"""

import os
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Literal, Self, Unpack, cast

from roost.client.address import Address
from roost.client.answers import Agent, FeedPage
from roost.client.client import CONNECT_SECONDS, RETRY_SECONDS, AsyncClient, Filters, Given
from roost.client.commanding import Input
from roost.client.stream import RECONNECT_SECONDS
from roost.client.sync.library import Library
from roost.client.sync.people import People
from roost.client.sync.portal import Portal, pieces_in_caller
from roost.client.sync.session import Session
from roost.model.commands import CreateSession, PolicyRequest, TimeoutsRequest, WorkspaceRequest
from roost.model.events import Blob
from roost.model.ids import Pos
from roost.model.info import Deleted, Health, OpenRequest, SessionCounts, SessionInfo, SessionList
from roost.model.natives import NativeList
from roost.model.stored import FeedEntry


class Client(People):
    """The hub at `url`, or the one of the folder `data`; opened by `with`.

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
        super().__init__(
            Portal(),
            AsyncClient(
                url,
                api_key,
                data=data,
                retry_seconds=retry_seconds,
                connect_seconds=connect_seconds,
                reconnect_seconds=reconnect_seconds,
            ),
        )

    @property
    def _async(self) -> AsyncClient:
        return cast(AsyncClient, self._twin)

    def __enter__(self) -> Self:
        self._enter(self._async.__aenter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit(self._async.__aexit__, kind, error, trace)

    @property
    def address(self) -> Address:
        """Where the hub is, as far as is known. Raises: HubUnreachable: the data folder names no hub."""
        return self._async.address

    def create_session(
        self,
        *,
        task: str | None = None,
        input: Input | None = None,  # noqa: A002
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
    ) -> Session:
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
        return Session(
            self._portal,
            self._portal.call(
                self._async.create_session,
                task=task,
                input=input,
                agent=agent,
                driver=driver,
                model=model,
                label=label,
                workspace=workspace,
                visibility=visibility,
                tags=tags,
                metadata=metadata,
                env=env,
                timeouts=timeouts,
                policy=policy,
                key=key,
                **given,
            ),
        )

    def create(self, wanted: CreateSession, *, key: str | None = None) -> Session:
        """The same from a request made elsewhere."""
        return Session(self._portal, self._portal.call(self._async.create, wanted, key=key))

    def session(self, session: str) -> Session:
        """The handle of a session, by its id or the 12 digits of it. Asks nothing."""
        return Session(self._portal, self._async.session(session))

    def library(self) -> Library:
        """Skills, templates and personas that sessions can be given. Asks nothing."""
        return Library(self._portal, self._async.library())

    def import_session(self, bundle: bytes | Iterable[bytes], *, new_id: bool = False) -> Session:
        """A session from what `Session.export` gave: archived, with the log as it was, yours. `new_id`: under an
        id of its own, beside the one it was made from. All of it, or nothing.

        Raises: BundleInvalid, SessionExists, BodyTooLarge, StorageFull; Forbidden: not a key of the hub's admin."""
        return Session(
            self._portal, self._portal.call(self._async.import_session, pieces_in_caller(bundle), new_id=new_id)
        )

    def natives(self, *, agent: str | None = None, folder: str | None = None, limit: int = 50) -> NativeList:
        """Sessions that agents have had by themselves on the hub's machine, the last changed first: of one agent, or
        begun in one folder. Raises: AgentUnknown; Forbidden: not a key of the hub's admin."""
        return self._portal.call(self._async.natives, agent=agent, folder=folder, limit=limit)

    def import_native(self, agent: str, native: str, *, folder: str | None = None, again: bool = False) -> Session:
        """Such a session as one of the hub's: asleep, with its history, yours; its next prompt goes on in its folder,
        or in this one, with what the agent itself remembers. `again`: also if it is here already.

        Raises: NativeNotFound, SessionExists, WorkspaceInvalid; Forbidden: not a key of the hub's admin."""
        return Session(
            self._portal, self._portal.call(self._async.import_native, agent, native, folder=folder, again=again)
        )

    def get_session(self, session: str) -> SessionInfo:
        return self._portal.call(self._async.get_session, session)

    def list_sessions(
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
        return self._portal.call(
            self._async.list_sessions,
            phase=phase,
            activity=activity,
            agent=agent,
            hidden=hidden,
            archived=archived,
            order=order,
            offset=offset,
            limit=limit,
            **filters,
        )

    def search(self, text: str, *, hidden: bool = False, offset: int = 0, limit: int = 50) -> SessionList:
        """Sessions with this in their label, their task, or a key or value of their metadata, whatever its case."""
        return self._portal.call(self._async.search, text, hidden=hidden, offset=offset, limit=limit)

    def counts(
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
        return self._portal.call(
            self._async.counts,
            search=search,
            tags=tags,
            agent=agent,
            folder=folder,
            owner=owner,
            visibility=visibility,
            hidden=hidden,
        )

    def pending(self) -> list[OpenRequest]:
        """Permissions and questions of all sessions that wait for someone, the oldest first."""
        return self._portal.call(self._async.pending)

    def delete_session(self, session: str, *, force: bool = False) -> Deleted:
        """See `Session.delete`."""
        return self._portal.call(self._async.delete_session, session, force=force)

    def feed(self, after: Pos | Literal["now"] = 0, *, reconnect_seconds: float | None = None) -> Generator[FeedEntry]:
        """Every fact of every session that is not a delta, after a pos, each once and in order, for ever. `now`: from
        the present end."""
        return self._portal.iterate(self._async.feed(after, reconnect_seconds=reconnect_seconds))

    def read_feed(self, after: Pos | Literal["now"] = 0, *, limit: int = 500) -> FeedPage:
        """One page of the feed, without waiting for more."""
        return self._portal.call(self._async.read_feed, after, limit=limit)

    def put_blob(self, data: bytes | Iterable[bytes], *, mime: str = "application/octet-stream") -> Blob:
        """Store content, at most 64 MiB, for an input to refer to: `FileInput(url=f"blob:{blob.hash}", mime=...)`.
        Raises: BodyTooLarge, StorageFull."""
        return self._portal.call(self._async.put_blob, pieces_in_caller(data), mime=mime)

    def get_blob(self, blob: str) -> bytes:
        """By its hash, `sha256-...`. Raises: BlobNotFound: no session that you may see refers to it."""
        return self._portal.call(self._async.get_blob, blob)

    def agents(self) -> tuple[Agent, ...]:
        """The agents this hub can run: which are installed and signed in, and how to get the others."""
        return self._portal.call(self._async.agents)

    def health(self) -> Health:
        """One look, never repeated. Raises: HubUnreachable."""
        return self._portal.call(self._async.health)

    def ready(self) -> bool:
        """Whether the hub has taken up its sessions. One look, never repeated. Raises: HubUnreachable."""
        return self._portal.call(self._async.ready)

    @contextmanager
    def backup(self) -> Generator[Generator[bytes]]:
        """The hub's data folder as one file, piece by piece: `with client.backup() as pieces`. It is whole only
        if the pieces end without an error; `roost restore` makes a data folder of it. Raises: Forbidden."""
        with self._portal.enter(self._async.backup()) as given:
            yield self._portal.iterate(given)

    def shutdown(self) -> None:
        """Put every session to sleep, stop their hosts, stop the hub. Returns once it has begun."""
        self._portal.call(self._async.shutdown)
