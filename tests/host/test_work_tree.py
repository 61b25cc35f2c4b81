"""What is told of the files that a run has changed, on real repositories."""

from collections.abc import Callable
from pathlib import Path

import pytest

from roost.host.work_tree import MAX_FILES, MAX_PATHS_BYTES, WorkTree
from roost.model.events import FilesChanged
from tests.githttp import git

pytestmark = pytest.mark.process


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`tracked` and `other` are committed, `untracked` is not, `*.log` is ignored."""
    made = tmp_path / "repository"
    made.mkdir()
    git(made, "init", "-q")
    for name, content in {"tracked": "one\n", "other": "one\n", ".gitignore": "*.log\n"}.items():
        (made / name).write_text(content)
    git(made, "add", ".")
    git(made, "commit", "-q", "-m", "first")
    (made / "untracked").write_text("one\n")
    return made


async def told(folder: Path, *runs: Callable[[], object], tree: WorkTree | None = None) -> list[str]:
    """What is said after each run, in short: `+new ~changed -gone`."""
    tree, said = tree or WorkTree(), list[str]()
    await tree.begin(folder)
    for run in runs:
        run()
        changed = await tree.changed()
        said.append("" if changed is None else short(changed))
    return said


def short(changed: FilesChanged) -> str:
    marks = {"added": "+", "modified": "~", "deleted": "-"}
    return " ".join([marks[each.change] + each.path for each in changed.files] + ["..."] * changed.truncated)


async def test_files_are_added_modified_and_deleted(folder: Path) -> None:
    (folder / "deep").mkdir()

    def run() -> None:
        (folder / "deep/mein Prøject\n☃").write_text("new\n")
        (folder / "tracked").write_text("two\n")
        (folder / "untracked").unlink()
        (folder / "other").unlink()
        (folder / "run.log").write_text("ignored\n")

    assert await told(folder, run, lambda: None) == ["+deep/mein Prøject\n☃ -other ~tracked -untracked", ""]


async def test_a_file_that_was_changed_before_is_told_only_if_it_is_changed_again(folder: Path) -> None:
    runs = (
        lambda: (folder / "tracked").write_text("two\n"),
        lambda: (folder / "other").write_text("two\n"),
        lambda: (folder / "tracked").write_text("three\n"),
        lambda: git(folder, "checkout", "-q", "tracked"),
        lambda: (folder / "untracked").write_text("three\n"),
    )
    assert await told(folder, *runs) == ["~tracked", "~other", "~tracked", "~tracked", "~untracked"]


async def test_what_a_run_commits_is_told_too_and_a_commit_of_what_was_there_is_not(folder: Path) -> None:
    def commit_all() -> None:
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", "second")

    def work_and_commit() -> None:
        git(folder, "mv", "tracked", "moved")
        (folder / "untracked").write_text("two\n")
        commit_all()
        (folder / "moved").write_text("three\n")

    assert await told(folder, commit_all, work_and_commit) == ["", "+moved -tracked ~untracked"]


async def test_in_a_repository_without_a_commit_everything_is_new_once(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")

    def first() -> None:
        (tmp_path / "first").write_text("one\n")
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "-q", "-m", "first")

    assert await told(tmp_path, first, lambda: None) == ["+first", ""]


async def test_in_a_folder_of_a_repository_paths_are_the_folders_and_others_are_not_told(folder: Path) -> None:
    below = folder / "below"
    below.mkdir()

    def run() -> None:
        (below / "mine").write_text("new\n")
        (folder / "tracked").write_text("two\n")

    def commit() -> None:
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", "second")
        (below / "mine").write_text("newer\n")

    assert await told(below, run, commit) == ["+mine", "~mine"]


async def test_outside_of_a_repository_nothing_is_told_and_no_process_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert await told(tmp_path, lambda: (tmp_path / "new").write_text("new\n")) == [""]


async def test_five_hundred_files_are_told_and_that_there_are_more(folder: Path) -> None:
    def make(count: int) -> Callable[[], object]:
        return lambda: [(folder / f"{count}-{number:03}").touch() for number in range(count)]

    exactly, more = await told(folder, make(MAX_FILES), make(MAX_FILES + 1))
    assert (len(exactly.split()), "..." in exactly) == (MAX_FILES, False)
    assert (len(more.split()), more.endswith(f"+{MAX_FILES + 1}-{MAX_FILES - 1:03} ...")) == (MAX_FILES + 1, True)


async def test_paths_take_no_more_room_than_an_event_has(folder: Path) -> None:
    deep = folder.joinpath(*["d" * 250] * 12)
    deep.mkdir(parents=True)
    size = len(str(deep.relative_to(folder))) + 4

    def run() -> None:
        for number in range(MAX_PATHS_BYTES // size + 1):
            (deep / f"{number:03}").touch()

    (said,) = await told(folder, run)
    assert said.count("+") == MAX_PATHS_BYTES // size and said.endswith(" ...")


async def test_more_than_is_read_is_told_as_far_as_it_was_read_and_then_not_compared(folder: Path) -> None:
    runs = (lambda: [(folder / f"new{number:03}").touch() for number in range(100)], (folder / "tracked").unlink)
    first, second = await told(folder, *runs, tree=WorkTree(max_status_bytes=400))
    assert first.startswith("+new000 +new001") and first.endswith(" ...")
    assert second == ""


async def test_a_work_tree_that_git_cannot_read_says_nothing_and_goes_on_when_it_can(folder: Path) -> None:
    hidden = folder / ".git-hidden"

    def break_it() -> None:
        (folder / ".git").rename(hidden)
        (folder / "tracked").write_text("two\n")

    def mend_it() -> None:
        hidden.rename(folder / ".git")

    assert await told(folder, break_it, mend_it) == ["", "~tracked"]
