"""The commands for the workspace of a session: shell, files, changes, artifacts."""

import json
import subprocess
from pathlib import Path

import pytest

from roost.client import AsyncClient, AsyncSession
from tests.cli.conftest import Roost


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Tester", "-c", "user.email=tester@example.org")
    done = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
async def session(client: AsyncClient) -> AsyncSession:
    return await client.create_session()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    made = tmp_path / "repository"
    made.mkdir()
    git(made, "init", "-q", "-b", "main")
    (made / "file").write_text("one\n")
    git(made, "add", ".")
    git(made, "commit", "-q", "-m", "first")
    return made


async def test_shell_prints_what_the_command_prints_and_ends_as_it_does(roost: Roost, session: AsyncSession) -> None:
    done = await roost("shell", session.id, "--", "sh", "-c", "echo 'out  put'; echo err >&2; exit 7")
    assert (done.out, done.err, done.code) == ("out  put\n", "err\n", 7)
    line = await roost("shell", session.id, 'echo "$WORD" | tr a-z A-Z; pwd', "--env", "WORD=hi", "--cwd", ".")
    assert line.out.splitlines()[0] == "HI"
    assert (await roost("shell", session.id, "kill -9 $$")).code == 137


async def test_shell_says_it_all_as_json(roost: Roost, session: AsyncSession) -> None:
    done = await roost("shell", session.id, "--json", "--", "sh", "-c", "echo out; exit 3")
    assert (done.json["stdout"], done.json["exit_code"], done.code) == ("out\n", 3, 3)


async def test_shell_prints_what_there_was_before_the_time_was_up(roost: Roost, session: AsyncSession) -> None:
    done = await roost("shell", session.id, "--timeout", "500ms", "echo before; sleep 60")
    assert (done.out, done.code) == ("before\n", 1)
    assert "took longer than 500 ms" in done.err
    assert (await roost("shell", session.id, "--env", "broken", "true")).code == 2


async def test_files_go_in_and_out(roost: Roost, session: AsyncSession) -> None:
    (roost.folder / "here").write_text("from here\n")
    put = await roost("put", session.id, "here", "deep/there")
    assert put.out == "deep/there: 10 B\n"
    assert (await roost("cat", session.id, "deep/there", "deep/there")).out == "from here\n" * 2
    assert (await roost("put", session.id, "-", "piped", stdin="piped in")).code == 0
    assert (await roost("cat", session.id, "piped")).out == "piped in"
    assert (await roost("cat", session.id, "--json", "piped")).json == {"path": "piped", "text": "piped in"}
    assert (await roost("put", session.id, "-")).code == 2
    assert (await roost("put", session.id, "nowhere", "x")).code == 1
    listed = await roost("ls-files", session.id, "-r", "--json")
    assert [each["path"] for each in listed.lines] == ["deep", "piped", "deep/there"]
    shown = (await roost("ls-files", session.id)).out
    assert "deep/" in shown
    assert "8 B" in shown
    assert (await roost("ls-files", session.id, "deep/there", "--json")).lines[0]["size"] == 10
    assert (await roost("disk", session.id)).out == "18 B in 2 files and 1 folders\n"
    assert (await roost("rm-file", session.id, "deep/there", "deep")).out == "deep/there is removed\ndeep is removed\n"


async def test_a_file_that_is_not_there_has_an_exit_code_of_its_own(roost: Roost, session: AsyncSession) -> None:
    missing = await roost("cat", session.id, "nowhere")
    assert missing.code == 3
    assert "roost ls-files" in missing.err


async def test_a_sleeping_session_is_woken_only_if_asked_to(roost: Roost, session: AsyncSession) -> None:
    await session.put_file("file", "kept")
    await session.pause()
    async for _ in session.events(until="session-paused"):
        pass
    asleep = await roost("cat", session.id, "file")
    assert asleep.code == 1
    assert "--wake" in asleep.err
    assert (await roost("cat", session.id, "file", "--wake")).out == "kept"


async def test_work_is_shown_merged_and_given_up(roost: Roost, client: AsyncClient, repository: Path) -> None:
    session = await client.create_session(workspace=repository)
    await session.put_file("new", "mine\n")
    assert (await roost("diff", session.id, "--names")).out == "A new\n"
    patch = (await roost("diff", session.id)).out
    assert "+mine\n" in patch
    assert (await roost("diff", session.id, "--json")).json["target"] == "main"
    dirty = await roost("merge", session.id)
    assert dirty.code == 1
    assert "--message" in dirty.err
    assert (await roost("merge", session.id, "-m", "all of it")).out.startswith("main is at ")
    assert (repository / "new").read_text() == "mine\n"
    assert (await roost("merge", session.id)).out == "main has all of it already\n"
    await session.put_file("more", "mine\n")
    assert (await roost("discard", session.id, "--json")).error["code"] == "workspace_dirty"
    assert (await roost("discard", session.id, "--force")).out.endswith(" again\n")
    assert (await roost("diff", session.id, "--names")).out == ""


async def test_artifacts_are_listed_printed_and_kept(roost: Roost, session: AsyncSession) -> None:
    assert (await roost("artifacts", session.id)).out == "nothing was published\n"
    for text in ("first", "second"):
        await session.send("script: " + json.dumps([{"artifact": {"key": "report", "text": text}}]))
    assert [each["version"] for each in (await roost("artifacts", session.id, "--json")).lines] == [1, 2]
    assert "report" in (await roost("artifacts", session.id)).out
    assert (await roost("artifacts", session.id, "report")).out == "second"
    assert (await roost("artifacts", session.id, "report", "--version", "1", "-o", "saved")).code == 0
    assert (roost.folder / "saved").read_text() == "first"
    assert (await roost("artifacts", session.id, "nothing")).code == 3


async def test_run_works_in_a_clone_that_begins_where_it_is_told(
    roost: Roost, client: AsyncClient, repository: Path
) -> None:
    first = git(repository, "rev-parse", "HEAD")
    git(repository, "commit", "-q", "--allow-empty", "-m", "second")
    done = await roost("run", "hello", "--clone", str(repository), "--base", first)
    assert done.code == 0, done.err
    assert f"clone {repository} on roost/" in done.out and f"— cloned, at {first[:12]} —" in done.out
    newest = (await client.list_sessions(limit=1)).sessions[0]
    shown = (await roost("show", newest.session)).out
    assert f"clone {repository}" in shown and "/clones/" in shown


async def test_run_says_that_a_repository_cannot_be_cloned(roost: Roost, tmp_path: Path) -> None:
    done = await roost("run", "hello", "--clone", f"file://{tmp_path}/nowhere")
    assert done.code == 5 and "✗ not cloned: git clone: fatal:" in done.out and "(workspace_invalid)" in done.out
    refused = await roost("run", "hello", "--clone", "ext::sh -c evil", "--json")
    assert (refused.code, refused.error["code"]) == (1, "workspace_invalid")
    assert (await roost("run", "hello", "--clone", "/srv/x", "--in-place")).code == 2
