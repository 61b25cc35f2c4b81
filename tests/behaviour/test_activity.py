"""What sessions are at, whoever asks: in one, in lists, and who of them needs a person."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from msgspec import UNSET

from roost.client import AsyncClient, AsyncSession
from roost.model.activity import Activity, ActivityInfo, Source, Trust
from roost.testing import HubProcess, hub_process
from tests.behaviour.conftest import ask, awake, script, until, until_file

A = Activity


@pytest.fixture(scope="module")
async def hub() -> AsyncIterator[HubProcess]:
    """Its sessions are idle soon."""
    async with hub_process(ready_seconds=0.2) as running:
        yield running


async def now(session: AsyncSession) -> ActivityInfo:
    activity = (await session.info()).activity
    assert activity is not UNSET
    return activity


async def found(client: AsyncClient, folder: Path, *wanted: Activity) -> list[str]:
    """Labels of those in the folder that are at one of these; the total agrees with them."""
    page = await client.list_sessions(folder=str(folder), activity=wanted)
    assert page.total == len(page.sessions)
    return sorted(info.label for info in page.sessions)


async def test_a_session_is_at_what_its_log_tells_also_after_the_hub_was_killed(
    client: AsyncClient, hub: HubProcess, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    steps = (until_file(go), ask("make"), {"fail": {"code": "broken", "message": "it broke"}})
    session = await client.create_session(task=script(*steps), workspace=tmp_path, label="one")
    started = await until(session, "run-start")
    await until(session, "tool-start")
    assert await now(session) == ActivityInfo(
        state=A.ACTIVE, source=Source.PROTOCOL, evidence="run-start", since=started.at
    )
    go.touch()
    asked = await until(session, "permission-asked")
    waiting = ActivityInfo(state=A.WAITING_INPUT, source=Source.PROTOCOL, evidence="permission-asked", since=asked.at)
    assert await now(session) == waiting
    await hub.restart()
    with anyio.fail_after(30):
        while (told := await now(session)).trust is Trust.STALE:  # its host finds the new hub
            assert told.state is A.WAITING_INPUT
    assert told == waiting
    assert await found(client, tmp_path, A.WAITING_INPUT) == ["one"]
    (pending,) = await session.pending_permissions()
    await session.reply_to_permission(pending.request, "once")
    failed = await until(session, "run-error")
    assert await now(session) == ActivityInfo(
        state=A.BLOCKED, source=Source.PROTOCOL, evidence="run-error: broken", since=failed.at
    )
    await session.pause()
    assert (await now(session)).state is A.EXITED
    before = (await session.info()).seq
    assert (await session.info()).seq == before, "to be asked changes nothing"


async def test_lists_tell_what_each_is_at_and_find_those_that_need_a_person(
    client: AsyncClient, tmp_path: Path
) -> None:
    asks = await client.create_session(task=script(ask("make")), workspace=tmp_path, label="asks")
    fails = await client.create_session(task=script({"fail": "over"}), workspace=tmp_path, label="fails")
    works = await client.create_session(task=script(until_file(tmp_path / "go")), workspace=tmp_path, label="works")
    sleeps = await awake(client, workspace=tmp_path, label="sleeps")
    rests = await awake(client, workspace=tmp_path, label="rests")
    await sleeps.pause()
    for session, kind in ((asks, "permission-asked"), (fails, "run-error"), (works, "tool-start")):
        await until(session, kind)
    with anyio.fail_after(30):
        while (told := await now(rests)).state is A.READY:  # until the hub's 0.2 seconds are over
            assert told.evidence == "runtime-ready"
    listed = (await client.list_sessions(folder=str(tmp_path))).sessions
    assert {info.label: info.activity.state for info in listed if info.activity} == {
        "asks": A.WAITING_INPUT, "fails": A.BLOCKED, "works": A.ACTIVE, "sleeps": A.EXITED, "rests": A.IDLE,
    }  # fmt: skip
    assert {info.activity.trust for info in listed if info.activity} == {Trust.VALID}
    assert await found(client, tmp_path, A.WAITING_INPUT, A.BLOCKED) == ["asks", "fails"]
    assert await found(client, tmp_path, A.IDLE, A.EXITED) == ["rests", "sleeps"]
    assert await found(client, tmp_path, A.READY) == []
    assert (await client.list_sessions(folder=str(tmp_path), activity="exited", phase="active")).total == 0
    newest = await client.list_sessions(activity=list(Activity), folder=str(tmp_path), limit=2)
    assert ([info.label for info in newest.sessions], newest.total) == (["rests", "sleeps"], 5)
    for session in (asks, fails, works, rests):
        await session.end(force=True)
