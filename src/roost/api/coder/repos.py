"""Repositories as Coder's clients name them, and what a workspace makes of one."""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, UnsetType

from roost.api.coder.shapes import RepoRef
from roost.model.commands import WorkspaceRequest
from roost.model.repos import address_of, base_of


def given_repos(repo: RepoRef | UnsetType, repos: Sequence[RepoRef] | UnsetType) -> tuple[RepoRef, ...] | UnsetType:
    """The repositories of a body, `repo` first, each once, without what is null."""
    if repo is UNSET and repos is UNSET:
        return UNSET
    found: list[RepoRef] = []
    for given in (*(() if repo is UNSET else (repo,)), *(() if repos is UNSET else repos)):
        kept = {name: value for name, value in given.items() if value is not None}
        if kept and kept not in found:
            found.append(kept)
    return tuple(found)


def workspace_request(repos: Sequence[dict[str, Any]]) -> WorkspaceRequest:
    """A clone of the first repository; without one, an empty folder of the session's own.

    Raises: WorkspaceInvalid: nothing says where the repository is.
    """
    if not repos:
        return WorkspaceRequest(kind="folder")
    return WorkspaceRequest(kind="clone", url=address_of(repos[0]), base=base_of(repos[0]))
