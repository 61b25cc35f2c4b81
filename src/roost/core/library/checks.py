"""How large what is kept in the library may be. Tables by the names of the fields, which are the same everywhere."""

from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct

from roost.model.addresses import check_address
from roost.model.errors import BodyTooLarge, InvalidBody, WorkspaceInvalid
from roost.model.library import (
    MAX_LINE_CHARS,
    MAX_NAME_CHARS,
    MAX_PICKED,
    MAX_REPO_BYTES,
    MAX_REPOS,
    MAX_TEXT_BYTES,
)
from roost.model.repos import NAMED, address_of, without_passwords

NAMES: Final = ("name", "repo", "skill", "source", "slug", "display_name", "model")
LINES: Final = ("description", "url")
TEXTS: Final = ("content", "setup_script", "system_prompt", "instructions")
LISTS: Final = (
    "dependencies", "skills", "buckets", "enabled_agents", "tools", "service_tools", "companions", "saved_skills",
    "skill_buckets",
)  # fmt: skip
NEEDED: Final = ("name", "repo", "skill", "source", "slug", "display_name", "instructions")
"""What is never blank, where it is."""


def check_sizes(request: Struct) -> None:
    """Raises: InvalidBody; BodyTooLarge: a text."""
    given = {name: value for name in request.__struct_fields__ if (value := getattr(request, name)) is not UNSET}
    for name in given.keys() & set(NEEDED):
        if not given[name].strip():
            raise InvalidBody(f"{name}: it is not empty")
    for names, limit in ((NAMES, MAX_NAME_CHARS), (LINES, MAX_LINE_CHARS)):
        for name in given.keys() & set(names):
            if len(given[name]) > limit:
                raise InvalidBody(f"{name}: at most {limit} characters")
    for name in given.keys() & set(TEXTS):
        if len(given[name].encode()) > MAX_TEXT_BYTES:
            raise BodyTooLarge(f"{name}: at most {MAX_TEXT_BYTES} bytes", limit_bytes=MAX_TEXT_BYTES)
    for name in given.keys() & set(LISTS):
        _check_list(name, given[name])
    if "repos" in given:
        check_repos(given["repos"])


def _check_list(name: str, values: tuple[Any, ...]) -> None:
    if len(values) > MAX_PICKED:
        raise InvalidBody(f"{name}: at most {MAX_PICKED}")
    for value in values:
        if isinstance(value, str) and not 0 < len(value.strip()) <= len(value) <= MAX_NAME_CHARS:
            raise InvalidBody(f"{name}: each 1 to {MAX_NAME_CHARS} characters")


def check_repos(repos: tuple[dict[str, Any], ...]) -> None:
    """Raises: InvalidBody; WorkspaceInvalid: it says not where it is, or not in a way that is cloned here."""
    if len(repos) > MAX_REPOS:
        raise InvalidBody(f"repos: at most {MAX_REPOS}")
    for repo in repos:
        if len(msgspec.json.encode(repo)) > MAX_REPO_BYTES:
            raise InvalidBody(f"repos: each at most {MAX_REPO_BYTES} bytes, as JSON")
        for name in NAMED & repo.keys():
            if not isinstance(repo[name], str):
                raise InvalidBody(f"repos: {name} is text")
        check_address(address_of(repo))
        if without_passwords(repo) != repo:
            raise WorkspaceInvalid(
                "repos: what is kept holds no password; let git have it, or give it with the session"
            )
