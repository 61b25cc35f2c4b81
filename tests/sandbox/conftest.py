"""Walls around real processes. What needs bubblewrap fails by that name where there is none."""

import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import anyio
import pytest
from msgspec import UNSET

from roost.host.tree import Command, Tree
from roost.model.events import WorkspaceSpec
from roost.model.ids import new_session_id
from roost.model.sandbox import Needs, SandboxSpec
from roost.sandboxes.bubblewrap.probe import probe
from roost.sandboxes.bubblewrap.sandbox import BubblewrapSandbox

SECONDS = 30


class Box:
    """A sandbox with a workspace in it, beside a data folder and a home with secrets."""

    def __init__(self, place: Path, sandbox: BubblewrapSandbox, workspace: Path, mark: str) -> None:
        self.place, self.sandbox, self.workspace = place, sandbox, workspace
        self.data, self.home = place / "data", place / "home"
        self.tree = Tree(mark, place / "mark", sandbox)

    async def start(self, command: str, env: Mapping[str, str] | None = None) -> Command:
        return await self.tree.spawn(command, cwd=self.workspace, env=env or {})

    async def run(self, command: str, env: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Exit code and output of a shell command inside."""
        with anyio.fail_after(SECONDS):
            process = await self.start(command, env)
            said = b"".join([chunk async for chunk in process.output()])
            return await process.wait(), said.decode(errors="replace")


Boxed = Callable[..., AbstractAsyncContextManager[Box]]


@pytest.fixture(scope="session")
def bubblewrap() -> None:
    """Fails by name where there is none."""
    found = probe()
    if found.reason:
        pytest.fail(f"needs a sandbox: {found.reason}: {found.todo}")


@pytest.fixture
def boxed(bubblewrap: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Boxed:
    """Makes boxes: `boxed(network="none", needs=Needs(..), spec=.., memory=..)`."""
    home, data, workspace = tmp_path / "home", tmp_path / "data", tmp_path / "work"
    for folder in (home, data, workspace):
        folder.mkdir(mode=0o700)
    (data / "api_key").write_text("agc_secret")
    (data / "worktrees" / "other").mkdir(parents=True)
    (data / "worktrees" / "other" / "file").write_text("theirs")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("ROOST_API_KEY", "agc_secret")
    monkeypatch.setenv("SOMEBODYS_TOKEN", "agc_secret")

    @asynccontextmanager
    async def box(
        network: str = "none", *, needs: Needs | None = None, spec: WorkspaceSpec | None = None, **limits: float
    ) -> AsyncGenerator[Box]:
        asked = SandboxSpec(kind="bubblewrap", network=network, **limits)  # pyright: ignore[reportArgumentType]
        spec = spec or WorkspaceSpec(kind="folder", path=str(workspace))
        session = new_session_id()
        place = data / "sandboxes" / session
        needs = needs or Needs(programs=(sys.executable,))
        sandbox = BubblewrapSandbox(asked, needs, spec=spec, data=data, place=place)
        where = workspace if spec.root is UNSET else Path(spec.root)
        async with sandbox.opened():
            await sandbox.surround(where)
            made = Box(tmp_path, sandbox, where, f"{session}.1.alone")
            try:
                yield made
            finally:
                assert await made.tree.kill()

    return box
