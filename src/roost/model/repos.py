"""Repositories as callers name them (`events.Kit.repos`), and where git finds one."""

import re
from collections.abc import Mapping
from typing import Any, Final

from msgspec import UNSET, UnsetType

from roost.model.errors import WorkspaceInvalid

GITHUB: Final = "https://github.com/{owner}/{name}.git"
_NO_FOLDER: Final = re.compile(r"[^\w.-]|^\.+")


def address_of(repo: Mapping[str, Any]) -> str:
    """`cloneUrl` or `url`, else of `owner` and `name` on GitHub. Raises: WorkspaceInvalid: nothing says where it is."""
    address = repo.get("cloneUrl") or repo.get("url")
    if not address and repo.get("owner") and repo.get("name"):
        address = GITHUB.format(owner=repo["owner"], name=repo["name"])
    if not address:
        raise WorkspaceInvalid("repo: give its `url` or `cloneUrl`, or `owner` and `name` of one on GitHub")
    return str(address)


def base_of(repo: Mapping[str, Any]) -> str | UnsetType:
    """The commit, branch or other ref that is asked for."""
    return repo.get("commit") or repo.get("branch") or repo.get("ref") or UNSET


def name_of(repo: Mapping[str, Any]) -> str:
    """A name for its folder: the last part of its own."""
    named = str(repo.get("name") or address_of(repo)).rstrip("/").removesuffix(".git")
    return _NO_FOLDER.sub("-", re.split(r"[/:]", named)[-1]) or "repository"
