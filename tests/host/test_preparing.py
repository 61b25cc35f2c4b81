"""Folders of templates on real repositories: what a setup script does, what it leaves, what a session gets of it."""

import subprocess
from pathlib import Path
from typing import Any

import anyio
import pytest
from msgspec import UNSET
from msgspec.structs import replace

from roost.host.preparing import MARK, MAX_LOG_BYTES, LocalPreparer
from roost.host.workspace import LocalWorkspaces
from roost.model.commands import WorkspaceRequest
from roost.model.errors import WorkspaceInvalid
from roost.model.events import WorkspaceSpec, WorkspaceUpdated
from roost.model.ids import SessionId
from roost.model.repos import others_of
from roost.processes import marked
from tests.host.test_workspace import git, repository, root_of

SESSION = SessionId("codesess_0123456789ab")
SPOILS = (
    "echo mine > deps/it",
    "touch deps/new",
    "echo mine > other/file0.txt",
    "git -C other -c user.name=A -c user.email=a@b.c commit --allow-empty -m mine",
)
"""Work in a copy of a template's folder that the repository itself does not show."""


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return repository(tmp_path / "library")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "templates" / "ws_1.build"


async def make(folder: Path, *repos: Path, script: str = "", seconds: float = 20.0, **named: Any) -> None:
    with anyio.fail_after(30):
        named_repos = [{"url": str(repo), **named} for repo in repos]
        await LocalPreparer(seconds=seconds).make(folder, named_repos, script)


def begun(workspaces: LocalWorkspaces, folder: Path, repo: Path | None = None) -> WorkspaceSpec:
    """A session's workspace that begins with this folder."""
    request = WorkspaceRequest(kind="folder") if repo is None else WorkspaceRequest(kind="clone", url=str(repo))
    return replace(workspaces.resolve(SESSION, request), prepared=str(folder))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def processes_of(folder: Path) -> list[int]:
    return [process.pid for process in marked(MARK, lambda mark: mark == folder.name)]


# --- making one -------------------------------------------------------------------------------------------------------


async def test_repositories_are_cloned_and_the_script_runs_among_them(folder: Path, repo: Path, tmp_path: Path) -> None:
    other = repository(tmp_path / "other.git")
    await make(folder, repo, other, script="cat file0.txt other/file0.txt > both; echo done")
    assert (folder / "both").read_text().count("line 0\n") == 200
    assert folder.with_name("ws_1.build.log").read_text() == "done\n"
    assert git(folder, "status", "--porcelain") == "", "what the script left is no change of anybody's"
    assert git(folder, "ls-files") == "file0.txt"


async def test_a_branch_that_is_asked_for_is_checked_out(folder: Path, repo: Path) -> None:
    git(repo, "switch", "-c", "old")
    git(repo, "commit", "--allow-empty", "-m", "older")
    wanted = git(repo, "rev-parse", "HEAD")
    git(repo, "switch", "main")
    await make(folder, repo, branch="old")
    assert git(folder, "rev-parse", "HEAD") == wanted


async def test_without_repositories_the_script_begins_with_an_empty_folder(folder: Path) -> None:
    await make(folder, script="#!/usr/bin/env python3\nopen('made', 'w').write(repr(__import__('os').listdir()))")
    assert (folder / "made").read_text() == "['made']"


async def test_a_script_that_fails_tells_its_end_and_leaves_nothing(folder: Path, repo: Path) -> None:
    with pytest.raises(WorkspaceInvalid, match="exit code 3: no such luck"):
        await make(folder, repo, script="echo no such luck >&2\nexit 3")
    assert not folder.exists()
    with pytest.raises(WorkspaceInvalid, match="exit code 1"):
        await make(folder, script="false\ntouch reached")


async def test_a_repository_that_is_not_there_is_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(WorkspaceInvalid, match="git clone"):
        await make(folder, tmp_path / "nowhere")
    assert not folder.exists()


@pytest.mark.parametrize("branch", [5, ["main"], "-x", "a b", "\0", "no-such-branch"])
async def test_a_branch_that_is_none_is_told(folder: Path, repo: Path, branch: Any) -> None:
    with pytest.raises(WorkspaceInvalid):
        await make(folder, repo, branch=branch)
    assert not folder.exists()


async def test_nothing_that_a_script_started_goes_on(folder: Path) -> None:
    await make(folder, script="sleep 300 & setsid sleep 300 & echo $ROOST_BUILD")
    assert folder.with_name("ws_1.build.log").read_text() == f"{folder.name}\n"
    assert processes_of(folder) == []


async def test_a_script_that_takes_too_long_is_killed_with_all_it_started(folder: Path) -> None:
    with pytest.raises(WorkspaceInvalid, match=r"longer than 0.5 s"):
        await make(folder, script="trap '' TERM; setsid sleep 300 & sleep 300", seconds=0.5)
    assert processes_of(folder) == [] and not folder.exists()


async def test_output_is_kept_up_to_its_limit(folder: Path) -> None:
    await make(folder, script=f"head -c {MAX_LOG_BYTES + 1} /dev/zero")
    assert folder.with_name("ws_1.build.log").stat().st_size == MAX_LOG_BYTES


async def test_the_hubs_own_settings_are_not_the_scripts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOST_STORE", "secret")
    await make(folder, script="echo ${ROOST_STORE-nothing}")
    assert folder.with_name("ws_1.build.log").read_text() == "nothing\n"


async def test_folders_that_nobody_needs_are_cleared(folder: Path) -> None:
    needed = folder.with_name("ws_1.kept")
    for each in (folder, needed):
        await make(each, script="true")
    assert await LocalPreparer().tidy(folder.parent, {needed.name, "gone"}) == {needed.name}
    assert names_in(folder.parent) == ["ws_1.kept", "ws_1.kept.log", "ws_1.kept.sh"]


# --- beginning with one -----------------------------------------------------------------------------------------------


@pytest.fixture
def workspaces(tmp_path: Path) -> LocalWorkspaces:
    return LocalWorkspaces(tmp_path / "data")


async def test_a_session_begins_with_a_copy_on_a_branch_of_its_own(
    folder: Path, repo: Path, workspaces: LocalWorkspaces
) -> None:
    await make(folder, repo, script="mkdir deps; echo built > deps/it; ln -s deps/it link")
    spec, told = begun(workspaces, folder, repo), list[WorkspaceUpdated]()
    root = await workspaces.prepare(spec, {}, told.append)
    assert (root / "link").readlink() == Path("deps/it") and (root / "link").read_text() == "built\n"
    branches = ["main", f"roost/{SESSION.removeprefix('codesess_')}"]
    assert git(root, "branch", "--format=%(refname:short)").split() == branches
    assert git(root, "branch", "--show-current") == branches[1]
    assert [(each.status, each.commit) for each in told] == [("ready", git(repo, "rev-parse", "HEAD"))]
    assert not await workspaces.dirty(spec)
    (root / "deps" / "it").write_text("changed")
    (root / "file0.txt").write_text("changed")
    assert (folder / "deps" / "it").read_text() == "built\n" and "line" in (folder / "file0.txt").read_text()
    assert await workspaces.dirty(spec)


@pytest.mark.parametrize("prepared", [True, False])
async def test_other_repositories_are_cloned_into_the_first_on_the_same_branch(
    folder: Path, repo: Path, tmp_path: Path, workspaces: LocalWorkspaces, prepared: bool
) -> None:
    other = repository(tmp_path / "other.git")
    git(other, "switch", "-c", "dev")
    git(other, "commit", "--allow-empty", "-m", "on dev")
    named = ({"url": str(repo)}, {"url": str(other), "branch": "dev"})
    if prepared:
        await LocalPreparer(seconds=20).make(folder, named, "")
    spec, told = replace(begun(workspaces, folder, repo), others=others_of(named)), list[WorkspaceUpdated]()
    root = await workspaces.prepare(spec, {}, told.append)
    assert git(root / "other", "log", "-1", "--format=%s") == "on dev"
    for place in (root, root / "other"):
        assert git(place, "branch", "--show-current") == spec.branch
        assert "roost/template" not in git(place, "branch")
    assert git(root, "status", "--porcelain") == "" and not await workspaces.dirty(spec)
    assert [each.commit for each in told if each.status == "ready"] == [git(repo, "rev-parse", "HEAD")]
    (root / "other" / "new").touch()
    assert await workspaces.dirty(spec)


def test_other_repositories_need_folders_of_their_own() -> None:
    named = [{"url": "https://x.test/a.git"}, {"url": "https://x.test/b/it.git"}, {"url": "https://x.test/c/it"}]
    with pytest.raises(WorkspaceInvalid, match="different names"):
        others_of(named)
    assert [each.folder for each in others_of([*named[:2], named[2] | {"name": "that"}])] == ["it", "that"]


async def test_another_repository_that_is_not_there_fails_the_whole(
    repo: Path, tmp_path: Path, workspaces: LocalWorkspaces
) -> None:
    spec = workspaces.resolve(SESSION, WorkspaceRequest(kind="clone", url=str(repo)))
    spec, told = replace(spec, others=others_of([{}, {"url": str(tmp_path / "no")}])), list[WorkspaceUpdated]()
    with pytest.raises(WorkspaceInvalid, match="git clone"):
        await workspaces.prepare(spec, {}, told.append)
    assert told[-1].status == "failed" and not root_of(spec).exists()


async def test_work_in_what_git_does_not_speak_of_is_work_all_the_same(
    folder: Path, repo: Path, tmp_path: Path, workspaces: LocalWorkspaces
) -> None:
    other = repository(tmp_path / "other")
    await make(folder, repo, other, script="mkdir deps; echo built > deps/it")
    for number, spoil in enumerate(SPOILS):
        session = SessionId(f"codesess_{number:012}")
        request = WorkspaceRequest(kind="clone", url=str(repo))
        spec = replace(workspaces.resolve(session, request), prepared=str(folder))
        root = await workspaces.prepare(spec)
        assert not await workspaces.dirty(spec)
        subprocess.run(spoil, shell=True, cwd=root, check=True, capture_output=True)
        assert await workspaces.dirty(spec), spoil


async def test_a_copy_without_a_repository_is_nobodys_work_until_it_changes(
    folder: Path, workspaces: LocalWorkspaces
) -> None:
    await make(folder, script="mkdir deps; echo built > deps/it")
    spec = begun(workspaces, folder)
    root = await workspaces.prepare(spec)
    assert (root / "deps" / "it").read_text() == "built\n" and not await workspaces.dirty(spec)
    (root / "deps" / "it").unlink()
    assert await workspaces.dirty(spec)
    assert await workspaces.prepare(spec) == root and names_in(root / "deps") == []
    await workspaces.remove(spec)
    assert names_in(root.parent) == []


@pytest.mark.parametrize("with_repo", [True, False])
async def test_a_session_whose_template_has_gone_begins_plainly(
    folder: Path, repo: Path, workspaces: LocalWorkspaces, with_repo: bool
) -> None:
    spec = begun(workspaces, folder, repo if with_repo else None)
    root = await workspaces.prepare(spec)
    assert not await workspaces.dirty(spec)
    assert names_in(root_of(spec)) == ([".git", "file0.txt"] if with_repo else [])
    assert root.exists() and spec.prepared is not UNSET


async def test_a_copy_that_was_cut_short_is_made_anew(folder: Path, workspaces: LocalWorkspaces) -> None:
    await make(folder, script="echo whole > file")
    spec = begun(workspaces, folder)
    root = root_of(spec)
    root.mkdir(parents=True)
    (root / "half").touch()
    root.with_name(root.name + ".making").touch()
    assert names_in(await workspaces.prepare(spec)) == ["file"]
