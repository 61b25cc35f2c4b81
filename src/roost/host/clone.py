"""Cloning a repository: nobody is asked anything, it takes no longer than it may, and it says how far it is."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Final

import anyio
from msgspec import UNSET

from roost.host.git import GitFailed, run_git, watch_git
from roost.model.addresses import CREDENTIALS, check_base, with_credentials
from roost.model.errors import WorkspaceInvalid
from roost.model.events import Failure, WorkspaceSpec, WorkspaceUpdated

BASE_REF: Final = "refs/roost/base"
"""In a clone: the commit where the session began."""
BASE_GLOB: Final = "--glob=refs/roost/*"
"""The same where it may not be there, in a clone of an empty repository."""
TELL_SECONDS: Final = 2.0
"""How often it is said how far git is."""
_PROGRESS: Final = re.compile(r"(?:remote: )?([A-Z][\w ]+): +(\d+)% ")

Tell = Callable[[WorkspaceUpdated], None]


async def make_clone(spec: WorkspaceSpec, root: Path, env: Mapping[str, str], *, seconds: float, tell: Tell) -> None:
    """A clone of `spec.url` at `root`, on `spec.branch`, which begins at `spec.base`: a branch of the remote, else a
    tag, a commit, or any other ref it lets us have. An empty repository gives an empty folder. `env`: the session's, of
    which credentials are taken and nothing else. What is half made is left to the caller.

    Raises: WorkspaceInvalid: with git's last lines, or because it took longer than `seconds`.
    """
    if spec.url is UNSET or spec.branch is UNSET:
        raise WorkspaceInvalid("a clone needs `url` and `branch`")
    told = _Telling(tell)
    try:
        with anyio.fail_after(seconds):
            secret = {name: value for name, value in env.items() if name == CREDENTIALS}
            quiet = await _unattended(root.parent) | with_credentials(secret, spec.url)
            what = ["--progress", "--no-checkout", "--no-hardlinks", "--origin=origin", "--", spec.url, str(root)]
            await watch_git("clone", *what, cwd=root.parent, env=quiet, hear=told.hear)
            start = await _start(spec, root, quiet, told)
            await watch_git("switch", "--progress", "--no-track", "-c", spec.branch, *start, cwd=root, hear=told.hear)
    except TimeoutError:
        raise told.failed(WorkspaceInvalid(f"{spec.url} was not cloned within {seconds:g} s")) from None
    except WorkspaceInvalid as error:
        raise told.failed(error) from None
    told.ready(start[0] if start else None)


async def _start(spec: WorkspaceSpec, root: Path, env: Mapping[str, str], told: "_Telling") -> list[str]:
    """The commit to begin at, which `BASE_REF` keeps from now on; none: the repository has no commit."""
    if spec.base is UNSET:
        commit = await find_commit(root, "HEAD")
        if commit is None:
            return []
    else:
        check_base(spec.base)
        commit = await _find(root, spec.base) or await _fetched(root, spec.base, env, told)
    await run_git("update-ref", BASE_REF, commit, cwd=root)
    return [commit]


async def _find(root: Path, base: str) -> str | None:
    for name in (f"refs/remotes/origin/{base}", f"refs/tags/{base}", base):
        if commit := await find_commit(root, name):
            return commit
    return None


async def _fetched(root: Path, base: str, env: Mapping[str, str], told: "_Telling") -> str:
    """What no branch or tag leads to: a commit that was left behind, a ref like `refs/pull/7/head`."""
    try:
        await watch_git("fetch", "--progress", "--no-tags", "origin", base, cwd=root, env=env, hear=told.hear)
    except GitFailed as error:
        raise WorkspaceInvalid(f"the repository has no branch, tag or commit {base!r} ({error.message})") from None
    return await run_git("rev-parse", "--verify", "FETCH_HEAD^{commit}", cwd=root)


async def find_commit(folder: Path, name: str) -> str | None:
    """The commit that a name leads to in this repository."""
    try:
        return await run_git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}", cwd=folder)
    except GitFailed:
        return None


async def _unattended(folder: Path) -> dict[str, str]:
    """For a git that talks to other machines: nothing it starts may wait for a person."""
    try:
        configured = await run_git("config", "--get", "core.sshCommand", cwd=folder)
    except GitFailed:
        configured = ""
    ssh = os.environ.get("GIT_SSH_COMMAND") or configured or "ssh"
    return {"GIT_SSH_COMMAND": f"{ssh} -o BatchMode=yes", "GIT_ASKPASS": "", "GCM_INTERACTIVE": "never"}


class _Telling:
    """What is said of a clone: that it begins, now and then how far it is, and how it ends."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._next = monotonic() + TELL_SECONDS
        tell(WorkspaceUpdated(status="cloning"))

    def hear(self, line: str) -> None:
        found = _PROGRESS.match(line)
        if found and monotonic() >= self._next:
            self._next = monotonic() + TELL_SECONDS
            self._tell(WorkspaceUpdated(status="cloning", stage=found[1], percent=int(found[2])))

    def ready(self, commit: str | None) -> None:
        self._tell(WorkspaceUpdated(status="ready", commit=commit or UNSET))

    def failed(self, error: WorkspaceInvalid) -> WorkspaceInvalid:
        self._tell(WorkspaceUpdated(status="failed", error=Failure(code=error.code, message=error.message)))
        return error
