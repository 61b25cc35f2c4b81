"""Repositories as callers name them (`events.Kit.repos`), and where git finds one."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import UNSET, UnsetType

from roost.model.addresses import scrubbed, split_credentials
from roost.model.errors import WorkspaceInvalid
from roost.model.values import OtherClone

NAMED: Final = frozenset(
    (
        "repoId", "type", "provider", "owner", "name", "fullName", "url", "cloneUrl", "defaultBranch", "branch", "ref",
        "commit", "path", "rootPath",
    )
)  # fmt: skip
"""Fields that are text, if they are there. Others are kept as they are."""
ADDRESSES: Final = ("cloneUrl", "url")
"""Where it can be cloned from; the first one that is given is taken."""
GITHUB: Final = "https://github.com/{owner}/{name}.git"
_NO_FOLDER: Final = re.compile(r"[^\w.-]|^\.+")


def address_of(repo: Mapping[str, Any]) -> str:
    """`cloneUrl` or `url`, else of `owner` and `name` on GitHub. Raises: WorkspaceInvalid: nothing says where it is."""
    address = next((repo[name] for name in ADDRESSES if repo.get(name)), None)
    if not address and repo.get("owner") and repo.get("name"):
        address = GITHUB.format(owner=repo["owner"], name=repo["name"])
    if not address:
        raise WorkspaceInvalid("repo: give its `url` or `cloneUrl`, or `owner` and `name` of one on GitHub")
    return str(address)


def base_of(repo: Mapping[str, Any]) -> str | UnsetType:
    """The commit, branch or other ref that is asked for."""
    named = repo.get("commit") or repo.get("branch") or repo.get("ref")
    return str(named) if named else UNSET


def others_of(repos: Sequence[Mapping[str, Any]]) -> tuple[OtherClone, ...]:
    """All but the first, which they are cloned into. Raises: WorkspaceInvalid: two would lie in one folder."""
    found = tuple(OtherClone(url=address_of(repo), folder=name_of(repo), base=base_of(repo)) for repo in repos[1:])
    if len({other.folder for other in found}) < len(found):
        raise WorkspaceInvalid("repos: each but the first is cloned to a folder of its own: give them different names")
    return found


def without_passwords(repo: Mapping[str, Any]) -> dict[str, Any]:
    """The same as it may be kept and served."""
    return {
        name: _plain(value) if name in ADDRESSES and isinstance(value, str) and value else value
        for name, value in repo.items()
    }


def _plain(address: str) -> str:
    try:
        return split_credentials(address)[0]
    except WorkspaceInvalid:  # nothing that git is given; a password may stand in it all the same
        return scrubbed(address)


def name_of(repo: Mapping[str, Any]) -> str:
    """A name for its folder: the last part of its own."""
    named = str(repo.get("name") or address_of(repo)).rstrip("/").removesuffix(".git")
    return _NO_FOLDER.sub("-", re.split(r"[/:]", named)[-1]) or "repository"
