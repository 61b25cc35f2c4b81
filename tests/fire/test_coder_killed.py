"""A hub that is killed while clients of Coder are attached: they come back, miss nothing, and the work goes on."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import httpx
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.api.coder import watching
from tests.api.coder.watching import Json, Wire, command, heard, named, say, streaming, told, until
from tests.fire.hubs import Fire
from tests.fire.watch import script

pytestmark = [pytest.mark.anyio, pytest.mark.fire]

COUNT = 240
PER_SECOND = 60
GONE = (OSError, httpx.HTTPError, ConnectionClosed, StopAsyncIteration)
"""What a client notices of a hub that is killed."""


async def created(wire: Wire, task: str) -> str:
    async with wire.client(Authorization=f"Bearer {wire.key}") as http:
        answer = await http.post("/api/hub/session", json={"task": task})
        assert answer.status_code == 201, answer.text
        return answer.json()["sessionId"]


async def again(work: Callable[[], Any]) -> Any:
    """Until it has come to its end, however often the hub goes away meanwhile."""
    with anyio.fail_after(60):
        while True:
            with suppress(*GONE):
                return await work()
            await anyio.sleep(0.05)


async def listened(wire: Wire, session: str, texts: list[str]) -> bool:
    """From a hydration to the end of the sub-agent's task; `texts` gets what each connection was told. False: it came
    back when the next run had begun, and a hydration has the text of the open run alone."""
    async with streaming(wire, session) as frames:
        hydration = (await told(frames, "hydration"))[-1]
        tasks = hydration["stream"]["tasks"]
        over = [task for task in hydration["tasks"] if task["status"] != "running"]
        if over and "crew" not in tasks:
            return False
        texts.append(tasks["crew"]["output"] if "crew" in tasks else "")
        while not over:
            frame = await next_frame(frames)
            if frame.get("event") == "agent_progress":
                texts[-1] += frame["data"]["delta"]
            over = [frame] if frame.get("event") == "task_complete" else []
    return True


async def next_frame(frames: AsyncIterator[Json]) -> Json:
    with anyio.fail_after(20):
        return await anext(frames)


async def test_streams_and_sockets_come_back_and_nothing_is_missed_or_told_twice(fire: Fire) -> None:
    hub = await fire.hub()
    wire = Wire(hub)
    work = {"deltas": {"count": COUNT, "bytes": 24, "per_second": PER_SECOND, "task": "crew"}}
    session = await created(wire, script(work, {"text": "all of it"}))
    texts: list[str] = []
    ended: list[Json] = []
    there: list[bool] = []

    async def listening() -> None:
        there.append(await again(lambda: listened(wire, session, texts)))

    async def controlled() -> None:
        """Sees the run to its end, or is told at its return that it has ended; then asks for another one."""
        async with watching.attached(wire, session) as socket:
            state = (await command(socket, "get_state"))["data"]
            if state["isStreaming"]:
                await until(socket, named("agent_end"))
            assert (await command(socket, "prompt", message="more"))["success"]
            ended.extend(await until(socket, named("agent_end")))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listening)
        tasks.start_soon(again, controlled)
        for _ in range(3):
            await anyio.sleep(fire.random.uniform(0.2, 0.8))  # the instant is the point
            await hub.kill()
            await hub.start()
    whole = "".join(f"{number:08}" + "." * 16 for number in range(COUNT))
    assert texts[-1] == whole or there == [False]
    assert all(whole.startswith(text) for text in texts)
    assert "more" in str([frame["data"].get("message") for frame in ended if frame.get("event") == "message_end"])


async def test_a_lead_comes_back_to_its_run_in_mid_turn_and_hears_what_it_was_asked_meanwhile(fire: Fire) -> None:
    hub = await fire.hub()
    wire, key, session = Wire(hub), {"Authorization": f"Bearer {Wire(hub).key}"}, ""

    async def asked(session: str, text: str, delivery: str) -> None:
        async with wire.client(**key) as http:
            answer = await http.post(f"/v1/sessions/{session}/input", json={"text": text, "delivery": delivery})
            assert answer.status_code == 202, answer.text

    with suppress(*GONE):  # its hub dies before it leaves
        async with leading(wire, session) as (socket, session):
            await asked(session, "look", "prompt")
            assert await relayed(socket) == {"type": "prompt", "message": "look"}
            await report(socket, "agent_start")
            await report(socket, "message_start", message=message(""))
            await report(socket, "message_update", message=message("I "))
            await hub.kill()
            await heard(socket)
    await hub.start()
    await asked(session, "over there", "steer")
    async with leading(wire, session) as (socket, _):
        assert await relayed(socket) == {"type": "steer", "message": "over there"}, "and the prompt not again"
        await report(socket, "message_update", message=message("I see"))
        await report(socket, "message_end", message=message("I see it"))
        await report(socket, "agent_end")
    async with wire.client(**key) as http:
        runs = (await http.get(f"/v1/sessions/{session}/runs")).json()["runs"]
        replay = (await http.get(f"/api/hub/session/{session}/replay")).json()["entries"]
    assert [run["status"] for run in runs] == ["completed"]
    said = [(entry["type"], entry["content"]) for entry in replay]
    assert said == [("user_prompt", "look"), ("message", "I see it"), ("user_prompt", "over there")]


@asynccontextmanager
async def leading(wire: Wire, session: str) -> AsyncGenerator[tuple[ClientConnection, str]]:
    query = f"sessionId={session}" if session else "origin=tui"
    async with watching.connected(wire, query, **{"x-agentuity-auth-api-key": wire.key}) as socket:
        init = await heard(socket)
        assert init["type"] == "init", init
        yield socket, init["sessionId"]


async def relayed(socket: ClientConnection) -> Json:
    """The next thing that the terminal is asked for."""
    return (await until(socket, lambda frame: frame["type"] == "rpc_command"))[-1]["command"]


def message(text: str) -> Json:
    return {"role": "assistant", "content": [{"type": "text", "text": text}] if text else []}


async def report(socket: ClientConnection, event: str, **data: Any) -> None:
    await say(socket, type="event", id=event, event=event, data=data)
    await until(socket, lambda frame: frame.get("id") == event)
