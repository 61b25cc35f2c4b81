"""Clones of real repositories from a real git server, which is not always there, nor always fast, nor open to all."""

from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import psutil
import pytest
from msgspec import UNSET

from roost.host import changes
from roost.host.git import LAST_LINES, MAX_LINE_CHARS
from roost.host.workspace import LocalWorkspaces
from roost.model.addresses import CREDENTIALS
from roost.model.commands import WorkspaceRequest
from roost.model.errors import MergeRefused, WorkspaceDirty, WorkspaceInvalid
from roost.model.events import WorkspaceSpec, WorkspaceUpdated
from roost.model.ids import SessionId
from roost.model.workspace import Discard
from roost.processes import living
from tests.githttp import GitServer, git, git_server, make_served

pytestmark = pytest.mark.process
SESSION = SessionId("codesess_0123456789ab")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[GitServer, dict[str, str]]]:
    root = tmp_path_factory.mktemp("served") / "repositories"
    commits = make_served(root)
    with git_server(root) as server:
        yield server, commits


@pytest.fixture
def server(served: tuple[GitServer, dict[str, str]]) -> Iterator[GitServer]:
    yield served[0]
    served[0].passes.set()
    served[0].cuts, served[0].credentials = 0, None


@pytest.fixture
def workspaces(tmp_path: Path) -> LocalWorkspaces:
    return LocalWorkspaces(tmp_path / "data")


@pytest.fixture
def asked(workspaces: LocalWorkspaces) -> Callable[..., WorkspaceSpec]:
    def resolve(url: str, base: str | None = None) -> WorkspaceSpec:
        wanted = WorkspaceRequest(url=url) if base is None else WorkspaceRequest(url=url, base=base)
        return workspaces.resolve(SESSION, wanted)

    return resolve


def nothing_left(tmp_path: Path) -> bool:
    return list((tmp_path / "data" / "clones").iterdir()) == []


def gits() -> list[psutil.Process]:
    """Those that run; what an earlier test left uncollected does not."""
    return living([child for child in psutil.Process().children(recursive=True) if child.name().startswith("git")])


@pytest.mark.parametrize("base", [None, "main", "feature/x", "v1", "left", "refs/pull/7/head"])
async def test_a_clone_begins_at_the_branch_tag_or_commit_that_was_asked_for(
    served: tuple[GitServer, dict[str, str]],
    asked: Callable[..., WorkspaceSpec],
    workspaces: LocalWorkspaces,
    base: str | None,
) -> None:
    server, commits = served
    spec = asked(server.url(), commits["left"] if base == "left" else base)
    told: list[WorkspaceUpdated] = []
    folder = await workspaces.prepare(spec, {}, told.append)
    commit = commits[base or "main"]
    assert (git(folder, "rev-parse", "HEAD"), git(folder, "branch", "--show-current")) == (commit, "roost/0123456789ab")
    assert (folder / "file").read_text() == f"{base or 'main'}\n"
    assert (told[0], told[-1]) == (WorkspaceUpdated(status="cloning"), WorkspaceUpdated(status="ready", commit=commit))
    assert {each.status for each in told[:-1]} == {"cloning"}, "how far it is, if it takes longer"
    assert not await workspaces.dirty(spec), "the remote has it all"
    diff = await changes.diff(spec, folder)
    assert diff is not None and (diff.base, diff.files) == (commit, ())
    (folder / "file").write_text("mine\n")
    git(folder, "commit", "-q", "-a", "-m", "mine")
    assert await workspaces.dirty(spec)
    with pytest.raises(WorkspaceDirty):
        await changes.discard(spec, folder, Discard())
    assert (await changes.discard(spec, folder, Discard(force=True))).commit == commit
    assert not await workspaces.dirty(spec)


async def test_an_empty_repository_is_an_empty_folder_whose_first_commit_is_the_sessions(
    server: GitServer, asked: Callable[..., WorkspaceSpec], workspaces: LocalWorkspaces
) -> None:
    spec = asked(server.url("empty.git"))
    told: list[WorkspaceUpdated] = []
    folder = await workspaces.prepare(spec, {}, told.append)
    assert told[-1] == WorkspaceUpdated(status="ready")
    assert not await workspaces.dirty(spec)
    (folder / "first").write_text("mine\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    assert git(folder, "branch", "--show-current") == "roost/0123456789ab"
    assert await workspaces.dirty(spec)
    diff = await changes.diff(spec, folder)
    assert diff is not None and [each.path for each in diff.files] == ["first"]
    with pytest.raises(MergeRefused):
        await changes.discard(spec, folder, Discard(force=True))


@pytest.mark.parametrize(
    ("name", "base", "says"),
    [
        ("repo.git", "nowhere", "no branch, tag or commit 'nowhere'"),
        ("repo.git", "0" * 40, "no branch, tag or commit '0000"),
        ("empty.git", "main", "no branch, tag or commit 'main'"),
        ("none.git", None, "not found"),
    ],
)
async def test_what_is_not_there_is_said_and_leaves_nothing(
    server: GitServer,
    asked: Callable[..., WorkspaceSpec],
    workspaces: LocalWorkspaces,
    tmp_path: Path,
    name: str,
    base: str | None,
    says: str,
) -> None:
    told: list[WorkspaceUpdated] = []
    with pytest.raises(WorkspaceInvalid, match=says) as caught:
        await workspaces.prepare(asked(server.url(name), base), {}, told.append)
    assert told[-1].status == "failed" and told[-1].error is not UNSET
    assert (told[-1].error.code, told[-1].error.message) == ("workspace_invalid", caught.value.message)
    assert nothing_left(tmp_path)


async def test_a_clone_that_is_cut_leaves_nothing_and_is_made_the_next_time(
    server: GitServer, asked: Callable[..., WorkspaceSpec], workspaces: LocalWorkspaces, tmp_path: Path
) -> None:
    server.cuts = 1
    spec = asked(server.url())
    with pytest.raises(WorkspaceInvalid, match="git clone"):
        await workspaces.prepare(spec)
    assert nothing_left(tmp_path)
    assert (await workspaces.prepare(spec) / "file").exists()


async def test_a_clone_that_takes_too_long_is_given_up_with_all_that_git_has_started(
    server: GitServer, asked: Callable[..., WorkspaceSpec], tmp_path: Path
) -> None:
    server.passes.clear()
    impatient = LocalWorkspaces(tmp_path / "data", clone_seconds=0.5)
    with pytest.raises(WorkspaceInvalid, match=r"not cloned within 0\.5 s"):
        await impatient.prepare(asked(server.url()))
    assert nothing_left(tmp_path)
    with anyio.fail_after(30):
        while gits():  # noqa: ASYNC110  # the last of a killed group may still be going
            await anyio.sleep(0.01)


async def test_credentials_open_a_repository_and_are_said_to_nobody(
    server: GitServer, asked: Callable[..., WorkspaceSpec], workspaces: LocalWorkspaces
) -> None:
    server.credentials = "me:s3cret"
    spec = asked(server.url(credentials="me:s3cret"))
    assert spec.url == server.url()
    with pytest.raises(WorkspaceInvalid) as caught:  # and nobody was asked for a password
        await workspaces.prepare(spec, {CREDENTIALS: "me:wr0ng"})
    assert "wr0ng" not in caught.value.message
    folder = await workspaces.prepare(spec, {CREDENTIALS: "me:s3cret"})
    kept = [path.read_bytes() for path in (folder / ".git").rglob("*") if path.is_file()]
    assert not any(b"s3cret" in content or b"bWU6" in content for content in kept)


async def test_ssh_asks_nobody(
    asked: Callable[..., WorkspaceSpec], workspaces: LocalWorkspaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_SSH_COMMAND", "echo asked-with >&2")
    with pytest.raises(WorkspaceInvalid, match=r"asked-with .*-o BatchMode=yes .*git@example\.org"):
        await workspaces.prepare(asked("git@example.org:a/b.git"))


async def test_of_what_git_says_the_last_lines_are_told(
    asked: Callable[..., WorkspaceSpec], workspaces: LocalWorkspaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_SSH_COMMAND", f"for n in $(seq 30); do printf '%0{MAX_LINE_CHARS + 1}d\\n' $n >&2; done; :")
    with pytest.raises(WorkspaceInvalid) as caught:
        await workspaces.prepare(asked("git@example.org:a/b.git"))
    lines = caught.value.message.removeprefix("git clone: ").splitlines()
    assert len(lines) == LAST_LINES and "repository exists" in lines[-1]
    assert {len(line) for line in lines if line.startswith("0")} == {MAX_LINE_CHARS}
