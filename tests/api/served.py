"""A real hub over the memory store, whose hosts never start: what a host would say is appended by the test."""

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
from anyio.abc import TaskStatus

from roost.api.app import App, make_app
from roost.api.server import serve
from roost.core.bell import LocalBell
from roost.core.clock import SystemClock
from roost.core.decisions import HUB, Decision
from roost.core.hub import Hub
from roost.core.session import Session
from roost.model.commands import WorkspaceRequest
from roost.model.envelope import Draft, draft
from roost.model.events import RuntimeReady, WorkspaceSpec, WorkspaceUpdated
from roost.model.ids import Epoch, SessionId
from roost.model.library import Dependencies
from roost.model.ticket import Ticket
from roost.settings import Settings
from roost.storage.memory.store import MemoryStore


class NoRuntime:
    """Implements `ports.Runtime`: takes every ticket and starts nothing."""

    def __init__(self) -> None:
        self.tickets: list[Ticket] = []

    async def start(self, ticket: Ticket) -> None:
        self.tickets.append(ticket)

    async def kill(self, session: SessionId, *, screen: bool = True) -> None:
        pass

    async def clear(self, but: Collection[SessionId]) -> None:
        pass

    async def screens(self) -> list[SessionId]:
        return []

    async def alive(self, session: SessionId, epoch: Epoch) -> bool:
        return True


class NoWorkspaces:
    """Implements `ports.Workspaces`: a folder is where it is said to be; `unsaved` makes all of them dirty. `asked`:
    the last request."""

    unsaved = False
    asked = WorkspaceRequest()

    def __init__(self) -> None:
        self.removed: list[WorkspaceSpec] = []

    def resolve(self, session: SessionId, request: WorkspaceRequest, places: Collection[str] = ()) -> WorkspaceSpec:
        self.asked = request
        return WorkspaceSpec(kind="folder", path="elsewhere")

    async def prepare(
        self, spec: WorkspaceSpec, env: Mapping[str, str], tell: Callable[[WorkspaceUpdated], None]
    ) -> Path:
        raise NotImplementedError

    async def dirty(self, spec: WorkspaceSpec) -> bool:
        return self.unsaved

    async def remove(self, spec: WorkspaceSpec) -> None:
        self.removed.append(spec)

    async def forget(self, session: SessionId) -> None: ...


class NoPreparer:
    """Implements `ports.Preparer`: folders are made at once of nothing, and there are all packages."""

    async def make(self, folder: Path, repos: Sequence[Mapping[str, Any]], script: str) -> None:
        pass

    async def clear(self, folder: Path) -> None:
        pass

    async def tidy(self, place: Path, needed: Collection[str]) -> set[str]:
        return set(needed)

    async def packages(self, wanted: Sequence[str]) -> Dependencies:
        return Dependencies(valid=tuple(wanted), checked=False)


class Served:
    """A hub that answers on a port, and a client with its key."""

    def __init__(
        self, hub: Hub, app: App, port: int, key: str, store: MemoryStore, runtime: NoRuntime, workspaces: NoWorkspaces
    ) -> None:
        self.hub = hub
        self.app = app
        self.port = port
        self.key = key
        self.store = store
        self.runtime = runtime
        self.workspaces = workspaces
        self.http = self.client(Authorization=f"Bearer {key}")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, **headers: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=10, trust_env=False)

    async def create(self, **body: Any) -> Session:
        """A session through the API, as the hub holds it."""
        answer = await self.http.post("/v1/sessions", json={"agent": "scripted"} | body)
        assert answer.status_code == 201, answer.text
        return await self.hub.find(answer.json()["session"], HUB)

    async def live(self, **body: Any) -> Session:
        """The same, as if its host had said hello."""
        session = await self.create(**body)
        await self.come(session)
        return session

    async def come(self, session: Session) -> None:
        """Its host says hello."""
        ready = draft(RuntimeReady(epoch=session.epoch), by=HUB)
        await session.decide(lambda _: Decision([ready]))
        session.linked = True

    async def say(self, session: Session, drafts: Sequence[Draft]) -> None:
        """Append as the session's host."""
        await session.append_from_host(session.epoch, session.produced + 1, drafts)


@asynccontextmanager
async def served(data: Path, **settings: Any) -> AsyncGenerator[Served]:
    """A served hub over a memory store. `hub.open()` has returned."""
    data.mkdir(exist_ok=True)
    made = Settings(data=str(data), **settings)
    store, runtime, workspaces = MemoryStore(), NoRuntime(), NoWorkspaces()
    async with anyio.create_task_group() as tasks:
        hub = Hub(
            made, store=store, bell=LocalBell(), clock=SystemClock(), runtime=runtime, workspaces=workspaces,
            preparer=NoPreparer(), agents={"scripted": ("scripted",)}, tasks=tasks,
        )  # fmt: skip
        await hub.open()
        app = make_app(hub, made)
        key = (data / "api_key").read_text().strip()
        running = Served(hub, app, await tasks.start(serving, app), key, store, runtime, workspaces)
        async with running.http:
            yield running
        hub.stop()
        tasks.cancel_scope.cancel()
    await store.close()


async def serving(app: App, *, task_status: TaskStatus[int]) -> None:
    """For `TaskGroup.start`: returns the port once it answers."""
    await serve(app, "127.0.0.1", 0, on_ready=task_status.started)


async def blocks(response: httpx.Response) -> AsyncGenerator[dict[str, str]]:
    """An event stream, block by block: its fields by name, a comment under the empty name."""
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif fields:
            yield fields
            fields = {}
