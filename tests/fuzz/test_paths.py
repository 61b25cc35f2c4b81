"""Whatever path somebody names: a file of the workspace, or an error with a code. Nothing outside is read or changed,
over any link."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roost.host.files import OpenFiles
from roost.host.inside import Inside
from roost.host.listing import list_files
from roost.model.errors import InvalidRequest, RoostError
from tests.fuzz.fuzzing import SECRET

NAMES = (
    "a", "b", "file", "folder", "out", "up", "loop", "gone", "in", "fifo", "..", ".", "", "~", "secret", "outside",
    "é", "\udcff", "\ud800", "x" * 300, "a\\b", "a\nb", "%2e%2e", "%00", "\0", "C:", "con", " ", "-", ".git", "/",
)  # fmt: skip
PATHS = st.builds(
    lambda start, names, end: start + "/".join(names) + end,
    st.sampled_from(("", "", "/", "//", "./", "{root}/", "{root}/../")),
    st.lists(st.sampled_from(NAMES) | st.text(max_size=4), max_size=5),
    st.sampled_from(("", "", "/", "/.", "/..", "\0", "/" * 5000)),
)


def make_workspace(place: Path) -> Path:
    """Files, folders and links of all kinds; beside it, what must stay as it is."""
    root, outside = place / "workspace", place / "outside"
    (root / "folder/a").mkdir(parents=True)
    (root / "file").write_text("inside")
    (root / "folder/file").write_text("inside")
    outside.mkdir()
    (outside / "secret").write_text(SECRET)
    os.mkfifo(root / "fifo")
    links = {"out": outside, "up": "..", "loop": "loop", "gone": "nowhere/at/all", "in": "folder", "folder/b": "../.."}
    for name, target in links.items():
        (root / name).symlink_to(target)
    return root


def look(root: Path) -> dict[str, bytes | None]:
    """All that is outside."""
    return {
        str(path.relative_to(root.parent)): path.read_bytes() if path.is_file() else None
        for path in root.parent.rglob("*")
        if not path.is_relative_to(root)
    }


async def read(inside: Inside, path: str) -> None:
    files = OpenFiles()
    try:
        opened = await files.open(inside, path)
        assert SECRET not in str(opened)
        assert not opened.handle
    finally:
        files.drop_all()


async def write(inside: Inside, path: str) -> None:
    files = OpenFiles()
    try:
        created = await files.create(inside, path)
        await files.write_on(created.handle, b"written")
        await files.keep(created.handle)
    finally:
        files.drop_all()


def walk(inside: Inside, path: str) -> None:
    assert SECRET not in str(list_files(inside, path, recursive=True, limit=100))


def remove(inside: Inside, path: str) -> None:
    inside.remove(inside.parts(path, follow=False))


def stat(inside: Inside, path: str) -> None:
    inside.stat(inside.parts(path))


DEEDS: dict[str, Callable[[Inside, str], Any]] = {
    "read": read, "write": write, "walk": walk, "remove": remove, "stat": stat,
}  # fmt: skip


async def attack(place: Path, deeds: list[tuple[str, str]]) -> None:
    root = make_workspace(place)
    before, inside = look(root), Inside(root)
    for deed, path in deeds:
        path = path.replace("{root}", str(root))
        with suppress(RoostError):
            done = DEEDS[deed](inside, path)
            if done is not None:
                await done
    assert look(root) == before, deeds


def test_a_path_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest):
        Inside(tmp_path).parts("a/\ud800")


def fuzz(tmp_path_factory: pytest.TempPathFactory, examples: int) -> None:
    @settings(max_examples=examples, deadline=None, database=None)
    @given(st.lists(st.tuples(st.sampled_from(sorted(DEEDS)), PATHS), min_size=1, max_size=20))
    def one(deeds: list[tuple[str, str]]) -> None:
        anyio.run(attack, tmp_path_factory.mktemp("paths"), deeds)

    one()


def test_no_path_leads_out_of_the_workspace(tmp_path_factory: pytest.TempPathFactory) -> None:
    fuzz(tmp_path_factory, 40)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_no_path_leads_out_of_the_workspace_however_many_are_tried(tmp_path_factory: pytest.TempPathFactory) -> None:
    fuzz(tmp_path_factory, 3000)
