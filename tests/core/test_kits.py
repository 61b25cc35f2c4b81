"""How much a session may be given: each number at its edge."""

from typing import Any

import pytest
from msgspec import UNSET

from roost.core.kits import changed, check_size, places_of, settled
from roost.model import commands as c
from roost.model import library as lib
from roost.model.errors import BodyTooLarge, InvalidBody, PathOutside, RoostError
from roost.model.events import Kit, Skill
from roost.model.workspace import MAX_PATH_BYTES


def skill(number: int = 0, content: str = "# Skill") -> Skill:
    return Skill(repo="acme/skills", skill=f"skill {number}", content=content)


def kit_of(size: int) -> Kit:
    """A kit that has so many bytes, as JSON."""
    empty = len('{"wishes":{"w":""}}')
    return Kit(wishes={"w": "x" * (size - empty)})


# What is given as much as may be, the same with one more, and what that is.
EDGES: list[tuple[Kit, Kit, type[RoostError]]] = [
    (
        Kit(skills=tuple(map(skill, range(lib.MAX_PICKED)))),
        Kit(skills=tuple(map(skill, range(lib.MAX_PICKED + 1)))),
        InvalidBody,
    ),
    (
        Kit(skills=(skill(content="x" * lib.MAX_TEXT_BYTES),)),
        Kit(skills=(skill(content="x" * (lib.MAX_TEXT_BYTES + 1)),)),
        InvalidBody,
    ),
    (
        Kit(enabled_agents=tuple(map(str, range(lib.MAX_PICKED)))),
        Kit(enabled_agents=tuple(map(str, range(lib.MAX_PICKED + 1)))),
        InvalidBody,
    ),
    (Kit(default_agent="a" * lib.MAX_NAME_CHARS), Kit(default_agent="a" * (lib.MAX_NAME_CHARS + 1)), InvalidBody),
    (Kit(repos=({"name": "r"},) * lib.MAX_REPOS), Kit(repos=({"name": "r"},) * (lib.MAX_REPOS + 1)), InvalidBody),
    (kit_of(lib.MAX_KIT_BYTES), kit_of(lib.MAX_KIT_BYTES + 1), BodyTooLarge),
]


@pytest.mark.parametrize(("enough", "too_much", "error"), EDGES)
def test_a_kit_holds_so_much_and_no_more(enough: Kit, too_much: Kit, error: type[RoostError]) -> None:
    assert settled(enough) == enough
    with pytest.raises(error):
        settled(too_much)


def test_of_a_skill_that_is_named_twice_the_first_one_stays() -> None:
    first, other, again = skill(1, "first"), skill(2), skill(1, "again")
    assert settled(Kit(skills=(first, other, again))).skills == (first, other)


def test_files_have_so_many_bytes_together_and_no_more() -> None:
    check_size(c.MAX_FILES_BYTES)
    with pytest.raises(BodyTooLarge):
        check_size(c.MAX_FILES_BYTES + 1)


def test_a_repository_has_so_many_bytes_and_no_more() -> None:
    name = "x" * (lib.MAX_REPO_BYTES - len(b'{"name":""}'))
    assert settled(Kit(repos=({"name": name},))).repos == ({"name": name},)
    with pytest.raises(InvalidBody):
        settled(Kit(repos=({"name": name + "x"},)))


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("a", "a"), ("./a//b/./c", "a/b/c"), (".gitignore", ".gitignore"), ("a b/ü", "a b/ü"),
        ("x" * MAX_PATH_BYTES, "x" * MAX_PATH_BYTES), ("x" * (MAX_PATH_BYTES + 1), InvalidBody),
        ("", InvalidBody), (".", InvalidBody), ("a/", InvalidBody), ("a\0b", InvalidBody),
        ("/a", PathOutside), ("..", PathOutside), ("a/../b", PathOutside), (".git/config", PathOutside),
        ("sub/.Git/hooks/x", PathOutside),
    ],
)  # fmt: skip
def test_a_path_leads_to_one_place_in_the_workspace_or_is_refused(path: str, place: str | type[RoostError]) -> None:
    files = (c.FileRequest(path=path, content=b""),)
    if isinstance(place, str):
        assert places_of(files) == (place,)
        return
    with pytest.raises(place):
        places_of(files)


@pytest.mark.parametrize("given", [{}, {"content": b"", "blob": "sha256-0"}])
def test_a_file_has_its_content_or_names_it_and_not_both(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidBody):
        places_of((c.FileRequest(path="a", **given),))


def test_a_change_replaces_what_it_names_and_is_held_to_the_same_limits() -> None:
    kit = Kit(default_agent="scout", enabled_agents=("scout",), skills=(skill(1),))
    assert changed(kit, c.KitChange(skills=())) == Kit(default_agent="scout", enabled_agents=("scout",))
    assert changed(kit, c.KitChange(default_agent="")).default_agent is UNSET
    with pytest.raises(InvalidBody):
        changed(kit, c.KitChange(enabled_agents=("",)))
