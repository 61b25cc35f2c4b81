"""Answers what the hub asks of the workspace: one table from method to function (link/calls.py has their shapes)."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio
import msgspec
from anyio import to_thread
from anyio.abc import TaskGroup
from msgspec import UNSET

from roost.host import changes
from roost.host.files import FORGOTTEN_SECONDS, OpenFiles
from roost.host.inside import Inside
from roost.host.listing import disk_use, list_files
from roost.host.shell import run_shell
from roost.host.tree import Tree
from roost.host.views import Views
from roost.link import calls
from roost.link.frames import Answer, Ask
from roost.model.errors import HostBusy, InvalidRequest, RoostError, ScreenLost
from roost.model.events import WorkspaceSpec
from roost.model.screens import Shown
from roost.model.workspace import (
    Discard,
    Discarded,
    DiskUse,
    FileEntry,
    FileList,
    Merge,
    Merged,
    Shell,
    ShellResult,
)
from roost.ports import Screen

log = logging.getLogger("roost.host.desk")
TIDY_SECONDS: Final = 5.0


class Desk:
    """Carries out calls, each in its own task, until they are answered, cancelled, or the connection is gone."""

    def __init__(
        self,
        spec: WorkspaceSpec,
        *,
        ready: Callable[[], Awaitable[Path]],
        screen: Callable[[], Awaitable[Screen]],
        tree: Tree,
        env: Mapping[str, str],
        say: Callable[[Answer], None],
    ) -> None:
        """`ready`: the workspace, once it is made; `screen`: the agent's own, once it has started, or ScreenMissing;
        `say`: sends an answer."""
        self._spec, self._ready, self._tree, self._env, self._say = spec, ready, tree, env, say
        self._screen = screen
        self._files, self._views = OpenFiles(), Views()
        self._calls: dict[str, anyio.CancelScope] = {}
        self._changing = anyio.Lock()
        """One change of the repository at a time."""
        self._tasks: TaskGroup | None = None

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            async with anyio.create_task_group() as tasks:
                self._tasks = tasks
                while True:
                    await anyio.sleep(TIDY_SECONDS)
                    self._files.drop_all(unused_seconds=FORGOTTEN_SECONDS)
        finally:
            self._tasks = None
            self._files.drop_all()
            self._views.drop_all()

    def take(self, ask: Ask) -> None:
        """Begin with it; its answer follows."""
        if ask.method == "cancel":
            if scope := self._calls.get(str(ask.params.get("ask"))):
                scope.cancel()
        elif ask.method not in METHODS:
            self._say(Answer(id=ask.id, code="method_unknown", message=f"hosts do not know {ask.method!r}"))
        elif self._tasks is None or len(self._calls) >= calls.MAX_CALLS:
            self._say(calls.refusal(ask, HostBusy(limit=calls.MAX_CALLS)))
        else:
            scope = self._calls[ask.id] = anyio.CancelScope()
            self._tasks.start_soon(self._carry_out, ask, scope)

    def drop_all(self) -> None:
        """Nobody waits any more: the connection is gone."""
        for scope in self._calls.values():
            scope.cancel()
        self._files.drop_all()
        self._views.drop_all()

    async def _carry_out(self, ask: Ask, scope: anyio.CancelScope) -> None:
        answer: Answer | None = None
        try:
            with scope:
                answer = await self._answer(ask)
        finally:
            del self._calls[ask.id]
        if answer is not None and not scope.cancel_called:
            self._say(answer)

    async def _answer(self, ask: Ask) -> Answer:
        wanted, method = METHODS[ask.method]
        try:
            result = await method(self, params_of(ask, wanted))
        except RoostError as error:
            return calls.refusal(ask, error)
        except Exception:
            log.exception("%s failed", ask.method)
            return calls.refusal(ask, RoostError(f"{ask.method} failed; the log of the session's host says why"))
        return Answer(id=ask.id, result=result)

    async def _inside(self) -> Inside:
        return await to_thread.run_sync(Inside, await self._ready())

    # --- the methods --------------------------------------------------------------------------------------------------

    async def shell(self, asked: Shell) -> ShellResult:
        return await run_shell(self._tree, await self._inside(), asked, self._env)

    async def list_files(self, asked: calls.ListFiles) -> FileList:
        inside = await self._inside()
        listed = partial(list_files, inside, asked.path, recursive=asked.recursive, limit=asked.limit)
        return await to_thread.run_sync(listed)

    async def stat(self, asked: calls.AtPath) -> FileEntry:
        inside = await self._inside()
        return await to_thread.run_sync(lambda: inside.stat(inside.parts(asked.path, follow=False)))

    async def remove_file(self, asked: calls.AtPath) -> FileEntry:
        inside = await self._inside()
        return await to_thread.run_sync(lambda: inside.remove(inside.parts(asked.path, follow=False)))

    async def open_file(self, asked: calls.AtPath) -> calls.Opened:
        return await self._files.open(await self._inside(), asked.path)

    async def read_on(self, asked: calls.OnHandle) -> calls.Piece:
        return await self._files.read_on(asked.handle)

    async def create_file(self, asked: calls.AtPath) -> calls.Created:
        return await self._files.create(await self._inside(), asked.path)

    async def write_on(self, asked: calls.WriteOn) -> None:
        await self._files.write_on(asked.handle, asked.data)

    async def keep_file(self, asked: calls.OnHandle) -> FileEntry:
        return await self._files.keep(asked.handle)

    async def drop_file(self, asked: calls.OnHandle) -> None:
        self._files.drop(asked.handle)

    async def disk_use(self, _: calls.Nothing) -> DiskUse:
        return await to_thread.run_sync(disk_use, await self._inside())

    async def diff(self, _: calls.Nothing) -> calls.Changes:
        return calls.Changes(diff=await changes.diff(self._spec, await self._ready()) or UNSET)

    async def merge(self, asked: Merge) -> Merged:
        async with self._changing:
            return await changes.merge(self._spec, await self._ready(), asked)

    async def discard(self, asked: Discard) -> Discarded:
        async with self._changing:
            return await changes.discard(self._spec, await self._ready(), asked)

    # the agent's screen

    async def shown(self, _: calls.Nothing) -> Shown:
        return await (await self._screen()).shown()

    async def open_view(self, asked: calls.OpenView) -> calls.Created:
        screen = await self._screen()
        opening = partial(screen.open, asked.columns, asked.rows, writes=asked.writes)
        return calls.Created(handle=await self._views.add(opening))

    async def read_view(self, asked: calls.OnHandle) -> calls.Piece:
        return calls.Piece(data=await self._views.view(asked.handle).read())

    async def write_view(self, asked: calls.WriteOn) -> None:
        try:
            await self._views.view(asked.handle).write(asked.data)
        except OSError:
            raise ScreenLost from None

    async def resize_view(self, asked: calls.ResizeView) -> None:
        self._views.view(asked.handle).resize(asked.columns, asked.rows)

    async def drop_view(self, asked: calls.OnHandle) -> None:
        self._views.drop(asked.handle)

    async def ping(self, asked: dict[str, Any]) -> dict[str, Any]:
        return asked


def params_of(ask: Ask, wanted: Any) -> Any:
    """Raises: InvalidRequest."""
    try:
        return msgspec.convert(ask.params, wanted)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{ask.method}: {error}") from None


METHODS: Final[dict[str, tuple[Any, Callable[[Desk, Any], Awaitable[Any]]]]] = {
    "ping": (dict[str, Any], Desk.ping),
    "shell": (Shell, Desk.shell),
    "list_files": (calls.ListFiles, Desk.list_files),
    "stat": (calls.AtPath, Desk.stat),
    "remove_file": (calls.AtPath, Desk.remove_file),
    "open_file": (calls.AtPath, Desk.open_file),
    "read_on": (calls.OnHandle, Desk.read_on),
    "create_file": (calls.AtPath, Desk.create_file),
    "write_on": (calls.WriteOn, Desk.write_on),
    "keep_file": (calls.OnHandle, Desk.keep_file),
    "drop_file": (calls.OnHandle, Desk.drop_file),
    "disk_use": (calls.Nothing, Desk.disk_use),
    "diff": (calls.Nothing, Desk.diff),
    "merge": (Merge, Desk.merge),
    "discard": (Discard, Desk.discard),
    "shown": (calls.Nothing, Desk.shown),
    "open_view": (calls.OpenView, Desk.open_view),
    "read_view": (calls.OnHandle, Desk.read_view),
    "write_view": (calls.WriteOn, Desk.write_view),
    "resize_view": (calls.ResizeView, Desk.resize_view),
    "drop_view": (calls.OnHandle, Desk.drop_view),
}
