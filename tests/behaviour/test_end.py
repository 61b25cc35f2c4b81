"""An end destroys what a session worked in; what it has said and published stays."""

from pathlib import Path

import pytest
from msgspec import UNSET

from roost.client import AsyncClient, AsyncSession
from roost.model.errors import Forbidden, SessionClosed, WorkspaceDirty
from roost.model.events import PermissionReplied, RunError, SessionEnded
from roost.processes import birth
from roost.testing import HubProcess
from tests.behaviour.conftest import Mark, ask, awake, comes_true, script, until
from tests.behaviour.test_bundles import exported, log_of
from tests.behaviour.test_changes import commit, git
from tests.behaviour.test_changes import repository as repository  # a fixture


async def root_of(session: AsyncSession) -> Path:
    root = (await session.info()).workspace.root
    assert isinstance(root, str)
    return Path(root)


async def closed(session: AsyncSession) -> None:
    """Nothing can be done in it any more."""
    for call in (session.start("go on"), session.resume(), session.shell("true"), session.get_file("file")):
        with pytest.raises(SessionClosed):
            await call


async def test_the_workspace_is_destroyed_and_what_was_said_and_published_stays(
    client: AsyncClient, repository: Path, mark: Mark
) -> None:
    session = await awake(client, workspace=repository, label="the end")
    steps = [{"text": "hello"}, {"artifact": {"key": "report", "text": "kept"}}]
    await session.send(script(*steps, {"write": {"path": "file", "content": "mine"}}))
    await commit(session)
    messages, metrics = await session.messages(), await session.metrics()
    root, branch = await root_of(session), (await session.info()).workspace.branch
    await mark()
    ended = await session.end()
    assert (ended.kept, root.exists()) == (UNSET, False)
    assert git(repository, "show", f"{branch}:file") == "mine"
    await mark()
    events = [event async for event in session.events()]  # ends by itself
    assert (events[-1].seq, events[-1].body) == (ended.seq, SessionEnded())
    assert (await session.messages(), await session.metrics()) == (messages, metrics)
    assert await session.get_artifact("report") == "kept"
    info = await session.info()
    assert (info.phase, info.view.status, info.view.bucket) == ("ended", "archived", "history")
    await closed(session)
    assert (await session.end(), (await session.archive()).seq) == (ended, ended.seq)


async def test_work_that_is_saved_nowhere_is_destroyed_only_with_force(client: AsyncClient, repository: Path) -> None:
    session = await awake(client, workspace=repository)
    await session.put_file("new", "unsaved")
    root = await root_of(session)
    with pytest.raises(WorkspaceDirty) as refused:
        await session.end()
    assert refused.value.details["path"] == str(root)
    assert await session.get_file("new") == "unsaved"
    await session.end(force=True)
    assert not root.exists()


async def test_what_runs_is_stopped_first(client: AsyncClient, tmp_path: Path) -> None:
    session = await awake(client)
    pid = tmp_path / "pid"
    accepted = await session.start(script({"bash": {"command": f"echo $$ > {pid}; sleep 600 & wait"}}))
    await comes_true(lambda: pid.exists() and pid.read_text())
    await session.end(force=True)
    end = await until(session, "run-error")
    assert isinstance(end.body, RunError)
    assert (end.run, end.body.error.code) == (accepted.run, "ended")
    await comes_true(lambda: birth(int(pid.read_text())) is None)


async def test_a_request_that_is_open_is_settled_as_interrupted(client: AsyncClient) -> None:
    session = await awake(client)
    await session.start(script(ask("make")))
    await until(session, "permission-asked")
    await session.end()
    reply = (await until(session, "permission-replied")).body
    assert isinstance(reply, PermissionReplied)
    assert reply.reply == "interrupted"
    assert await session.pending() == ()


async def test_a_folder_that_was_named_stays_and_is_told(client: AsyncClient, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("stays")
    session = await awake(client, workspace=tmp_path)
    assert (await session.end()).kept == str(tmp_path)
    assert (await until(session, "session-ended")).body == SessionEnded(kept=str(tmp_path))
    assert (tmp_path / "mine").read_text() == "stays"


async def test_a_session_that_sleeps_is_ended_where_it_lies(client: AsyncClient) -> None:
    session = await awake(client)
    root = await root_of(session)
    await session.pause()
    head = (await session.info()).seq
    await session.end()
    assert [event.type for event in (await session.read(after=head)).events] == ["session-ended"]
    assert not root.exists()


async def test_an_archived_session_can_be_ended_and_a_repeat_takes_away_what_is_left(client: AsyncClient) -> None:
    session = await awake(client)
    root = await root_of(session)
    await session.archive()
    first = await session.end()
    root.mkdir()  # as a hub leaves it that is killed between the log and the folder
    assert await session.end() == first
    assert not root.exists()


async def test_an_ended_session_leaves_as_a_bundle_and_comes_back_as_it_was(client: AsyncClient) -> None:
    session = await awake(client)
    await session.send(script({"text": "hello"}))
    await session.end()
    bundle, log = await exported(session), await log_of(session)
    await session.delete()
    again = await client.import_session(bundle)
    assert await log_of(again) == log
    assert (await again.info()).phase == "ended"


async def test_only_its_owner_ends_a_session(hub: HubProcess, client: AsyncClient) -> None:
    session = await awake(client, visibility="collaborate")
    theirs = await client.add_key("colleague")
    async with AsyncClient(client.address.url, theirs.secret) as colleague:
        with pytest.raises(Forbidden):
            await colleague.session(session.id).end()
    assert (await session.info()).phase == "active"
