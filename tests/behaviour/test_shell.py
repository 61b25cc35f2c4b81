"""Commands in the workspace, asked for by people and programs, beside the agent and off the record."""

import secrets
from pathlib import Path
from typing import Any

import anyio
import httpx
import psutil
import pytest
from msgspec import UNSET

from roost.client import AsyncClient, AsyncSession
from roost.model.errors import (
    BodyTooLarge,
    FileMissing,
    InvalidRequest,
    LinkDown,
    NotAFolder,
    PathOutside,
    SessionArchived,
    ShellTimeout,
)  # fmt: skip
from roost.model.workspace import MAX_COMMAND_BYTES, MAX_OUTPUT_BYTES, MAX_SHELL_TIMEOUT_MS
from roost.testing import HubProcess, hub_process
from tests.behaviour.conftest import Mark, awake, comes_true, script, stands, types, until, until_file


def running(word: str) -> list[int]:
    """Processes with this word on their command line."""
    found: list[int] = []
    for process in psutil.process_iter():
        try:
            if any(word in each for each in process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


async def test_both_outputs_and_the_exit_code_come_back_and_nothing_is_recorded(
    client: AsyncClient, tmp_path: Path, mark: Mark
) -> None:
    session = await awake(client, workspace=tmp_path)
    before = await types(session)
    await mark()
    result = await session.shell("printf out; printf err >&2; pwd > where; exit 3")
    assert (result.stdout, result.stderr, result.exit_code) == ("out", "err", 3)
    assert (tmp_path / "where").read_text().strip() == str(tmp_path)
    assert await types(session) == before


async def test_a_new_session_is_waited_for(client: AsyncClient) -> None:
    session = await client.create_session()
    assert (await session.shell("echo ready")).stdout == "ready\n"


async def test_a_command_runs_while_the_agent_works(client: AsyncClient, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    session = await awake(client)
    accepted = await session.start(script(until_file(gate)))
    await until(session, "tool-start")
    await session.shell(f"touch {gate}")
    assert accepted.run is not UNSET
    assert (await session.result(accepted.run)).error is UNSET


async def test_variables_of_the_session_and_of_the_call_are_there_and_roosts_own_are_not(client: AsyncClient) -> None:
    session = await awake(client, env={"COLOUR": "red", "SHAPE": "round"})
    result = await session.shell('echo "$COLOUR $SHAPE $ROOST_DATA."', env={"SHAPE": "square"})
    assert result.stdout == "red square .\n"


async def test_what_is_no_text_comes_back_as_it_was(client: AsyncClient) -> None:
    session = await awake(client)
    result = await session.shell(r"printf 'a\377\000b'; printf '\303' >&2")
    assert result.stdout_bytes == b"a\xff\x00b"
    assert result.stdout == "a�\0b"
    assert result.stderr_bytes == b"\xc3"
    assert (await session.shell("printf plain")).stdout_bytes == b"plain"


async def test_as_much_as_is_kept_comes_back_whatever_it_is(client: AsyncClient) -> None:
    session = await awake(client)
    for byte in (b"\0", b"\1", b"\n", b"\xff"):
        printing = f"head -c {MAX_OUTPUT_BYTES} /dev/zero | tr '\\0' '\\{byte[0]:03o}'"
        result = await session.shell(f"{printing}; ({printing}) >&2")
        assert (result.stdout_bytes, result.stderr_bytes) == (byte * MAX_OUTPUT_BYTES,) * 2
        assert (result.stdout_base64 is UNSET) == (byte != b"\xff")  # all but this is text


@pytest.mark.parametrize("extra", [0, 1])
async def test_each_output_is_kept_up_to_its_limit(client: AsyncClient, extra: int) -> None:
    session = await awake(client)
    count = MAX_OUTPUT_BYTES + extra
    result = await session.shell(f"head -c {count} /dev/zero | tr '\\0' x; head -c {count} /dev/zero | tr '\\0' y >&2")
    assert result.stdout == "x" * MAX_OUTPUT_BYTES
    assert result.stderr == "y" * MAX_OUTPUT_BYTES
    assert (result.stdout_truncated, result.stderr_truncated) == (bool(extra), bool(extra))


async def test_a_character_cut_at_the_limit_is_left_out(client: AsyncClient) -> None:
    session = await awake(client)
    result = await session.shell(f"printf x; yes ü | tr -d '\\n' | head -c {MAX_OUTPUT_BYTES}")
    assert result.stdout == "x" + "ü" * ((MAX_OUTPUT_BYTES - 1) // 2)
    assert result.stdout_truncated


async def test_too_slow_a_command_is_killed_with_its_children_and_its_words_are_kept(client: AsyncClient) -> None:
    session = await awake(client)
    word = f"600.{secrets.randbelow(10**9)}"
    with pytest.raises(ShellTimeout) as caught:
        await session.shell(f"echo before; echo worse >&2; setsid sleep {word} & sleep {word}", timeout=700)
    assert caught.value.details["stdout"] == "before\n"
    assert caught.value.details["stderr"] == "worse\n"
    assert "exit_code" not in caught.value.details
    await comes_true(lambda: not running(word))


async def test_a_caller_who_leaves_takes_the_command_along(client: AsyncClient, tmp_path: Path) -> None:
    session = await awake(client)
    started, ended = tmp_path / "started", tmp_path / "ended"
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.shell, f"touch {started}; trap '' TERM; while sleep 0.1; do :; done; touch {ended}")
        await comes_true(started.exists)
        tasks.cancel_scope.cancel()
    await comes_true(lambda: not running(str(ended)))
    assert not ended.exists()


async def test_a_hub_that_dies_takes_the_command_along_and_the_next_call_works(
    hub: HubProcess, client: AsyncClient, tmp_path: Path
) -> None:
    session = await awake(client)
    started = tmp_path / "started"
    lost: list[Exception] = []

    async def call() -> None:
        try:
            await session.shell(f"touch {started}; sleep 300; : {started}")
        except Exception as error:  # noqa: BLE001  # looked at below
            lost.append(error)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        await comes_true(started.exists)
        await hub.restart()
    assert [type(error).__name__ for error in lost] == ["HubUnreachable"]
    await comes_true(lambda: not running(str(started)))
    assert (await session.shell("echo again")).stdout == "again\n"


async def test_a_sleeping_session_wakes_for_a_command_with_its_workspace(
    client: AsyncClient, tmp_path: Path, mark: Mark
) -> None:
    session = await awake(client, workspace=tmp_path)
    await session.shell("echo kept > file")
    await session.pause()
    await stands(session, lambda info: info.phase == "paused")
    await mark()
    assert (await session.shell("cat file")).stdout == "kept\n"
    assert "session-resuming" in await types(session)


async def test_a_command_that_comes_while_the_session_goes_to_sleep_wakes_it(client: AsyncClient) -> None:
    session = await awake(client)
    await session.pause()
    assert (await session.shell("echo here")).stdout == "here\n"


async def test_a_folder_is_named_by_a_path_of_the_workspace(client: AsyncClient, tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "file").touch()
    (tmp_path / "out").symlink_to("/")
    session = await awake(client, workspace=tmp_path)
    for cwd in ("deep/er", str(tmp_path / "deep" / "er")):
        assert (await session.shell("pwd", cwd=cwd)).stdout.strip() == str(tmp_path / "deep" / "er")
    refused: list[tuple[str, type[Exception]]] = [
        ("nowhere", FileMissing), ("file", NotAFolder), ("..", PathOutside), ("/", PathOutside), ("out", PathOutside),
    ]  # fmt: skip
    for cwd, error in refused:
        with pytest.raises(error):
            await session.shell("touch ran", cwd=cwd)
    assert not (tmp_path / "ran").exists()


async def test_commands_and_timeouts_have_limits(client: AsyncClient) -> None:
    session = await awake(client)
    fits = "true " + "x" * (MAX_COMMAND_BYTES - 5)
    assert (await session.shell(fits)).exit_code == 0
    with pytest.raises(BodyTooLarge):
        await session.shell(fits + "x")
    with pytest.raises(BodyTooLarge):
        await session.shell("true", env={"X": "x" * MAX_COMMAND_BYTES})
    assert (await session.shell("true", timeout=MAX_SHELL_TIMEOUT_MS)).exit_code == 0
    for timeout in (0, -1, MAX_SHELL_TIMEOUT_MS + 1):
        with pytest.raises(InvalidRequest):
            await session.shell("true", timeout=timeout)
    for given in ({"A=B": "c"}, {"": "c"}, {"A": "\0"}):
        with pytest.raises(InvalidRequest):
            await session.shell("true", env=given)


async def test_an_archived_session_has_no_shell(client: AsyncClient) -> None:
    session = await awake(client)
    await session.archive()
    with pytest.raises(SessionArchived):
        await session.shell("true")


async def post(client: AsyncClient, session: AsyncSession, body: Any, **headers: str) -> httpx.Response:
    address = client.address
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {address.api_key}"}) as http:
        return await http.post(f"{address.url}/v1/sessions/{session.id}/shell", json=body, headers=headers)


async def test_an_idempotency_key_is_refused_since_nothing_is_recorded(client: AsyncClient) -> None:
    session = await awake(client)
    answer = await post(client, session, {"command": "true"}, **{"Idempotency-Key": "mine"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


async def test_calls_keep_a_session_awake_and_it_sleeps_after_the_last(tmp_path: Path) -> None:
    async with hub_process(tmp_path / "data", idle_seconds=1.0) as hub, hub.client() as client:
        session = await awake(client)
        assert (await session.shell("sleep 2.5; echo still here")).stdout == "still here\n"
        assert (await session.info()).phase == "active"
        await stands(session, lambda info: info.phase == "paused")
        assert (await types(session)).count("session-paused") == 1


async def test_a_host_that_is_away_is_said_to_be(tmp_path: Path) -> None:
    async with hub_process(tmp_path / "data") as hub, hub.client() as client:
        session = await awake(client)
        shell = await session.shell("echo $PPID")
        host = psutil.Process(int(shell.stdout))
        await hub.terminate()
        host.suspend()  # it does not come back for a while
        try:
            await hub.start()
            with pytest.raises(LinkDown) as caught:
                await session.shell("true")
            assert caught.value.code == "link_down"
            answer = await post(client, session, {"command": "true"})
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        finally:
            host.resume()
