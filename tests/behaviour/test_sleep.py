"""Going to sleep and waking: by itself, when told to, by input, and never by being looked at."""

import time
from pathlib import Path

import anyio
import httpx
import pytest
from msgspec import UNSET

from roost.client import AsyncClient, AsyncSession
from roost.model.errors import InvalidBody, SessionArchived, SessionBusy
from roost.model.events import PauseRequested, RunAborted, SessionPaused
from roost.testing import HubProcess, hub_process
from tests.behaviour.conftest import Mark, ask, awake, said, script, stands, types, until


async def asleep(session: AsyncSession) -> None:
    await stands(session, lambda info: info.phase == "paused")


def hosts_of(hub: HubProcess, session: AsyncSession) -> list[Path]:
    return sorted((hub.data / "hosts").glob(f"{session.id}.*"))


async def test_a_session_without_a_run_goes_to_sleep_by_itself_and_costs_no_process(
    hub: HubProcess, client: AsyncClient
) -> None:
    session = await client.create_session(task="hello", timeouts={"idle": "300ms"})
    await asleep(session)
    events = (await session.read(limit=5000)).events
    assert [e.body.reason for e in events if isinstance(e.body, PauseRequested)] == ["idle"]
    paused = next(e for e in events if isinstance(e.body, SessionPaused))
    ended = next(e for e in events if e.type == "run-complete")
    assert paused.at - ended.at >= 300
    with anyio.fail_after(10):
        while True:
            if not hosts_of(hub, session):
                break
            await anyio.sleep(0.02)
    view = (await session.info()).view
    assert (view.status, view.bucket, view.wake_available, view.runtime_available) == ("paused", "paused", True, False)


async def test_a_run_keeps_a_session_awake_and_a_request_does_too(client: AsyncClient, mark: Mark) -> None:
    session = await client.create_session(
        task=script({"sleep": 1}, ask("make"), {"text": "."}), timeouts={"idle": "300ms"}
    )
    asked = await until(session, "permission-asked")
    await mark()
    assert "pause-requested" not in await types(session)
    (entry,) = await session.pending()
    await session.reply_to_permission(entry.request, "once")
    await until(session, "session-paused", after=asked.seq)
    assert "run-aborted" not in await types(session)


async def test_idle_time_that_passes_while_the_hub_is_down_counts(hub: HubProcess, client: AsyncClient) -> None:
    session = await awake(client, timeouts={"idle": "2s"})
    await hub.kill()
    await anyio.sleep(2.1)  # the idle time itself
    began = time.monotonic()
    await hub.start()
    await asleep(session)
    assert time.monotonic() - began < 20


async def test_input_wakes_it_and_the_conversation_and_the_workspace_are_there(
    client: AsyncClient, tmp_path: Path, mark: Mark
) -> None:
    session = await client.create_session(
        workspace=tmp_path, task=script({"write": {"path": "kept", "content": "yes"}})
    )
    await until(session, "run-complete")
    await session.pause()
    before = await session.messages()
    await mark()
    result = await session.send(script({"bash": {"command": "cat kept"}}))
    assert result.error is UNSET
    assert (await session.messages())[: len(before)] == before
    assert "yes" in str((await session.messages())[-1].parts)


async def test_waking_and_the_run_it_is_for_are_one_commit(client: AsyncClient) -> None:
    session = await awake(client)
    await session.pause()
    head = (await session.info()).seq
    accepted = await session.start("hello")
    events = (await session.read(after=head)).events
    assert [event.type for event in events][:3] == ["session-resuming", "runtime-starting", "run-start"]
    assert len({event.at for event in events[:3]}) == 1
    assert accepted.seq == events[2].seq


async def test_an_explicit_resume_wakes_and_repeats_do_nothing(client: AsyncClient, mark: Mark) -> None:
    session = await awake(client)
    for _ in range(2):
        await session.pause()
    assert (await types(session)).count("session-paused") == 1
    await mark()
    for _ in range(2):
        await session.resume()
    await stands(session, lambda info: info.phase == "active")
    await session.resume()
    assert (await types(session)).count("session-resuming") == 1
    assert (await session.send("hello")).text == "hello"


async def test_a_pause_aborts_the_open_run_first_and_answers_once_it_sleeps(client: AsyncClient, mark: Mark) -> None:
    session = await client.create_session(task=script({"hang": True}))
    await until(session, "message-start")
    await session.pause()
    await mark()
    info = await session.info()
    assert (info.phase, info.run) == ("paused", UNSET)
    reasons = [e.body.reason for e in (await session.read(limit=5000)).events if isinstance(e.body, RunAborted)]
    assert len(reasons) == 1
    assert (await session.send("hello")).text == "hello"


async def test_a_prompt_that_meets_a_pause_waits_and_wakes_the_session(client: AsyncClient) -> None:
    session = await client.create_session()
    await until(session, "runtime-ready")
    await session.pause(wait=False)
    assert (await session.send("hello")).text == "hello"
    await session.pause(wait=False)
    await session.resume()
    assert (await stands(session, lambda info: info.phase == "active")).view.wake_available is False


async def test_a_prompt_while_a_run_is_being_stopped_for_a_pause_is_refused(client: AsyncClient) -> None:
    session = await client.create_session(task=script({"hang": True}))
    await until(session, "message-start")
    await session.pause(wait=False)
    with pytest.raises(SessionBusy):
        await session.start("hello")
    await session.pause()


async def test_a_run_past_its_time_is_aborted(client: AsyncClient, mark: Mark) -> None:
    session = await client.create_session(task=script({"sleep": 60}), timeouts={"execution": "2s"})
    started = await until(session, "run-start")
    await mark()
    end = await until(session, "run-aborted")
    assert isinstance(end.body, RunAborted) and end.body.reason == "execution-timeout"
    assert end.at - started.at >= 2000
    assert (await session.send("hello")).text == "hello"


async def test_timeouts_are_changed_one_by_one_and_count_from_then_on(client: AsyncClient, mark: Mark) -> None:
    session = await awake(client, timeouts={"idle": "1h", "execution": 90})
    config = await session.configure(timeouts={"parked": "2h"})
    await mark()
    assert config == await session.config()
    assert (config.timeouts.idle, config.timeouts.parked, config.timeouts.execution) == (3600, 7200, 90)
    await session.configure(timeouts={"idle": 0.2})
    await asleep(session)


async def test_a_sleep_past_its_time_is_history_and_can_still_be_woken(client: AsyncClient, mark: Mark) -> None:
    session = await awake(client, timeouts={"paused": "200ms"})
    await session.pause()
    slept = await until(session, "session-paused")
    with anyio.fail_after(10):
        while True:
            if time.time() * 1000 > slept.at + 200:
                break
            await anyio.sleep(0.02)
    await mark()
    info = await session.info()
    assert (info.phase, info.view.status, info.view.bucket) == ("paused", "archived", "history")
    listed = next(each for each in (await client.list_sessions()).sessions if each.session == session.id)
    assert listed.view == info.view
    assert (await session.send("hello")).text == "hello"
    assert (await session.info()).view.bucket == "running"


async def test_an_archived_session_is_not_woken(client: AsyncClient) -> None:
    session = await awake(client)
    await session.pause()
    await session.archive()
    with pytest.raises(SessionArchived):
        await session.resume()
    with pytest.raises(SessionArchived):
        await session.send("hello")


async def test_no_look_at_a_sleeping_session_wakes_it_or_writes(hub: HubProcess, client: AsyncClient) -> None:
    """Every GET route there is, by the hub's own description of itself."""
    session = await client.create_session(task="hello")
    run = (await until(session, "run-complete")).run
    await session.pause()
    before = await session.info()
    message = (await session.messages())[0].info.id
    names = {"session": session.id, "run": str(run), "message": message}
    address = client.address
    headers = {"Authorization": f"Bearer {address.api_key}"}
    async with httpx.AsyncClient(base_url=address.url, headers=headers, timeout=10, trust_env=False) as http:
        paths = (await http.get("/openapi.json")).json()["paths"]
        asked = [path for path, methods in paths.items() if "get" in methods]
        assert len(asked) > 8
        for path in asked:
            for name in ("session", "run", "message"):
                path = path.replace("{" + name + "}", names[name])
            answer = await http.get(_filled(path), params={"path": "kept"})
            assert answer.status_code < 500, path
            after = await session.info()
            assert (after.seq, after.phase) == (before.seq, "paused"), path
        async with http.stream(
            "GET", f"/v1/sessions/{session.id}/events", headers={"Accept": "text/event-stream"}
        ) as s:
            async for line in s.aiter_lines():
                if line == "event: session-paused":
                    break
    assert await session.info() == before


def _filled(path: str) -> str:
    """What is left of a path's parameters is given a name that nothing has."""
    while "{" in path:
        head, _, tail = path.partition("{")
        path = head + "unknown" + tail.partition("}")[2]
    return path


async def test_a_hub_that_is_told_to_puts_all_to_sleep_and_finds_them_asleep(tmp_path: Path) -> None:
    async with hub_process(tmp_path / "data") as own, own.client() as client:
        session = await awake(client)
        await client.shutdown()
        with anyio.fail_after(20):
            while True:
                if (tmp_path / "data" / "hub.json").exists() is False:
                    break
                await anyio.sleep(0.05)
        await own.restart()
        assert (await session.info()).phase == "paused"
        assert (await session.send("hello")).text == "hello"
        assert (await said(session))[-1] == "assistant: hello"


@pytest.mark.parametrize("given", ["soon", -1, "1 fortnight", 4e8])
async def test_a_timeout_is_a_duration_of_nothing_to_ten_years(client: AsyncClient, given: object) -> None:
    with pytest.raises(InvalidBody):
        await client.create_session(timeouts={"idle": given})  # pyright: ignore[reportArgumentType]
