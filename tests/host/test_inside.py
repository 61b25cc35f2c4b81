"""Paths stay inside, also while somebody exchanges what they lead through."""

import os
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

import msgspec
import pytest

from roost.host.inside import Inside
from roost.host.listing import MAX_LIST_BYTES, list_files
from roost.link.frames import MAX_FRAME_BYTES
from roost.model.errors import FileMissing, NotAFile, NotAFolder, PathOutside, RoostError
from roost.model.workspace import MAX_ENTRIES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace with a file, beside a folder with a secret."""
    made = tmp_path / "work"
    (made / "sub").mkdir(parents=True)
    (made / "sub" / "file").write_text("inside")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("secret")
    return made


def read(inside: Inside, parts: tuple[str, ...]) -> str:
    descriptor, _ = inside.open(parts)
    with os.fdopen(descriptor) as file:
        return file.read()


def test_a_link_that_appears_after_the_path_was_resolved_is_not_followed(folder: Path) -> None:
    inside = Inside(folder)
    parts = inside.parts("sub/file")
    (folder / "sub").rename(folder / "was")
    (folder / "sub").symlink_to("../outside")
    for attempt in (lambda: read(inside, parts), lambda: inside.stat(parts), lambda: inside.remove(parts)):
        with pytest.raises(PathOutside):
            attempt()
    (folder / "sub").unlink()
    (folder / "sub").mkdir()
    (folder / "sub" / "file").symlink_to("../../outside/file")
    with pytest.raises(PathOutside):
        read(inside, parts)
    assert (folder.parent / "outside" / "file").read_text() == "secret"


def test_no_folder_is_made_through_a_link(folder: Path) -> None:
    inside = Inside(folder)
    parts = inside.parts("sub/new/deep")
    (folder / "sub" / "file").unlink()
    (folder / "sub").rmdir()
    (folder / "sub").symlink_to("../outside")
    with pytest.raises(PathOutside), inside.folder(parts, make=True):
        pass
    assert [path.name for path in (folder.parent / "outside").iterdir()] == ["file"]


@contextmanager
def exchanging(folder: Path) -> Generator[None]:
    """Meanwhile `sub` is a folder, a link that leads out, nothing, and a folder again, as fast as can be."""
    done = threading.Event()

    def exchange() -> None:
        while not done.is_set():
            with suppress(OSError):
                (folder / "sub").rename(folder / "was")
                (folder / "sub").symlink_to("../outside")
                (folder / "sub").unlink()
                (folder / "was").rename(folder / "sub")

    thread = threading.Thread(target=exchange)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_a_race_is_never_won(folder: Path) -> None:
    inside = Inside(folder)
    seen: set[str] = set()
    tries, deadline = 0, monotonic() + 30
    with exchanging(folder):
        while tries < 3000 or ("inside" not in seen and monotonic() < deadline):
            tries += 1
            try:
                seen.add(read(inside, inside.parts("sub/file")))
            except RoostError as error:
                seen.add(error.code)
    assert "secret" not in seen
    assert "inside" in seen


def test_a_workspace_reached_through_a_link_has_both_names(folder: Path) -> None:
    other = folder.parent / "alias"
    other.symlink_to(folder)
    inside = Inside(other)
    for path in ("sub/file", f"{folder}/sub/file", f"{other}/sub/file"):
        assert inside.parts(path) == ("sub", "file")


def test_each_error_says_what_is_there_instead(folder: Path) -> None:
    inside = Inside(folder)
    with pytest.raises(FileMissing):
        inside.open(inside.parts("sub/none"))
    with pytest.raises(NotAFile):
        inside.open(inside.parts("sub"))
    with pytest.raises(NotAFolder):
        inside.open(inside.parts("sub/file/below"))
    with pytest.raises(NotAFile):
        inside.remove(inside.parts("sub"))
    with pytest.raises(NotAFile):
        inside.remove(())


def test_a_list_fits_into_a_frame_however_long_its_names_are(folder: Path) -> None:
    deep = folder
    for _ in range(14):
        deep = deep / ("ü" * 125)
    deep.mkdir(parents=True)
    for number in range(300):
        (deep / f"{number:03}{'🪶' * 20}").touch()
    listed = list_files(Inside(folder), "", recursive=True, limit=MAX_ENTRIES)
    assert listed.truncated
    assert MAX_LIST_BYTES - 4000 < sum(len(entry.path.encode()) for entry in listed.files) <= MAX_LIST_BYTES
    assert len(msgspec.json.encode(listed)) < MAX_FRAME_BYTES
