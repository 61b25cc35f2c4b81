"""Repositories as Coder's clients name them, and what a workspace makes of one."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import UNSET, UnsetType

from roost.api.coder.shapes import RepoRef
from roost.model.commands import WorkspaceRequest
from roost.model.errors import InvalidBody, WorkspaceInvalid

NAMED: Final = frozenset(
    (
        "repoId", "type", "provider", "owner", "name", "fullName", "url", "cloneUrl", "defaultBranch", "branch", "ref",
        "commit", "path", "rootPath",
    )
)  # fmt: skip
"""Fields whose text clients rely on."""
GITHUB: Final = "https://github.com/{owner}/{name}.git"


def given_repos(repo: RepoRef | UnsetType, repos: Sequence[RepoRef] | UnsetType) -> tuple[RepoRef, ...] | UnsetType:
    """The repositories of a body, `repo` first, each once, without what is null. Raises: InvalidBody."""
    if repo is UNSET and repos is UNSET:
        return UNSET
    found: list[RepoRef] = []
    for given in (*(() if repo is UNSET else (repo,)), *(() if repos is UNSET else repos)):
        for name in NAMED & given.keys():
            if not isinstance(given[name], str | None):
                raise InvalidBody(f"repo: {name} is text")
        kept = {name: value for name, value in given.items() if value is not None}
        if kept and kept not in found:
            found.append(kept)
    return tuple(found)


def workspace_of(repos: Sequence[dict[str, Any]]) -> WorkspaceRequest:
    """A clone of the first repository; without one, an empty folder of the session's own.

    Raises: WorkspaceInvalid: nothing says where the repository is.
    """
    if not repos:
        return WorkspaceRequest(kind="folder")
    repo = repos[0]
    url = repo.get("cloneUrl") or repo.get("url")
    if not url and repo.get("owner") and repo.get("name"):
        url = GITHUB.format(owner=repo["owner"], name=repo["name"])
    if not url:
        raise WorkspaceInvalid("repo: give its `url` or `cloneUrl`, or `owner` and `name` of one on GitHub")
    base = repo.get("commit") or repo.get("branch") or repo.get("ref")
    return WorkspaceRequest(kind="clone", url=url, base=base or UNSET)
