"""What a session has changed in its repository: shown, merged into where it came from, or given up."""

import os
import shutil
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp
from types import MappingProxyType
from typing import Final, Literal

import anyio
from anyio import to_thread
from msgspec import UNSET

from roost.host.clone import BASE_GLOB, BASE_REF, find_commit
from roost.host.git import EMPTY_TREE, GitFailed, enclosed, git_bytes, run_git
from roost.host.inside import printable
from roost.link.packing import packed
from roost.model.errors import MergeConflict, MergeRefused, WorkspaceDirty
from roost.model.events import FileChange, WorkspaceSpec
from roost.model.workspace import Diff, Discard, Discarded, Merge, Merged

MAX_PATCH_BYTES: Final = 1024 * 1024
MAX_FILES: Final = 5000
MAX_NAMES_BYTES: Final = 512 * 1024
_CHANGES: Final[dict[str, Literal["added", "modified", "deleted", "renamed"]]] = {
    "A": "added",
    "D": "deleted",
    "R": "renamed",
    "C": "added",
}


async def diff(spec: WorkspaceSpec, folder: Path) -> Diff | None:
    """All that is different from where the session began; in a plain folder, from its last commit. None: there is no
    repository. Raises: GitFailed."""
    if not await _in_repository(folder):
        return None
    base = await _base(spec, folder)
    async with _everything(folder) as env:
        about = ["diff", "--cached", "--find-renames", "--no-ext-diff", "--no-textconv", "--relative", base]
        names, cut = await git_bytes(*about, "--name-status", "-z", cwd=folder, env=env, limit=MAX_NAMES_BYTES)
        patch, torn = await git_bytes(*about, "--binary", cwd=folder, env=env, limit=MAX_PATCH_BYTES)
    files = _files(names)
    return Diff(
        files=tuple(files[:MAX_FILES]),
        base=base,
        branch=await _branch(folder) or UNSET,
        target=spec.target,
        truncated=cut or torn or len(files) > MAX_FILES,
        **packed("patch", patch, cut=torn),
    )


async def merge(spec: WorkspaceSpec, folder: Path, asked: Merge) -> Merged:
    """Merge the worktree's branch into the one it came from: a fast-forward if that is possible. Clean, or not at all.

    Raises: MergeConflict; WorkspaceDirty: not everything is committed, and no message; MergeRefused; GitFailed.
    """
    into = spec.target if asked.into is UNSET else asked.into
    if spec.kind != "worktree" or spec.path is UNSET:
        raise MergeRefused("only a worktree is merged here; a clone is pushed, a plain folder needs neither")
    repository = Path(spec.path)
    if into is UNSET:
        raise MergeRefused("the session came from a commit, not from a branch: say into which branch to merge")
    ref = f"refs/heads/{into}"
    there = await find_commit(repository, ref)
    if there is None:
        raise MergeRefused(f"the repository has no branch {into}")
    words = f"Merge branch '{await _branch(folder) or 'HEAD'}' into {into}"
    if await _unfinished(folder):
        if asked.message is UNSET:
            raise WorkspaceDirty("not everything is committed: commit it, or give a message to commit it with")
        await _try(folder, there, words)  # before anything is changed
        await run_git("add", "--all", cwd=folder)
        await run_git("commit", "--quiet", "-m", asked.message, cwd=folder, env=await _author(folder))
    merged = await _merged(folder, there, await run_git("rev-parse", "HEAD", cwd=folder), words)
    if merged != there:
        await _move(repository, ref, there, merged, folder)
    return Merged(into=into, commit=merged, changed=merged != there)


async def discard(spec: WorkspaceSpec, folder: Path, asked: Discard) -> Discarded:
    """Put the folder back to where the session began. Ignored files stay.

    Raises: WorkspaceDirty: work would be lost, and no force; MergeRefused: a folder that is not Roost's; GitFailed.
    """
    if spec.kind == "folder" or not await _in_repository(folder):
        raise MergeRefused("only what is done in a worktree or a clone can be discarded")
    base = await _base(spec, folder)
    if base == EMPTY_TREE:
        raise MergeRefused("the repository was empty when the session began: there is no commit to go back to")
    if not asked.force and (await _unfinished(folder) or await _unsaved(spec, folder)):
        raise WorkspaceDirty(path=str(folder))
    await run_git("reset", "--quiet", "--hard", base, cwd=folder)
    await run_git("clean", "--quiet", "-ffd", cwd=folder)
    return Discarded(commit=base)


# --- what git says ----------------------------------------------------------------------------------------------------


async def _in_repository(folder: Path) -> bool:
    try:
        return await run_git("rev-parse", "--is-inside-work-tree", cwd=folder) == "true"
    except GitFailed:
        return False


async def _branch(folder: Path) -> str | None:
    try:
        return await run_git("symbolic-ref", "--quiet", "--short", "HEAD", cwd=folder)
    except GitFailed:
        return None


async def _base(spec: WorkspaceSpec, folder: Path) -> str:
    """The commit that the session's work is compared with: the last one it shares with the branch it came from."""
    head = await find_commit(folder, "HEAD")
    if head is None:
        return EMPTY_TREE
    for other in _origins(spec):
        if await find_commit(folder, other):
            return await run_git("merge-base", head, other, cwd=folder)
    return EMPTY_TREE if spec.kind == "clone" else head


def _origins(spec: WorkspaceSpec) -> list[str]:
    """The names under which a repository may know where the session came from, the best first."""
    if spec.kind == "clone":
        return [f"refs/remotes/origin/{'HEAD' if spec.base is UNSET else spec.base}", BASE_REF]
    named = (spec.target, spec.commit, spec.base) if spec.kind == "worktree" else ()
    return [name for name in named if isinstance(name, str)]


async def _unfinished(folder: Path) -> bool:
    return bool(await run_git("status", "--porcelain", "--untracked-files=normal", cwd=folder))


async def _unsaved(spec: WorkspaceSpec, folder: Path) -> bool:
    """Whether the branch has commits that no other branch, tag or remote has."""
    branch = await _branch(folder)
    remote = ["--remotes", BASE_GLOB]
    others = remote if spec.kind == "clone" else [f"--exclude={branch}", "--branches", "--tags", "--remotes"]
    return bool(await run_git("rev-list", "--max-count=1", "HEAD", "--not", *others, cwd=folder))


def _files(names: bytes) -> list[FileChange]:
    """From git's `status NUL path NUL`, with two paths for a renamed one."""
    found: list[FileChange] = []
    fields = iter(names.split(b"\0"))
    for status in fields:
        letter = status[:1].decode(errors="replace")
        paths = [printable(os.fsdecode(next(fields, b""))) for _ in range(2 if letter in ("R", "C") else 1)]
        if letter and paths[-1]:
            before = paths[0] if letter == "R" else UNSET
            found.append(FileChange(path=paths[-1], change=_CHANGES.get(letter, "modified"), before=before))
    return found


# --- what git does ----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _everything(folder: Path) -> AsyncGenerator[Mapping[str, str]]:
    """An environment in which git's index is a copy that holds every file as it is now; the repository stays as it
    was, its objects too."""
    index = folder / await run_git("rev-parse", "--git-path", "index", cwd=folder)
    objects = folder / await run_git("rev-parse", "--git-path", "objects", cwd=folder)
    place = Path(await to_thread.run_sync(lambda: mkdtemp(prefix="roost-diff-")))
    env = {
        "GIT_INDEX_FILE": str(place / "index"),
        "GIT_OBJECT_DIRECTORY": str(place / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(objects.resolve()),
    }
    try:
        (place / "objects").mkdir()
        with suppress(OSError):  # in the sandbox: where its index is, an agent may have said
            copying = await enclosed(["cp", "--", str(index), env["GIT_INDEX_FILE"]], folder, env)
            await anyio.run_process(copying.command, cwd=folder, env=copying.env, check=False)
        with suppress(GitFailed):  # a file that cannot be read stays what it was
            await run_git("add", "--all", "--ignore-errors", "--", ".", cwd=folder, env=env)
        yield env
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(lambda: shutil.rmtree(place, ignore_errors=True))


async def _try(folder: Path, there: str, words: str) -> None:
    """Merge everything as it is now, committed or not, and forget it. Raises: MergeConflict."""
    async with _everything(folder) as env:
        env = {**env, **await _author(folder)}
        tree = await run_git("write-tree", cwd=folder, env=env)
        mine = await run_git("commit-tree", tree, "-p", "HEAD", "-m", words, cwd=folder, env=env)
        await _merged(folder, there, mine, words, env)


async def _merged(
    folder: Path, there: str, mine: str, words: str, env: Mapping[str, str] = MappingProxyType({})
) -> str:
    """The commit that holds both. Nothing refers to it yet. Raises: MergeConflict."""
    base = await run_git("merge-base", there, mine, cwd=folder, env=env)
    if base in (there, mine):
        return mine if base == there else there
    what = ("merge-tree", "--write-tree", "--name-only", "-z", "--no-messages", there, mine)
    out, _ = await git_bytes(*what, cwd=folder, env=env, limit=MAX_NAMES_BYTES, fine=(0, 1))
    tree, *conflicts = [part.decode(errors="replace") for part in out.split(b"\0") if part]
    if conflicts:
        raise MergeConflict(paths=sorted(set(conflicts))[:100])
    author = {**env, **await _author(folder)}
    return await run_git("commit-tree", tree, "-p", there, "-p", mine, "-m", words, cwd=folder, env=author)


async def _move(repository: Path, ref: str, before: str, after: str, folder: Path) -> None:
    """Move a branch, with the folder where it is checked out. Raises: MergeRefused: somebody's changes are in the way,
    it has moved meanwhile, or its folder is another session's: what git obeys there, an agent has written."""
    place = await _checked_out(repository, ref)
    if place is not None and await to_thread.run_sync(_anothers, place, folder):
        raise MergeRefused("another session has checked that branch out: let it switch to another one first")
    try:
        if place is None:
            await run_git("update-ref", "-m", "roost: merge", ref, after, before, cwd=repository)
        elif await find_commit(place, "HEAD") != before:
            raise MergeRefused("the branch has moved meanwhile: try again")
        else:
            await run_git("merge", "--quiet", "--ff-only", after, cwd=place)
    except GitFailed as error:
        raise MergeRefused(f"the branch cannot be moved: {error.message}") from None


def _anothers(place: Path, folder: Path) -> bool:
    """Whether this is the worktree of another session than `folder` is. Blocks."""
    place, folder = place.resolve(), folder.resolve()
    return place != folder and place.parent == folder.parent


async def _checked_out(repository: Path, ref: str) -> Path | None:
    place: Path | None = None
    for line in (await run_git("worktree", "list", "--porcelain", cwd=repository)).splitlines():
        word, _, value = line.partition(" ")
        if word == "worktree":
            place = Path(value)
        elif word == "branch" and value == ref:
            return place
    return None


async def _author(folder: Path) -> dict[str, str]:
    """Who commits: whoever git says it is, else Roost."""
    try:
        await run_git("var", "GIT_COMMITTER_IDENT", cwd=folder)
        return {}
    except GitFailed:
        who = {"NAME": "Roost", "EMAIL": "roost@localhost"}
        return {f"GIT_{role}_{name}": said for role in ("AUTHOR", "COMMITTER") for name, said in who.items()}
