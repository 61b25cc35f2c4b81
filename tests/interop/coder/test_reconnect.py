"""The published client comes back by itself, and nothing is missing: after a cut wire, and after a killed hub."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import pytest

from roost.testing import HubProcess, hub_process
from tests.behaviour.conftest import script
from tests.interop.coder.conftest import key_of
from tests.interop.coder.polling import idle, once
from tests.interop.coder.proxy import Wire, wire
from tests.interop.coder.published import Published, Stream, published
from tests.interop.coder.terminal import terminal
from tests.interop.coder.vendor_cli import at_a_terminal

COUNT, SIZE = 200, 16
WORK = script({"deltas": {"count": COUNT, "bytes": SIZE, "per_second": 80}})
WHOLE = "".join(f"{number:08d}".ljust(SIZE, ".") for number in range(COUNT))
MIDDLE, LATER = f"{COUNT // 4:08d}", f"{COUNT // 2:08d}"


def port_of(hub: HubProcess) -> int:
    port = urlsplit(hub.url).port
    assert port is not None
    return port


@pytest.fixture(scope="module")
async def far() -> AsyncGenerator[HubProcess]:
    """A hub that can be killed."""
    async with hub_process(rate_per_second=0) as running:
        yield running


@pytest.fixture
async def line(far: HubProcess) -> AsyncGenerator[Wire]:
    async with wire(port_of(far)) as made:
        yield made


@pytest.fixture
async def sdk(installed: Path, far: HubProcess, line: Wire) -> AsyncGenerator[Published]:
    """The client, at the near end of the wire."""
    async with published(line.url, key_of(far.data)) as client:
        yield client


@asynccontextmanager
async def watchers(sdk: Published, session: str) -> AsyncGenerator[dict[str, Stream]]:
    """A client of every kind, each with the past that it was given."""
    async with AsyncExitStack() as stack:
        streams = {
            "sse": await stack.enter_async_context(sdk.opened("sse", sessionId=session)),
            "sse-iterator": await stack.enter_async_context(sdk.opened("sse-iterator", sessionId=session)),
            "observer": await stack.enter_async_context(sdk.opened("socket", sessionId=session)),
            "controller": await stack.enter_async_context(sdk.opened("socket", sessionId=session, role="controller")),
        }
        for stream in streams.values():
            await hydrated(stream)
        yield streams


async def hydrated(stream: Stream, times: int = 1) -> None:
    """It was given the past so often."""

    def hydrations() -> int:
        return sum(isinstance(v, dict) and v.get("type") in ("hydration", "session_hydration") for _, v in stream.seen)

    await stream.grows(lambda: hydrations() >= times)


async def has(stream: Stream, text: str) -> None:
    """What was said so far reached it, live or as the past."""
    await stream.grows(lambda: any(text in str(value) for _, value in stream.seen))


async def test_whoever_is_cut_off_comes_back_and_misses_nothing(sdk: Published, line: Wire) -> None:
    session = await sdk.session()
    await idle(sdk, session)
    async with watchers(sdk, session) as streams:
        await streams["controller"].command("prompt", message=WORK)
        for stream in streams.values():
            await has(stream, MIDDLE)
        assert line.cut() >= len(streams)
        for stream in streams.values():
            await hydrated(stream, times=2)
            await has(stream, LATER)
            ended = await stream.heard("agent_end")
            assert ended["messages"][-1]["content"] == [{"type": "text", "text": WHOLE}]
        assert (await streams["controller"].command("prompt", message="still in command"))["success"] is True


@pytest.mark.fire
@pytest.mark.parametrize("end", [HubProcess.kill, HubProcess.terminate], ids=["killed", "stopped"])
async def test_a_hub_that_is_killed_in_the_middle_of_a_run_is_found_again(
    sdk: Published, far: HubProcess, line: Wire, end: Callable[[HubProcess], Awaitable[object]]
) -> None:
    session = await sdk.session()
    await idle(sdk, session)
    async with watchers(sdk, session) as streams:
        await streams["controller"].command("prompt", message=WORK)
        for stream in streams.values():
            await has(stream, MIDDLE)
        asked: list[str] = []

        async def ask_meanwhile() -> None:
            asked.append((await sdk.call("getSession", session))["status"])

        async with anyio.create_task_group() as tasks:
            await end(far)
            tasks.start_soon(ask_meanwhile)
            await far.start()
            line.port = port_of(far)
        assert asked == ["active"]
        for stream in streams.values():
            await hydrated(stream, times=2)
            await has(stream, WHOLE)  # live, or as the past of one that came back after the end
    replay = await sdk.call("getReplay", session)
    assert [entry["content"] for entry in replay["entries"] if entry["type"] == "message"] == ["hello", WHOLE]
    history = (await sdk.call("listEventHistory", session))["events"]
    ids = [event["id"] for event in history]
    assert ids == sorted({*ids}, reverse=True)
    assert [event["event"] for event in history].count("agent_end") == 2, "one of each turn"


@pytest.mark.fire
async def test_a_terminal_comes_back_to_a_hub_that_was_killed(
    sdk: Published, far: HubProcess, line: Wire, tmp_path: Path
) -> None:
    session = await sdk.session("before")
    await idle(sdk, session)
    agentuity = at_a_terminal(line.url, key_of(far.data), tmp_path)
    async with terminal([*agentuity.command, "tui", "--remote", session], agentuity.environment, tmp_path) as tui:
        await tui.shows("[Extensions]")
        await tui.say("still here")
        await tui.shows("still here", times=2)
        await far.kill()
        await far.start()
        line.port = port_of(far)
        await once(sdk, "listParticipants", session, so=lambda here: "controller" in str(here))
        await tui.say("and here again")
        await tui.shows("and here again", times=2)
