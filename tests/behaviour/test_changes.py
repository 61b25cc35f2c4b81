"""What a session has changed in its repository: shown, merged, given up; never lost without force."""

import subprocess
from pathlib import Path

import pytest

from roost.client import AsyncClient, AsyncSession
from roost.host.changes import MAX_PATCH_BYTES
from roost.model.commands import WorkspaceRequest
from roost.model.errors import MergeConflict, MergeRefused, SessionBusy, WorkspaceDirty, WorkspaceInvalid
from roost.model.events import FilesChanged
from roost.model.messages import PatchPart
from roost.model.workspace import Diff
from tests.behaviour.conftest import Mark, awake, script, stands, until, until_file


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Tester", "-c", "user.email=tester@example.org")
    done = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One commit on `main`, which is checked out."""
    made = tmp_path / "repository"
    made.mkdir()
    git(made, "init", "-q", "-b", "main")
    (made / "file").write_text("one\ntwo\nthree\n")
    (made / ".gitignore").write_text("ignored\n")
    git(made, "add", ".")
    git(made, "commit", "-q", "-m", "first")
    return made


@pytest.fixture
async def session(client: AsyncClient, repository: Path) -> AsyncSession:
    return await awake(client, workspace=repository)


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


async def commit(session: AsyncSession, message: str = "work") -> None:
    who = "-c user.name=Agent -c user.email=agent@example.org"
    result = await session.shell(f"git add -A && git {who} commit -q -m {message}")
    assert result.exit_code == 0, result.stderr


def changes(diff: Diff | FilesChanged) -> list[tuple[str, str]]:
    return [(each.path, each.change) for each in diff.files]


async def test_a_worktree_is_compared_with_where_it_began_whatever_was_committed(
    session: AsyncSession, repository: Path, mark: Mark
) -> None:
    first = git(repository, "rev-parse", "HEAD")
    await session.shell("echo four >> file")
    await commit(session)
    await session.put_file("new/ü", "untracked\n")
    await session.put_file("ignored", "x")
    (repository / "other").write_text("main goes on")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "second")
    await mark()
    diff = await session.diff()
    assert changes(diff) == [("file", "modified"), ("new/ü", "added")]
    assert (diff.base, diff.target) == (first, "main")
    assert "+four\n" in diff.patch
    assert "+untracked\n" in diff.patch
    assert (await session.shell("git status --porcelain")).stdout == "?? new/\n"


async def test_renamed_deleted_and_binary_files_are_shown(session: AsyncSession) -> None:
    await session.shell("git mv file moved; rm .gitignore")
    await session.put_file("binary", b"\0\xff")
    diff = await session.diff()
    assert sorted(changes(diff)) == [(".gitignore", "deleted"), ("binary", "added"), ("moved", "renamed")]
    assert [each.before for each in diff.files if each.change == "renamed"] == ["file"]
    assert "GIT binary patch" in diff.patch


async def test_the_patch_makes_the_session_work_somewhere_else(session: AsyncSession, repository: Path) -> None:
    await session.shell("echo four >> file")
    await session.put_file("binary", bytes(range(256)))
    patch = repository.parent / "patch"
    patch.write_text((await session.diff()).patch)
    git(repository, "apply", str(patch))
    assert (repository / "file").read_text().endswith("four\n")
    assert (repository / "binary").read_bytes() == bytes(range(256))


async def test_a_patch_of_text_that_is_no_utf8_is_the_bytes_that_git_gives(
    session: AsyncSession, repository: Path
) -> None:
    latin = "Äpfel\r\n".encode("latin-1")
    await session.put_file("latin", latin)
    diff = await session.diff()
    assert "+\ufffdpfel" in diff.patch
    git(repository, "apply", "--whitespace=nowarn", str(write(repository.parent / "patch", diff.patch_bytes)))
    assert (repository / "latin").read_bytes() == latin


@pytest.mark.parametrize("byte", [b"y", b"\1", b"\xff"])
async def test_a_patch_is_cut_at_its_limit_and_says_so(session: AsyncSession, byte: bytes) -> None:
    await session.put_file("long", byte)
    room = MAX_PATCH_BYTES - len((await session.diff()).patch_bytes)
    for more, truncated in ((room, False), (room + 1, True)):
        await session.put_file("long", byte * (1 + more))
        diff = await session.diff()
        assert (len(diff.patch_bytes), diff.truncated) == (MAX_PATCH_BYTES, truncated)
        assert changes(diff) == [("long", "added")]


async def test_a_plain_folder_of_a_repository_is_compared_with_its_last_commit(
    client: AsyncClient, repository: Path
) -> None:
    session = await awake(client, workspace=WorkspaceRequest(kind="folder", path=str(repository)))
    (repository / "new").write_text("mine\n")
    assert changes(await session.diff()) == [("new", "added")]
    assert git(repository, "status", "--porcelain") == "?? new"
    with pytest.raises(MergeRefused):
        await session.merge()
    with pytest.raises(MergeRefused):
        await session.discard(force=True)
    assert (repository / "new").exists()


async def test_without_a_repository_there_is_nothing_to_compare_with(client: AsyncClient) -> None:
    session = await awake(client)
    await session.put_file("new", "mine")
    diff = await session.diff()
    assert (diff.base, diff.patch, diff.files) == (Diff().base, "", ())


async def test_a_branch_is_merged_and_the_folder_where_it_is_checked_out_moves_along(
    session: AsyncSession, repository: Path, mark: Mark
) -> None:
    await session.shell("echo four >> file")
    await commit(session)
    await mark()
    merged = await session.merge()
    assert (merged.into, merged.changed) == ("main", True)
    assert git(repository, "rev-parse", "main") == merged.commit
    assert (repository / "file").read_text() == "one\ntwo\nthree\nfour\n"
    assert not (await session.merge()).changed
    assert changes(await session.diff()) == []


async def test_branches_that_went_apart_are_joined(session: AsyncSession, repository: Path) -> None:
    await session.shell("echo four >> file")
    await commit(session)
    (repository / "other").write_text("mine")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "second")
    (repository / "untracked").write_text("stays")
    merged = await session.merge()
    assert len(git(repository, "rev-list", "--parents", "--max-count=1", merged.commit).split()) == 3
    assert (repository / "file").read_text().endswith("four\n")
    assert sorted(path.name for path in repository.iterdir()) == [".git", ".gitignore", "file", "other", "untracked"]


async def test_a_branch_that_is_not_checked_out_is_merged_into(session: AsyncSession, repository: Path) -> None:
    git(repository, "switch", "-q", "-c", "elsewhere")
    await session.shell("echo four >> file")
    await commit(session)
    merged = await session.merge()
    assert git(repository, "rev-parse", "main") == merged.commit
    assert (repository / "file").read_text() == "one\ntwo\nthree\n"


async def test_git_is_not_run_in_the_worktree_of_another_session(
    client: AsyncClient, session: AsyncSession, repository: Path
) -> None:
    """What it obeys there, another agent has written."""
    git(repository, "switch", "-q", "--detach")
    other = await awake(client, workspace=repository)
    assert (await other.shell("git checkout -q main")).exit_code == 0
    await session.shell("echo new > other")
    await commit(session)
    with pytest.raises(MergeRefused, match="another session"):
        await session.merge(into="main")


async def test_what_is_not_committed_is_merged_only_with_a_message(session: AsyncSession, repository: Path) -> None:
    await session.put_file("new", "mine\n")
    with pytest.raises(WorkspaceDirty):
        await session.merge()
    assert git(repository, "log", "--format=%s") == "first"
    await session.merge(message="all of it")
    assert git(repository, "log", "--format=%s") == "all of it\nfirst"
    assert (repository / "new").read_text() == "mine\n"


@pytest.mark.parametrize("message", [None, "all of it"])
async def test_a_conflict_changes_nothing(session: AsyncSession, repository: Path, message: str | None) -> None:
    await session.put_file("file", "session\n")
    if message is None:
        await commit(session)
    (repository / "file").write_text("main\n")
    git(repository, "commit", "-q", "-a", "-m", "second")
    before = git(repository, "rev-parse", "main"), (await session.shell("git rev-parse HEAD; git status -s")).stdout
    with pytest.raises(MergeConflict) as caught:
        await session.merge(message=message)
    assert caught.value.details["paths"] == ["file"]
    after = git(repository, "rev-parse", "main"), (await session.shell("git rev-parse HEAD; git status -s")).stdout
    assert after == before
    assert (repository / "file").read_text() == "main\n"
    assert git(repository, "status", "--porcelain") == ""


async def test_changes_that_are_in_the_way_are_kept(session: AsyncSession, repository: Path) -> None:
    await session.shell("echo four >> file")
    await commit(session)
    (repository / "file").write_text("not committed\n")
    with pytest.raises(MergeRefused):
        await session.merge()
    assert (repository / "file").read_text() == "not committed\n"
    assert git(repository, "log", "--format=%s", "main") == "first"


async def test_a_session_that_began_at_a_commit_says_into_which_branch(client: AsyncClient, repository: Path) -> None:
    base = git(repository, "rev-parse", "HEAD")
    session = await awake(client, workspace=WorkspaceRequest(kind="worktree", path=str(repository), base=base))
    await session.put_file("new", "mine\n")
    with pytest.raises(MergeRefused):
        await session.merge(message="new")
    with pytest.raises(MergeRefused):
        await session.merge(message="new", into="nowhere")
    assert (await session.merge(message="new", into="main")).into == "main"


async def test_work_is_given_up_only_with_force(session: AsyncSession, repository: Path, mark: Mark) -> None:
    await session.shell("echo four >> file")
    with pytest.raises(WorkspaceDirty):
        await session.discard()
    await commit(session)
    await mark()
    with pytest.raises(WorkspaceDirty):
        await session.discard()
    await session.put_file("new", "mine")
    await session.put_file("ignored", "stays")
    assert (await session.discard(force=True)).commit == git(repository, "rev-parse", "main")
    assert [each.path for each in (await session.list_files()).files] == [".git", ".gitignore", "file", "ignored"]
    assert await session.get_file("file") == "one\ntwo\nthree\n"


async def test_what_is_merged_may_be_given_up(session: AsyncSession) -> None:
    await session.put_file("new", "mine\n")
    await session.merge(message="new")
    await session.discard()
    assert await session.get_file("new") == "mine\n"


async def test_each_run_tells_which_files_it_has_changed(session: AsyncSession, mark: Mark) -> None:
    await session.send(script({"write": {"path": "new", "content": "mine"}}, {"bash": {"command": "rm file"}}))
    await mark()
    await session.put_file("new", "a person's")  # what people do between runs belongs to the next
    await session.start(script({"fail": {"code": "broken", "message": "it broke"}}))
    await session.wait_idle()
    await session.send("nothing is changed")
    told = [each for each in (await session.read(limit=5000)).events if each.type == "files-changed"]
    assert [changes(each.body) for each in told] == [  # pyright: ignore[reportArgumentType]
        [("file", "deleted"), ("new", "added")],
        [("new", "modified")],
    ]
    runs = await session.runs()
    assert [each.run for each in told] == [runs[-1].run, runs[-2].run]
    shown = [part for message in await session.messages() for part in message.parts if isinstance(part, PatchPart)]
    assert [part.id for part in shown] == [f"patch_{each.seq}" for each in told]
    changed = (await session.snapshot()).record.made.changed
    assert [(each.path, each.change) for each in changed] == [("file", "deleted"), ("new", "modified")]


async def test_a_run_is_not_merged_or_taken_away_below_the_agent(session: AsyncSession, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    await session.start(script(until_file(gate)))
    await until(session, "tool-start")
    with pytest.raises(SessionBusy):
        await session.merge()
    with pytest.raises(SessionBusy):
        await session.discard(force=True)
    gate.touch()


async def test_a_sleeping_session_wakes_to_be_merged(session: AsyncSession, repository: Path) -> None:
    await session.put_file("new", "mine\n")
    await session.pause()
    await stands(session, lambda info: info.phase == "paused")
    await session.merge(message="new")
    assert (repository / "new").exists()


async def test_a_repository_that_is_broken_is_said_to_be(session: AsyncSession) -> None:
    await session.shell('rm "$(git rev-parse --git-dir)/HEAD"')
    with pytest.raises((WorkspaceInvalid, MergeRefused)):
        await session.merge(message="x")
