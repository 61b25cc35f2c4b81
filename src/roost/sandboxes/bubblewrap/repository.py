"""What git needs of the main repository so that a worktree's commits work, and nothing that its user's git would obey.

Only what the log says of the workspace is believed: its own `.git` may say anything, an agent has written it."""

from pathlib import Path
from typing import Final

from msgspec import UNSET

from roost.model.events import WorkspaceSpec
from roost.sandboxes.bubblewrap.walls import Walls

COMMITTED: Final = ("objects", "refs", "logs")
"""Of a repository, what commits of a worktree are written to. The rest is read-only: its configuration and hooks, its
own `HEAD`, and what is not there yet: a new `commondir` would have its git obey another one."""
OBEYED_IN_FOLDER: Final = ("config", "config.worktree", "hooks")


def open_repository(walls: Walls, spec: WorkspaceSpec, workspace: Path) -> None:
    """Blocks. A clone is the agent's own. In a folder's repository it must write, so there its configuration and hooks
    alone are kept from it."""
    if spec.kind == "folder" and spec.path is not UNSET:
        _keep(walls, workspace / ".git", OBEYED_IN_FOLDER)
        _show_above(walls, workspace)
    if spec.kind != "worktree" or spec.path is UNSET:
        return
    common = _common(Path(spec.path) / ".git")
    if common is None:
        return
    walls.read(common)
    for name in COMMITTED:
        if (common / name).is_dir():
            walls.write(common / name)
    (common / "objects" / "info").mkdir(exist_ok=True)  # or it could be made, with other places of objects in it
    walls.read(common / "objects" / "info")
    if own := _own(common, workspace):
        walls.write(own)
        for name in ("commondir", "gitdir", "config.worktree"):
            walls.read(own / name)


def _show_above(walls: Walls, workspace: Path) -> None:
    """The repository that a folder lies in, without its other files: to be read."""
    git = next((above / ".git" for above in workspace.parents if (above / ".git").exists()), None)
    if git is None:
        return
    walls.read(git)
    if not git.is_dir() and (common := _common(git)):
        walls.read(common)


def _keep(walls: Walls, git: Path, names: tuple[str, ...]) -> None:
    if git.is_symlink():
        return
    if not git.is_dir():  # of a worktree or a submodule: another would have its user's git obey another repository
        walls.read(git)
        return
    walls.write(git)  # so that it cannot be exchanged for another
    if not (git / "hooks").is_symlink():
        (git / "hooks").mkdir(exist_ok=True)  # or one could be made there
    for name in names:
        walls.read(git / name)


def _common(git: Path) -> Path | None:
    """The folder that all worktrees of a repository share. Of a worktree, as git finds it; it is the user's own."""
    if git.is_dir():
        return git.resolve()
    try:
        own = Path(git.read_text().removeprefix("gitdir:").strip())
        own = own if own.is_absolute() else git.parent / own
        common = own / (own / "commondir").read_text().strip()
    except OSError:
        return None
    return common.resolve() if (common / "objects").is_dir() else None


def _own(common: Path, workspace: Path) -> Path | None:
    """Where the repository keeps what is this worktree's alone."""
    mine = {str(workspace / ".git"), str(workspace.resolve() / ".git")}
    for place in sorted((common / "worktrees").glob("*")):
        try:
            if (place / "gitdir").read_text().strip() in mine:
                return place
        except OSError:
            continue
    return None
