"""Workspaces on real repositories: several at once, half-made ones repaired, nobody's work destroyed."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import msgspec
import pytest

from roost.host.workspace import LocalWorkspaces
from roost.model.commands import WorkspaceRequest
from roost.model.errors import WorkspaceInvalid
from roost.model.events import WorkspaceSpec
from roost.model.ids import SessionId

SESSION = SessionId("codesess_0123456789ab")
SRC = Path(__file__).parents[2] / "src"


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def repository(folder: Path, files: int = 1) -> Path:
    folder.mkdir(parents=True)
    git(folder, "init")
    for number in range(files):
        (folder / f"file{number}.txt").write_text(f"line {number}\n" * 100)
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    return folder


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return repository(tmp_path / "mein Prøject ☃")


@pytest.fixture
def workspaces(tmp_path: Path) -> LocalWorkspaces:
    return LocalWorkspaces(tmp_path / "data")


def worktree(workspaces: LocalWorkspaces, repo: Path, session: SessionId = SESSION) -> WorkspaceSpec:
    return workspaces.resolve(session, WorkspaceRequest(kind="worktree", path=str(repo)))


def root_of(spec: WorkspaceSpec) -> Path:
    assert isinstance(spec.root, str)
    return Path(spec.root)


# --- what is asked for ------------------------------------------------------------------------------------------------


def test_a_plain_folder_is_used_as_it_is(workspaces: LocalWorkspaces, tmp_path: Path) -> None:
    spec = workspaces.resolve(SESSION, WorkspaceRequest(kind="folder", path=str(tmp_path)))
    assert spec == WorkspaceSpec(kind="folder", path=str(tmp_path))


def test_auto_takes_a_worktree_of_a_repository(workspaces: LocalWorkspaces, repo: Path) -> None:
    (repo / "deep").mkdir()
    spec = workspaces.resolve(SESSION, WorkspaceRequest(path=str(repo / "deep")))
    assert (spec.kind, spec.path, spec.branch) == ("worktree", str(repo), "roost/0123456789ab")
    assert root_of(spec).name == "0123456789ab"


def test_auto_takes_the_folder_where_there_is_no_commit(workspaces: LocalWorkspaces, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    git(tmp_path / "bare", "init")
    for path in (tmp_path, tmp_path / "bare"):
        assert workspaces.resolve(SESSION, WorkspaceRequest(path=str(path))).kind == "folder"


async def test_without_a_path_roost_makes_an_empty_folder(workspaces: LocalWorkspaces) -> None:
    spec = workspaces.resolve(SESSION, WorkspaceRequest())
    folder = await workspaces.prepare(spec)
    assert list(folder.iterdir()) == []
    assert not await workspaces.dirty(spec)
    (folder / "note").touch()
    assert await workspaces.dirty(spec)
    await workspaces.remove(spec)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (WorkspaceRequest(kind="folder", path="relative"), "absolute"),
        (WorkspaceRequest(kind="folder", path="/nowhere/at/all"), "does not exist"),
        (WorkspaceRequest(kind="folder", path=__file__), "not a folder"),
        (WorkspaceRequest(kind="worktree"), "set `path`"),
        (WorkspaceRequest(kind="worktree", path="/"), "git init"),
        (WorkspaceRequest(kind="clone"), "set `url`"),
        (WorkspaceRequest(kind="clone", url="--upload-pack=evil"), "no address"),
        (WorkspaceRequest(url="ext::sh -c evil"), "no address"),
        (WorkspaceRequest(url="/srv/repo", base="--force"), "no name of a branch"),
        (WorkspaceRequest(url="/srv/repo", path="/srv"), "takes no `path`"),
        (WorkspaceRequest(kind="worktree", url="/srv/repo"), "no other `kind`"),
        (WorkspaceRequest(kind="folder", path="/", base="main"), "`base` is for worktrees and clones"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_to_do(
    workspaces: LocalWorkspaces, request_: WorkspaceRequest, says: str
) -> None:
    with pytest.raises(WorkspaceInvalid, match=says):
        workspaces.resolve(SESSION, request_)


def test_a_repository_without_a_commit_or_base_is_refused(workspaces: LocalWorkspaces, repo: Path) -> None:
    with pytest.raises(WorkspaceInvalid, match="no branch or commit 'nope'"):
        workspaces.resolve(SESSION, WorkspaceRequest(kind="worktree", path=str(repo), base="nope"))
    (repo / "sub").mkdir()
    git(repo / "sub", "init")
    with pytest.raises(WorkspaceInvalid, match="commit something first"):
        workspaces.resolve(SESSION, WorkspaceRequest(kind="worktree", path=str(repo / "sub")))


def test_an_inherited_repository_of_the_environment_is_not_used(
    workspaces: LocalWorkspaces, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(repo / ".git"))
    with pytest.raises(WorkspaceInvalid, match="git init"):
        workspaces.resolve(SESSION, WorkspaceRequest(kind="worktree", path=str(tmp_path)))


# --- worktrees --------------------------------------------------------------------------------------------------------


async def test_a_worktree_is_made_on_its_own_branch_and_found_again(workspaces: LocalWorkspaces, repo: Path) -> None:
    spec = worktree(workspaces, repo)
    folder = await workspaces.prepare(spec)
    assert git(folder, "branch", "--show-current") == "roost/0123456789ab"
    assert (folder / "file0.txt").exists()
    (folder / "file0.txt").write_text("changed")
    assert await workspaces.prepare(spec) == folder
    assert (folder / "file0.txt").read_text() == "changed"


async def test_a_worktree_starts_from_its_base(workspaces: LocalWorkspaces, repo: Path) -> None:
    first = git(repo, "rev-parse", "HEAD")
    git(repo, "commit", "--allow-empty", "-m", "second")
    git(repo, "switch", "-c", "other")
    spec = workspaces.resolve(SESSION, WorkspaceRequest(kind="worktree", path=str(repo), base="main~1"))
    assert git(await workspaces.prepare(spec), "rev-parse", "HEAD") == first


async def test_several_sessions_work_on_one_repository_at_once(workspaces: LocalWorkspaces, repo: Path) -> None:
    specs = [worktree(workspaces, repo, SessionId(f"codesess_{number:012x}")) for number in range(8)]
    async with anyio.create_task_group() as tasks:
        for spec in specs:
            tasks.start_soon(workspaces.prepare, spec)
    for spec in specs:
        assert git(root_of(spec), "branch", "--show-current") == spec.branch
        assert git(root_of(spec), "status", "--porcelain") == ""


async def test_uncommitted_untracked_and_unreachable_work_is_dirty(workspaces: LocalWorkspaces, repo: Path) -> None:
    spec = worktree(workspaces, repo)
    assert not await workspaces.dirty(spec)
    folder = await workspaces.prepare(spec)
    assert not await workspaces.dirty(spec)
    (folder / "new.txt").touch()
    assert await workspaces.dirty(spec)
    git(folder, "add", ".")
    assert await workspaces.dirty(spec)
    git(folder, "commit", "-m", "kept by the branch")
    assert not await workspaces.dirty(spec)
    git(folder, "switch", "--detach")
    git(folder, "commit", "--allow-empty", "-m", "kept by nothing")
    assert await workspaces.dirty(spec)


async def test_removal_keeps_the_branch_and_its_commits(workspaces: LocalWorkspaces, repo: Path) -> None:
    spec = worktree(workspaces, repo)
    folder = await workspaces.prepare(spec)
    (folder / "new.txt").touch()
    git(folder, "add", ".")
    git(folder, "commit", "-m", "work")
    await workspaces.remove(spec)
    assert not folder.exists()
    assert git(repo, "log", "-1", "--format=%s", "roost/0123456789ab") == "work"
    assert len(git(repo, "worktree", "list").splitlines()) == 1
    await workspaces.remove(spec)
    again = await workspaces.prepare(spec)
    assert (again / "new.txt").exists()


async def test_removal_never_touches_a_folder_that_is_not_roosts(workspaces: LocalWorkspaces, repo: Path) -> None:
    await workspaces.remove(WorkspaceSpec(kind="folder", path=str(repo)))
    with pytest.raises(WorkspaceInvalid):
        await workspaces.remove(WorkspaceSpec(kind="worktree", path=str(repo), root=str(repo)))
    assert (repo / "file0.txt").exists()


async def test_a_worktree_can_be_removed_when_its_repository_is_gone(workspaces: LocalWorkspaces, repo: Path) -> None:
    spec = worktree(workspaces, repo)
    folder = await workspaces.prepare(spec)
    repo.rename(repo.with_name("elsewhere"))
    assert await workspaces.dirty(spec), "nobody can tell"
    await workspaces.remove(spec)
    assert not folder.exists()


async def test_a_folder_that_is_no_worktree_any_more_is_left_alone(workspaces: LocalWorkspaces, repo: Path) -> None:
    spec = worktree(workspaces, repo)
    folder = await workspaces.prepare(spec)
    (folder / ".git").unlink()
    (folder / "precious").touch()
    with pytest.raises(WorkspaceInvalid, match="move it away"):
        await workspaces.prepare(spec)
    assert (folder / "precious").exists()


async def test_a_worktree_that_a_user_deleted_is_made_anew(workspaces: LocalWorkspaces, repo: Path) -> None:
    spec = worktree(workspaces, repo)
    folder = await workspaces.prepare(spec)
    subprocess.run(["rm", "-rf", str(folder)], check=True)
    assert (await workspaces.prepare(spec) / "file0.txt").exists()


PREPARE = """
import sys, anyio, msgspec
from pathlib import Path
from roost.host.workspace import LocalWorkspaces
from roost.model.events import WorkspaceSpec
spec = msgspec.json.decode(sys.argv[2], type=WorkspaceSpec)
print(anyio.run(LocalWorkspaces(Path(sys.argv[1])).prepare, spec))
"""


@pytest.mark.fire
async def test_a_worktree_half_made_at_any_instant_is_repaired(tmp_path: Path) -> None:
    seed = int(os.environ.get("ROOST_TEST_SEED", "0")) or random.randrange(1 << 30)
    print("ROOST_TEST_SEED", seed)
    chance = random.Random(seed)
    repo = repository(tmp_path / "repo", files=600)
    workspaces = LocalWorkspaces(tmp_path / "data")
    for number in range(8):
        spec = worktree(workspaces, repo, SessionId(f"codesess_{number:012x}"))
        command = [sys.executable, "-c", PREPARE, str(tmp_path / "data"), msgspec.json.encode(spec).decode()]
        child = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(SRC)}, start_new_session=True)
        await anyio.sleep(chance.uniform(0.1, 0.35))
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        folder = await workspaces.prepare(spec)
        assert git(folder, "status", "--porcelain") == ""
        assert git(folder, "branch", "--show-current") == spec.branch
        assert len(list(folder.iterdir())) == 601
        assert not await workspaces.dirty(spec)


# --- clones -----------------------------------------------------------------------------------------------------------


async def test_a_clone_is_dirty_until_its_commits_are_pushed(workspaces: LocalWorkspaces, repo: Path) -> None:
    spec = workspaces.resolve(SESSION, WorkspaceRequest(url=str(repo)))
    assert spec.kind == "clone"
    folder = await workspaces.prepare(spec)
    assert git(folder, "branch", "--show-current") == "roost/0123456789ab"
    assert not await workspaces.dirty(spec)
    git(folder, "commit", "--allow-empty", "-m", "work")
    assert await workspaces.dirty(spec)
    git(folder, "push", "origin", "HEAD")
    assert not await workspaces.dirty(spec)
    await workspaces.remove(spec)
    assert not folder.exists()


async def test_a_clone_that_fails_says_why(workspaces: LocalWorkspaces, tmp_path: Path) -> None:
    spec = workspaces.resolve(SESSION, WorkspaceRequest(url=str(tmp_path / "nothing")))
    with pytest.raises(WorkspaceInvalid, match="clone"):
        await workspaces.prepare(spec)
