"""A worktree's commits work inside; what the user's own git would obey stays as it was."""

import subprocess
from pathlib import Path

import pytest

from roost.model.events import WorkspaceSpec
from tests.sandbox.conftest import Boxed

WHO = "-c user.name=A -c user.email=a@b"


def git(*words: str, cwd: Path) -> str:
    return subprocess.run(["git", *words], cwd=cwd, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    made = tmp_path / "repository"
    made.mkdir()
    git("init", "--quiet", "--initial-branch=main", ".", cwd=made)
    git(*WHO.split(), "commit", "--quiet", "--allow-empty", "-m", "first", cwd=made)
    return made


def worktree(repository: Path, root: Path) -> WorkspaceSpec:
    git("worktree", "add", "--quiet", "-b", root.name, str(root), cwd=repository)
    return WorkspaceSpec(kind="worktree", path=str(repository), root=str(root), branch=root.name)


async def test_a_commit_in_a_worktree_reaches_the_main_repository(
    boxed: Boxed, repository: Path, tmp_path: Path
) -> None:
    spec = worktree(repository, tmp_path / "data" / "worktrees" / "mine")
    async with boxed(spec=spec) as box:
        code, said = await box.run(
            f"echo x > file && git add file && git {WHO} commit --quiet -m inside && git status -sb"
        )
    assert code == 0, said
    assert git("log", "-1", "--format=%s", "mine", cwd=repository) == "inside"
    assert git("symbolic-ref", "HEAD", cwd=repository) == "refs/heads/main"


ATTEMPTS = (
    "git config core.fsmonitor evil",
    "echo evil > {git}/config",
    "mv {git}/config {git}/old",
    "mkdir -p {git}/hooks && echo evil > {git}/hooks/post-commit",
    "mv {git}/hooks {git}/old",
    "echo '* filter=evil' > {git}/info/attributes",
    "echo /evil > {git}/objects/info/alternates",
    "git --git-dir={git} symbolic-ref HEAD refs/heads/mine",
    "echo /evil > {git}/commondir",
    "mkdir -p {git}/modules/evil/hooks",
    "touch {git}/config.worktree",
    "echo ../.. > {git}/worktrees/other/commondir",
    "echo ../evil > {git}/worktrees/mine/commondir",
)


async def test_what_the_users_git_obeys_is_not_changed(boxed: Boxed, repository: Path, tmp_path: Path) -> None:
    git("worktree", "add", "--quiet", "--detach", str(tmp_path / "elsewhere" / "other"), cwd=repository)
    spec = worktree(repository, tmp_path / "data" / "worktrees" / "mine")
    (repository / ".git" / "hooks").rename(tmp_path / "hooks")  # one that has none gets none either
    before = listing(repository)
    async with boxed(spec=spec) as box:
        tried = {attempt: (await box.run(attempt.format(git=repository / ".git")))[0] for attempt in ATTEMPTS}
    assert all(tried.values()), tried
    assert listing(repository) == before


def listing(repository: Path) -> dict[str, bytes]:
    """All that git reads of itself, without what every command writes."""
    git_folder = repository / ".git"
    files = [path for path in git_folder.rglob("*") if path.is_file() and "logs" not in path.parts]
    return {str(path.relative_to(git_folder)): path.read_bytes() for path in files if path.name != "index"}


async def test_a_folders_own_repository_takes_commits_and_no_hooks(boxed: Boxed, repository: Path) -> None:
    async with boxed(spec=WorkspaceSpec(kind="folder", path=str(repository), root=str(repository))) as box:
        code, said = await box.run(f"git {WHO} commit --quiet --allow-empty -m inside")
        assert code == 0, said
        assert (await box.run("echo evil > .git/hooks/post-commit"))[0] != 0
        assert (await box.run("git config core.hooksPath /tmp"))[0] != 0
        assert (await box.run("mv .git other"))[0] != 0
    assert git("log", "-1", "--format=%s", cwd=repository) == "inside"


async def test_a_worktree_that_its_user_made_stays_one_of_its_repository(
    boxed: Boxed, repository: Path, tmp_path: Path
) -> None:
    root = tmp_path / "mine"
    worktree(repository, root)
    before = (root / ".git").read_text()
    async with boxed(spec=WorkspaceSpec(kind="folder", path=str(root), root=str(root))) as box:
        assert (await box.run("touch here"))[0] == 0
        assert (await box.run("echo gitdir: evil > .git"))[0] != 0
        assert (await box.run("mv .git other"))[0] != 0
    assert (root / ".git").read_text() == before


async def test_a_worktree_that_says_it_is_another_repository_opens_nothing(
    boxed: Boxed, repository: Path, tmp_path: Path
) -> None:
    """Only the log is believed: what lies in the workspace has been written by an agent."""
    secret = tmp_path / "secret"
    (secret / "objects").mkdir(parents=True)
    (secret / "HEAD").write_text("ref: refs/heads/main")
    spec = worktree(repository, tmp_path / "data" / "worktrees" / "mine")
    (tmp_path / "data" / "worktrees" / "mine" / ".git").write_text(f"gitdir: {secret}\n")
    async with boxed(spec=spec) as box:
        code, _ = await box.run(f"ls {secret}")
    assert code != 0


async def test_a_folder_below_a_repository_sees_that_and_changes_nothing_of_it(boxed: Boxed, repository: Path) -> None:
    below = repository / "below"
    below.mkdir()
    before = listing(repository)
    async with boxed(spec=WorkspaceSpec(kind="folder", path=str(below), root=str(below))) as box:
        code, said = await box.run("echo x > file; git log --format=%s; git status --porcelain -- .")
        assert (code, said) == (0, "first\n?? below/\n")
        assert (await box.run(f"git add file; git {WHO} commit -m inside"))[0] != 0
    assert listing(repository) == before
