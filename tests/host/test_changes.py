"""How many files a diff names, and with how long names, on a real repository."""

from pathlib import Path

import pytest

from roost.host.changes import MAX_FILES, MAX_NAMES_BYTES, diff
from roost.model.events import WorkspaceSpec
from tests.githttp import git

pytestmark = pytest.mark.process


async def test_a_diff_names_files_up_to_its_limit_and_says_so(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    spec = WorkspaceSpec(kind="folder", path=str(tmp_path))
    for number in range(MAX_FILES):
        (tmp_path / f"{number:04}").touch()
    for truncated in (False, True):
        told = await diff(spec, tmp_path)
        assert told is not None
        assert (len(told.files), told.truncated) == (MAX_FILES, truncated)
        (tmp_path / "one more").touch()


async def test_a_diff_names_files_as_long_as_their_names_fit(tmp_path: Path) -> None:
    """The patch, which names each of them twice, is cut by then."""
    git(tmp_path, "init", "-q")
    spec = WorkspaceSpec(kind="folder", path=str(tmp_path))
    names = [f"{number:0253}" for number in range(MAX_NAMES_BYTES // 256)]  # letter, end, name, end
    for name in names:
        (tmp_path / name).touch()
    for _ in range(2):
        told = await diff(spec, tmp_path)
        assert told is not None
        assert ([file.path for file in told.files], told.truncated) == (names, True)
        (tmp_path / "one more").touch()
