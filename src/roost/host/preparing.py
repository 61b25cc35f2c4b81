"""Making the folders that sessions of a template begin with (ports.Preparer): clones, and a setup script."""

import os
import shutil
import signal
import subprocess
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import anyio
from anyio import to_thread
from anyio.abc import Process

from roost.host.clone import make_clone
from roost.host.copying import BRANCH, exclude_untracked
from roost.host.debian import packages
from roost.host.others import clone_others
from roost.model.errors import WorkspaceInvalid
from roost.model.events import WorkspaceSpec, WorkspaceUpdated
from roost.model.library import Dependencies
from roost.model.repos import address_of, base_of, others_of
from roost.processes import kill_marked, signal_group

MARK: Final = "ROOST_BUILD"
"""In the environment of all that a setup script starts: the name of the folder."""
MAX_LOG_BYTES: Final = 1024 * 1024
TOLD_BYTES: Final = 2000
"""Of what was printed, the end is told with an error."""


class LocalPreparer:
    """On this machine, as the user that the hub is. `seconds`: how long a folder may take to be made."""

    def __init__(self, *, seconds: float = 1800.0) -> None:
        self._seconds = seconds

    async def make(self, folder: Path, repos: Sequence[Mapping[str, Any]], script: str) -> None:
        await self.clear(folder)
        whole = False
        try:
            with anyio.fail_after(self._seconds):
                await self._clone(folder, repos)
                if script.strip():
                    await _run(folder, script)
                if repos:
                    await exclude_untracked(folder)
            whole = True
        except TimeoutError:
            raise WorkspaceInvalid(f"it took longer than {self._seconds:g} s") from None
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(_kill, folder)
                if not whole:
                    await to_thread.run_sync(_erase, folder)

    async def clear(self, folder: Path) -> None:
        def clear() -> None:
            _kill(folder)
            _erase(folder)
            for beside in (_log(folder), _script(folder)):
                beside.unlink(missing_ok=True)

        await to_thread.run_sync(clear)

    async def tidy(self, place: Path, needed: Collection[str]) -> set[str]:
        for name in await to_thread.run_sync(_folders_in, place):
            if name not in needed:
                with suppress(OSError):  # another time
                    await self.clear(place / name)
        return await to_thread.run_sync(lambda: {name for name in needed if (place / name).is_dir()})

    async def packages(self, wanted: Sequence[str]) -> Dependencies:
        return await packages(wanted)

    async def _clone(self, folder: Path, repos: Sequence[Mapping[str, Any]]) -> None:
        await anyio.Path(folder.parent).mkdir(parents=True, exist_ok=True, mode=0o700)
        if not repos:
            await anyio.Path(folder).mkdir()
            return
        first, root = repos[0], str(folder)
        spec = WorkspaceSpec(kind="clone", url=address_of(first), base=base_of(first), branch=BRANCH, root=root)
        await make_clone(spec, folder, {}, seconds=self._seconds, tell=_say_nothing)
        await clone_others(others_of(repos), folder, BRANCH, seconds=self._seconds, tell=_say_nothing)


def _say_nothing(_said: WorkspaceUpdated) -> None:
    """How far a clone is interests nobody here."""


async def _run(folder: Path, script: str) -> None:
    """Raises: WorkspaceInvalid: it ended with another code than 0."""
    file = _script(folder)
    await to_thread.run_sync(_write, file, script)
    command = [str(file)] if script.startswith("#!") else [shutil.which("bash") or "sh", "-e", str(file)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ROOST_", "GIT_"))}
    try:
        process = await anyio.open_process(
            command,
            cwd=folder,
            env=kept | {MARK: folder.name},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise WorkspaceInvalid(f"the setup script cannot be started: {os.strerror(error.errno or 0)}") from None
    printed, code = bytearray(), 0
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_keep_output, process, _log(folder), printed)
            code = await process.wait()
            await to_thread.run_sync(_kill, folder)  # what it left in the background holds its output open
    finally:
        signal_group(process.pid, signal.SIGKILL)
    if code:
        said = printed.decode(errors="replace").strip() or "it printed nothing"
        raise WorkspaceInvalid(f"the setup script ended with exit code {code}: {said}")


async def _keep_output(process: Process, log: Path, end: bytearray) -> None:
    """Keep the first `MAX_LOG_BYTES` that are printed, and the end for whoever asks what went wrong."""
    assert process.stdout is not None
    kept = 0
    async with await anyio.open_file(log, "wb") as file:
        async for chunk in process.stdout:
            await file.write(chunk[: MAX_LOG_BYTES - kept])
            kept = min(MAX_LOG_BYTES, kept + len(chunk))
            end += chunk
            del end[:-TOLD_BYTES]


def _write(file: Path, script: str) -> None:
    file.write_text(script)
    file.chmod(0o700)


def _folders_in(place: Path) -> set[str]:
    """The names of folders that are there, or of which something is left."""
    found = place.iterdir() if place.exists() else ()
    return {path.name.removesuffix(".log").removesuffix(".sh") for path in found}


def _log(folder: Path) -> Path:
    return folder.with_name(folder.name + ".log")


def _script(folder: Path) -> Path:
    return folder.with_name(folder.name + ".sh")


def _kill(folder: Path) -> None:
    kill_marked(MARK, lambda mark: mark == folder.name)


def _erase(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
