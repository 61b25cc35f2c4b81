"""Roost's own tools as a server: what is answered, at its limits and to what makes no sense."""

import os
import subprocess
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from roost.drivers.acp.mcp import MAX_CALLS, MAX_LINE_BYTES, serve
from roost.drivers.acp.tools import CALLS, MAX_KEY_CHARS, Tools
from roost.host.visitors import MAX_VISITORS
from roost.model import events as e
from roost.model.ids import RequestId
from roost.ports import Pipe
from tests.contract.turns import MemoryTurn, agent_home


class Agent:
    """The other end of a pipe."""

    def __init__(self) -> None:
        self._said, self._heard = anyio.create_memory_object_stream[bytes](100)
        self._answers, self.answers = anyio.create_memory_object_stream[dict[str, Any]](100)

    async def read(self) -> AsyncIterator[bytes]:
        async for data in self._heard:
            yield data

    async def write(self, data: bytes) -> None:
        await self._answers.send(msgspec.json.decode(data))

    async def say(self, raw: bytes) -> None:
        await self._said.send(raw + b"\n")

    async def ask(self, number: object, method: str, **params: Any) -> None:
        await self.say(msgspec.json.encode({"jsonrpc": "2.0", "id": number, "method": method, "params": params}))

    async def told(self) -> dict[str, Any]:
        with anyio.fail_after(10):
            return await self.answers.receive()

    def close(self) -> None:
        for stream in (self._said, self._heard, self._answers, self.answers):
            stream.close()


class Asking(MemoryTurn):
    """Nobody answers; what is not waited for any more is remembered."""

    given_up = 0

    async def ask_question(self, *questions: e.Question) -> e.QuestionReplied:
        await self.emit(e.QuestionAsked(request=RequestId("req_1"), questions=questions))
        try:
            await anyio.sleep_forever()
        finally:
            self.given_up += 1
        raise AssertionError


@pytest.fixture
async def turn(tmp_path: Path) -> Asking:
    return Asking("x", tmp_path)


@pytest.fixture
async def agent(turn: Asking) -> AsyncGenerator[Agent]:
    agent = Agent()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve, agent, Tools(lambda: turn))
        yield agent
        tasks.cancel_scope.cancel()
    agent.close()


async def test_a_server_of_tools_says_what_it_is_and_what_it_has(agent: Agent) -> None:
    for asked, version in (("2024-11-05", "2024-11-05"), ("1999-01-01", "2025-06-18")):
        await agent.ask(1, "initialize", protocolVersion=asked)
        assert (await agent.told())["result"]["protocolVersion"] == version
    await agent.say(b'{"jsonrpc": "2.0", "method": "notifications/initialized"}')
    await agent.ask("two", "tools/list")
    listed = await agent.told()
    assert listed["id"] == "two"
    assert [tool["name"] for tool in listed["result"]["tools"]] == ["goal", "publish_artifact", "ask_question"]
    assert all(tool["inputSchema"]["type"] == "object" for tool in listed["result"]["tools"])
    await agent.ask(3, "ping")
    assert (await agent.told())["result"] == {}


async def test_what_makes_no_sense_is_answered_so_and_the_next_line_is_heard(agent: Agent) -> None:
    await agent.say(b"no json")
    assert (await agent.told())["error"]["code"] == -32700
    await agent.say(b'"' + b"x" * MAX_LINE_BYTES + b'"')
    assert (await agent.told())["error"]["code"] == -32700
    await agent.ask(1, "resources/list")
    assert (await agent.told())["error"]["code"] == -32601
    for name, arguments in (
        ("dance", {}),
        ("goal", {"status": "maybe"}),
        ("goal", 7),
        ("publish_artifact", {"key": ""}),
    ):
        await agent.ask(1, "tools/call", name=name, arguments=arguments)
        assert (await agent.told())["result"]["isError"] is True
    await agent.say(b"[1]\n7\nnull")
    await agent.ask(2, "ping")
    assert (await agent.told())["id"] == 2


async def test_a_key_has_so_many_characters_and_no_more(agent: Agent, turn: Asking) -> None:
    for size, wrong in ((MAX_KEY_CHARS, False), (MAX_KEY_CHARS + 1, True)):
        await agent.ask(1, "tools/call", name="publish_artifact", arguments={"key": "k" * size, "text": "x"})
        assert (await agent.told())["result"]["isError"] is wrong
    assert len([body for body in turn.said if isinstance(body, e.ArtifactPublished)]) == 1


async def test_a_question_is_given_up_when_its_call_is_and_there_are_so_many_at_a_time(
    agent: Agent, turn: Asking
) -> None:
    for number in range(MAX_CALLS):
        await agent.ask(number, "tools/call", name="ask_question", arguments={"question": "why?"})
    await turn.until(lambda: len(turn.said) == MAX_CALLS)
    await agent.ask(99, "tools/call", name="ask_question", arguments={"question": "why?"})
    assert (await agent.told())["error"]["code"] == -32602
    await agent.ask(None, "notifications/cancelled", requestId=0)
    await agent.ask(100, "tools/call", name="goal", arguments={"status": "continue"})
    assert (await agent.told())["id"] == 100
    assert turn.given_up == 1


async def test_without_a_run_there_is_nothing_to_say_it_of() -> None:
    agent = Agent()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve, agent, Tools(lambda: None))
        await agent.ask(1, "tools/call", name="goal", arguments={"status": "complete"})
        assert "no run" in (await agent.told())["result"]["content"][0]["text"]
        tasks.cancel_scope.cancel()
    agent.close()


def test_only_what_agents_call_them_is_theirs() -> None:
    assert "mcp__roost__goal" in CALLS
    assert "goal" not in CALLS


# --- the way there ---


async def echo(pipe: Pipe) -> None:
    async for data in pipe.read():
        await pipe.write(data.upper())


async def test_a_program_reaches_the_driver_from_a_folder_with_a_long_name_and_nothing_is_left(tmp_path: Path) -> None:
    place = tmp_path / ("d" * 120)  # longer than the address of a socket may be
    place.mkdir()
    async with agent_home(tmp_path) as home:
        command = await home.listen(place, echo)
        ran = await anyio.run_process(list(command), input=b"hello", cwd=place)
        assert ran.stdout == b"HELLO"
        assert [path.name for path in (place / ".roost").glob("*.sock")] == [f"{os.getpid()}.sock"]
        assert (await anyio.run_process(["git", "init", "-q", str(place)])).returncode == 0
        assert (await anyio.run_process(["git", "-C", str(place), "status", "--porcelain"])).stdout == b""
    assert [path.name for path in (place / ".roost").iterdir()] == [".gitignore"]


async def test_so_many_programs_reach_it_at_a_time_and_one_more_is_sent_away(tmp_path: Path) -> None:
    async with agent_home(tmp_path) as home:
        command = await home.listen(tmp_path, echo)
        inside = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(MAX_VISITORS)]
        try:
            for child in inside:
                await anyio.to_thread.run_sync(_say, child)
            assert (await anyio.run_process(list(command), input=b"x")).stdout == b""
        finally:
            for child in inside:
                await anyio.to_thread.run_sync(child.communicate)
        assert (await anyio.run_process(list(command), input=b"x")).stdout == b"X"


def _say(child: "subprocess.Popen[bytes]") -> None:
    assert child.stdin and child.stdout
    child.stdin.write(b"a")
    child.stdin.flush()
    assert child.stdout.read(1) == b"A"


async def test_a_link_in_the_place_of_roosts_folder_is_not_followed(tmp_path: Path) -> None:
    outside, place = tmp_path / "outside", tmp_path / "place"
    outside.mkdir()
    place.mkdir()
    (place / ".roost").symlink_to(outside)
    async with agent_home(tmp_path) as home:
        with pytest.raises(OSError, match="roost"):
            await home.listen(place, echo)
    assert list(outside.iterdir()) == []
