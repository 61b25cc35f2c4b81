"""What a session is given to work with: checked before it is recorded, and changed as a whole. Pure."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from roost.model import commands as c
from roost.model import events as e
from roost.model.errors import BodyTooLarge, InvalidBody, PathOutside
from roost.model.library import (
    MAX_COMMAND_BYTES,
    MAX_COMMAND_WORDS,
    MAX_KIT_BYTES,
    MAX_NAME_CHARS,
    MAX_PICKED,
    MAX_REPO_BYTES,
    MAX_REPOS,
    MAX_TEXT_BYTES,
)  # fmt: skip
from roost.model.repos import without_passwords
from roost.model.workspace import MAX_PATH_BYTES


def settled(kit: e.Kit) -> e.Kit:
    """The kit as it is recorded: each skill once, however often it is named (the first one stays).

    Raises: InvalidBody: too many or too long; BodyTooLarge: as a whole."""
    _check_names("default_agent", () if kit.default_agent is UNSET else (kit.default_agent,))
    _check_names("enabled_agents", kit.enabled_agents)
    if len(kit.repos) > MAX_REPOS:
        raise InvalidBody(f"repos: at most {MAX_REPOS}")
    if any(len(msgspec.json.encode(repo)) > MAX_REPO_BYTES for repo in kit.repos):
        raise InvalidBody(f"repos: each at most {MAX_REPO_BYTES} bytes, as JSON")
    if any(without_passwords(repo) != repo for repo in kit.repos):
        raise InvalidBody("repos: what is kept holds no password; give it in the address of the workspace")
    if kit.command is not UNSET:
        _check_command(kit.command.exec)
    kit = replace(kit, skills=_skills(kit.skills))
    if len(msgspec.json.encode(kit)) > MAX_KIT_BYTES:
        raise BodyTooLarge(f"kit: at most {MAX_KIT_BYTES} bytes, as JSON", limit_bytes=MAX_KIT_BYTES)
    return kit


def changed(kit: e.Kit, change: c.KitChange) -> e.Kit:
    """The kit with this change, which replaces what it names. Raises: InvalidBody, BodyTooLarge."""
    given: dict[str, Any] = {name: v for name in change.__struct_fields__ if (v := getattr(change, name)) is not UNSET}
    if change.default_agent == "":
        given["default_agent"] = UNSET
    return settled(replace(kit, **given))


def places_of(files: Sequence[c.FileRequest]) -> tuple[str, ...]:
    """Where a new session's files are to lie, in its workspace.

    Raises: PathOutside: a path leads out of it, or into what belongs to git; InvalidBody; BodyTooLarge.
    """
    if len(files) > c.MAX_FILES:
        raise InvalidBody(f"files: at most {c.MAX_FILES}")
    if any((file.content is UNSET) is (file.blob is UNSET) for file in files):
        raise InvalidBody("files: each has `content`, or names a `blob`")
    check_size(sum(len(file.content) for file in files if file.content is not UNSET))
    places = tuple(_place(file.path) for file in files)
    taken = {above for place in places for above in _above(place)}
    if len(set(places)) < len(places) or taken & set(places):
        raise InvalidBody("files: each has a place of its own, and is no folder of another one")
    return places


def check_size(size: int) -> None:
    """Of all files together, in bytes. Raises: BodyTooLarge."""
    if size > c.MAX_FILES_BYTES:
        limit = c.MAX_FILES_BYTES
        raise BodyTooLarge(f"files: at most {limit} bytes together", limit_bytes=limit)


def _place(path: str) -> str:
    """The path below the workspace, written in one way. Raises: PathOutside, InvalidBody."""
    parts = PurePosixPath(path).parts
    if not parts or path.endswith("/") or "\0" in path or len(path.encode(errors="replace")) > MAX_PATH_BYTES:
        raise InvalidBody(f"files: {path[:80]!r} is no path of a file: 1 to {MAX_PATH_BYTES} bytes, none of them 0")
    if parts[0] == "/" or ".." in parts:
        raise PathOutside("files: a path is relative to the workspace and stays in it", path=path)
    if any(part.casefold() == ".git" for part in parts):
        raise PathOutside("files: what is below `.git` belongs to git", path=path)
    return "/".join(parts)


def _above(place: str) -> list[str]:
    """The folders that a file lies in."""
    return [str(folder) for folder in PurePosixPath(place).parents][:-1]


def _skills(skills: Sequence[e.Skill]) -> tuple[e.Skill, ...]:
    """Each once. Raises: InvalidBody."""
    once: dict[tuple[str, str], e.Skill] = {}
    for skill in skills:
        once.setdefault((skill.repo, skill.skill), skill)
    _check_names("skills", [skill for _, skill in once])
    _check_names("skills", [repo for repo, _ in once])
    if any(len(skill.content.encode(errors="replace")) > MAX_TEXT_BYTES for skill in skills if skill.content):
        raise InvalidBody(f"skills: a SKILL.md has at most {MAX_TEXT_BYTES} bytes")
    return tuple(once.values())


def _check_command(words: Sequence[str]) -> None:
    """Raises: InvalidBody."""
    size = sum(len(word.encode(errors="replace")) for word in words)
    if not 0 < len(words) <= MAX_COMMAND_WORDS or size > MAX_COMMAND_BYTES:
        raise InvalidBody(f"command: 1 to {MAX_COMMAND_WORDS} words, {MAX_COMMAND_BYTES} bytes together")
    if not words[0].strip() or any("\0" in word for word in words):
        raise InvalidBody("command: the first word is a program, and none has a byte 0")


def _check_names(what: str, names: Sequence[str]) -> None:
    """Raises: InvalidBody."""
    if len(names) > MAX_PICKED or any(not (name.strip() and len(name) <= MAX_NAME_CHARS) for name in names):
        raise InvalidBody(f"{what}: at most {MAX_PICKED}, each with 1 to {MAX_NAME_CHARS} characters")
