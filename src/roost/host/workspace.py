"""The folders sessions work in: a plain folder, one of Roost's own, a git worktree, a clone (ports.Workspaces).

While a worktree or clone is being made, a note `<root>.making` lies beside it. Only a folder with such a note is half
made and may be made anew: no agent has ever worked in it. Every other folder holds somebody's work.
"""

import os
import shutil
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

import anyio
from anyio import to_thread
from msgspec import UNSET, UnsetType

from roost.durable import make_folder, remove, sync_folder
from roost.host.clone import BASE_GLOB, Tell, find_commit, make_clone
from roost.host.copying import OWN, begin, copy_prepared, excluded_changed, forget_begun, repositories_in, untouched
from roost.host.git import GitFailed, ask_git, in_repository, run_git
from roost.host.given import given_note
from roost.host.inside import Inside
from roost.host.others import clone_others
from roost.model.addresses import check_base, split_credentials
from roost.model.commands import WorkspaceRequest
from roost.model.errors import SandboxUnavailable, WorkspaceInvalid
from roost.model.events import WorkspaceSpec
from roost.model.ids import SessionId, short_id

TRIES = 5
"""Two sessions at work on one repository may find each other's locks."""
TRY_AGAIN_SECONDS = 0.2
Confine = Callable[[WorkspaceSpec, Path], AbstractAsyncContextManager[None]]
_NO_ENV: Final[Mapping[str, str]] = MappingProxyType({})


@asynccontextmanager
async def _as_it_is(_spec: WorkspaceSpec, _root: Path) -> AsyncGenerator[None]:
    yield


class LocalWorkspaces:
    """Workspaces on this machine; what Roost makes lies below the data folder."""

    def __init__(self, data: Path, *, clone_seconds: float = 600.0, confine: Confine | None = None) -> None:
        """`clone_seconds`: how long a clone may take to be made. `confine`: for as long as a block lasts, git runs in a
        sandbox in this folder."""
        self._data = data
        self._confine: Confine = confine or _as_it_is
        self._clone_seconds = clone_seconds

    def resolve(self, session: SessionId, request: WorkspaceRequest, places: Collection[str] = ()) -> WorkspaceSpec:
        """Blocks for some milliseconds (git). A repository to clone is not asked: whoever asks for a session does not
        wait for other machines."""
        kind = self._kind(request)
        if kind == "clone":
            return self._clone(session, request)
        if kind == "worktree":
            return self._worktree(session, request)
        if request.base is not UNSET:
            raise WorkspaceInvalid("a plain folder is used as it is: `base` is for worktrees and clones")
        if request.path is UNSET:
            return WorkspaceSpec(kind="folder", root=str(self._place("folders", session)))
        inside = Inside(folder := _folder(request.path))
        for place in places:
            inside.parts(place)
        return WorkspaceSpec(kind="folder", path=str(folder))

    async def prepare(
        self, spec: WorkspaceSpec, env: Mapping[str, str] = _NO_ENV, tell: Tell = lambda _said: None
    ) -> Path:
        if spec.kind == "folder" and spec.path is not UNSET:
            return _folder(spec.path)
        root = _root(spec)
        if spec.kind == "folder" and spec.prepared is UNSET:
            await anyio.Path(root).mkdir(parents=True, exist_ok=True)
            return root
        note = _note(root)
        if await to_thread.run_sync(_complete, spec, root, note):
            return root
        await to_thread.run_sync(_begin, root, note)
        try:
            if not await copy_prepared(spec, root, tell):
                await self._make(spec, root, env, tell)
        except WorkspaceInvalid:
            await to_thread.run_sync(_erase, root)
            await to_thread.run_sync(remove, note)
            raise
        await to_thread.run_sync(remove, note)  # for good: what it names is erased by the next host
        return root

    async def dirty(self, spec: WorkspaceSpec) -> bool:
        """Also true for commits that no branch, tag or remote of the repository holds, as they would be lost."""
        if spec.root is UNSET or not await anyio.Path(spec.root).exists():
            return False
        root = Path(spec.root)
        if await anyio.Path(_note(root)).exists():
            return False
        if spec.kind == "folder":
            names = set(await to_thread.run_sync(os.listdir, root))
            return bool(names - {OWN}) and not await to_thread.run_sync(untouched, root)
        try:
            async with self._confine(spec, root):
                return await _holds_work(spec, root)
        except (GitFailed, SandboxUnavailable):
            return True  # what cannot be read may be somebody's work

    async def remove(self, spec: WorkspaceSpec) -> None:
        if spec.root is UNSET:
            return
        root = self._ours(_root(spec))
        if spec.kind == "worktree" and spec.path is not UNSET:
            await _forget_worktree(Path(spec.path), root)
        await to_thread.run_sync(_erase, root)
        await to_thread.run_sync(lambda: _note(root).unlink(missing_ok=True))
        await to_thread.run_sync(forget_begun, root)

    async def forget(self, session: SessionId) -> None:
        await anyio.Path(given_note(self._data, session)).unlink(missing_ok=True)
        await to_thread.run_sync(shutil.rmtree, self._data / "sandboxes" / session, True)

    def _kind(self, request: WorkspaceRequest) -> Literal["folder", "worktree", "clone"]:
        if request.url is not UNSET and (request.path is not UNSET or request.kind not in ("auto", "clone")):
            raise WorkspaceInvalid("`url` is cloned into a folder of Roost's: it takes no `path`, and no other `kind`")
        if request.kind != "auto":
            return request.kind
        if request.url is not UNSET:
            return "clone"
        if request.path is UNSET or _top_with_commit(_folder(request.path)) is None:
            return "folder"
        return "worktree"

    def _clone(self, session: SessionId, request: WorkspaceRequest) -> WorkspaceSpec:
        if request.url is UNSET:
            raise WorkspaceInvalid("a clone needs the address of a repository: set `url`")
        address, _ = split_credentials(request.url)
        if request.base is not UNSET:
            check_base(request.base)
        root, branch = self._place("clones", session), f"roost/{short_id(session)}"
        return WorkspaceSpec(kind="clone", url=address, base=request.base, branch=branch, root=str(root))

    def _worktree(self, session: SessionId, request: WorkspaceRequest) -> WorkspaceSpec:
        if request.path is UNSET:
            raise WorkspaceInvalid("a worktree needs a repository: set `path`")
        folder = _folder(request.path)
        top = _top(folder)
        if top is None:
            raise WorkspaceInvalid(
                f"{folder} is not in a git repository: run `git init` and commit, or use the folder as it is",
                path=str(folder),
            )
        if request.base is not UNSET and not _is_commit(folder, request.base):
            raise WorkspaceInvalid(f"{top} has no branch or commit {request.base!r}", path=top)
        if not _is_commit(folder, "HEAD"):
            raise WorkspaceInvalid(f"{top} has no commit yet: commit something first", path=top)
        commit, target = _origin(folder, request.base)
        root, branch = self._place("worktrees", session), f"roost/{short_id(session)}"
        return WorkspaceSpec(
            kind="worktree", path=top, base=request.base, branch=branch, root=str(root), commit=commit, target=target
        )

    def _place(self, room: str, session: SessionId) -> Path:
        return self._data.absolute() / room / short_id(session)

    async def _make(self, spec: WorkspaceSpec, root: Path, env: Mapping[str, str], tell: Tell) -> None:
        if spec.kind == "folder":
            await anyio.Path(root).mkdir()
        elif spec.kind == "worktree":
            await self._make_worktree(spec, root)
        else:
            await make_clone(spec, root, env, seconds=self._clone_seconds, tell=tell)
            if spec.others and spec.branch is not UNSET:
                await clone_others(spec.others, root, spec.branch, seconds=self._clone_seconds, tell=tell)
                await to_thread.run_sync(begin, root)

    async def _make_worktree(self, spec: WorkspaceSpec, root: Path) -> None:
        if spec.path is UNSET or spec.branch is UNSET:
            raise WorkspaceInvalid("a worktree needs `path` and `branch`")
        repository = Path(spec.path)
        if not await anyio.Path(repository).is_dir():
            raise WorkspaceInvalid(f"the repository {repository} is gone", path=spec.path)
        for attempt in range(TRIES):
            await _forget_worktree(repository, root)
            if await _has_branch(repository, spec.branch):
                what = ["--", str(root), spec.branch]
            else:
                base = "HEAD" if spec.base is UNSET else spec.base
                what = ["--no-track", "-b", spec.branch, "--", str(root), base]
            try:
                await run_git("worktree", "add", *what, cwd=repository)
                return
            except GitFailed:
                if attempt + 1 == TRIES:
                    raise
            await to_thread.run_sync(_erase, root)
            await anyio.sleep(TRY_AGAIN_SECONDS * (attempt + 1))

    def _ours(self, root: Path) -> Path:
        """Raises: WorkspaceInvalid: not a folder that Roost makes."""
        rooms = [self._data.absolute() / room for room in ("worktrees", "clones", "folders")]
        if root.parent not in rooms:
            raise WorkspaceInvalid(f"{root} is not a folder that Roost made", path=str(root))
        return root


def _folder(given: str) -> Path:
    """Raises: WorkspaceInvalid."""
    path = Path(given).expanduser()
    if not given or not path.is_absolute():
        raise WorkspaceInvalid(f"{given!r} must be an absolute path", path=given)
    if not path.exists():
        raise WorkspaceInvalid(f"{path} does not exist: make the folder first", path=given)
    if not path.is_dir():
        raise WorkspaceInvalid(f"{path} is not a folder", path=given)
    if not os.access(path, os.R_OK | os.X_OK):
        raise WorkspaceInvalid(f"{path} cannot be read by this user", path=given)
    return path.resolve()


def _top(folder: Path) -> str | None:
    """The root of the repository that this folder lies in, if it has a work tree."""
    if not in_repository(folder):
        return None
    try:
        return ask_git("rev-parse", "--show-toplevel", cwd=folder)
    except GitFailed:
        return None


def _is_commit(folder: Path, name: str) -> bool:
    try:
        ask_git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}", cwd=folder)
    except GitFailed:
        return False
    return True


def _origin(folder: Path, base: str | UnsetType) -> tuple[str, str | UnsetType]:
    """The commit that a worktree begins at, and the branch which that is, unless it is none."""
    begin = "HEAD" if base is UNSET else base
    commit = ask_git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{begin}^{{commit}}", cwd=folder)
    try:
        if base is UNSET:
            return commit, ask_git("symbolic-ref", "--quiet", "--short", "HEAD", cwd=folder)
        ask_git("show-ref", "--verify", "--quiet", f"refs/heads/{base}", cwd=folder)
    except GitFailed:
        return commit, UNSET
    return commit, base


def _top_with_commit(folder: Path) -> str | None:
    top = _top(folder)
    return top if top is not None and _is_commit(folder, "HEAD") else None


def _root(spec: WorkspaceSpec) -> Path:
    if spec.root is UNSET:
        raise WorkspaceInvalid("this workspace was never resolved: it has no `root`")
    return Path(spec.root)


def _note(root: Path) -> Path:
    return root.with_name(root.name + ".making")


def _complete(spec: WorkspaceSpec, root: Path, note: Path) -> bool:
    """Whether the folder is there and whole. Raises: WorkspaceInvalid: it is there but holds no repository."""
    if note.exists() or not root.exists():
        return False
    if spec.kind != "folder" and not (root / ".git").exists():
        raise WorkspaceInvalid(f"{root} is no git worktree any more: move it away to have it made anew", path=str(root))
    return True


def _begin(root: Path, note: Path) -> None:
    """Leave a note, then clear away what an earlier attempt left."""
    make_folder(root.parent)
    note.touch()
    sync_folder(root.parent)
    _erase(root)


def _erase(root: Path) -> None:
    if root.is_symlink() or root.is_file():
        root.unlink()
    elif root.exists():
        shutil.rmtree(root)


async def _holds_work(spec: WorkspaceSpec, root: Path) -> bool:
    """Raises: GitFailed."""
    several = spec.prepared is not UNSET or bool(spec.others)
    inside = await to_thread.run_sync(repositories_in, root) if several else []
    for repository in (root, *inside):
        if await run_git("status", "--porcelain", "--untracked-files=normal", cwd=repository):
            return True
        if await _would_lose_commits(spec, repository):
            return True
    return several and await excluded_changed(root)


async def _would_lose_commits(spec: WorkspaceSpec, root: Path) -> bool:
    """Of a clone those that the remote does not have, of a worktree those that no name of its repository leads to."""
    head = ["HEAD"] if await find_commit(root, "HEAD") else []  # an empty repository has none
    if spec.kind == "clone":
        which = [*head, "--branches", "--not", "--remotes", BASE_GLOB]
    else:
        which = [*head, "--not", "--branches", "--tags", "--remotes"]
    return bool(await run_git("rev-list", "--max-count=1", *which, cwd=root))


async def _has_branch(repository: Path, branch: str) -> bool:
    try:
        await run_git("show-ref", "--verify", "--quiet", f"refs/heads/{branch}", cwd=repository)
    except GitFailed:
        return False
    return True


async def _forget_worktree(repository: Path, root: Path) -> None:
    """Take the worktree at `root` off the repository's list, locked or not, half made or whole, and its folder away."""
    if not await anyio.Path(repository).is_dir():
        return
    unlock, remove = ["unlock", "--", str(root)], ["remove", "--force", "--", str(root)]
    for arguments in (unlock, remove, ["prune"]):
        try:
            await run_git("worktree", *arguments, cwd=repository)
        except GitFailed:
            continue  # there was nothing to do
