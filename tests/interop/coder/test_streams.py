"""The published event stream client and its iterator: what an observer sees, and when it ends."""

import pytest

from tests.behaviour.conftest import script
from tests.interop.coder.polling import idle, session_when
from tests.interop.coder.published import Published

WORK = script({"reasoning": "Hm."}, {"bash": {"command": "echo hi"}}, {"text": "All done."})
TURN = ["user_prompt", "agent_start", "turn_start", "message_start", "message_end", "turn_end", "agent_end"]


async def send(sdk: Published, session: str, text: str) -> None:
    """As a controller that comes, says it and goes."""
    async with sdk.opened("socket", sessionId=session, role="controller") as controller:
        assert (await controller.command("prompt", message=text))["success"] is True


async def test_an_observer_has_a_snapshot_the_past_and_then_all_that_happens(sdk: Published) -> None:
    session = await sdk.session("the first turn", label="watched")
    await idle(sdk, session)
    async with sdk.opened("sse", sessionId=session) as stream:
        snapshot = await stream.until("snapshot")
        assert (snapshot["sessionId"], snapshot["label"], snapshot["mode"]) == (session, "watched", "sandbox")
        hydration = await stream.until("hydration")
        past = [(entry["type"], entry.get("content")) for entry in hydration["entries"]]
        assert past == [("user_prompt", "the first turn"), ("message", "the first turn")]
        async with sdk.opened("socket", sessionId=session, role="controller") as controller:
            await stream.until("presence", lambda frame: frame["event"] == "session_join")
            assert (await controller.command("prompt", message=WORK))["success"] is True
            ended = await stream.heard("agent_end")
        await stream.until("presence", lambda frame: frame["event"] == "session_leave")
        assert [kind for kind, _ in stream.seen[:3]] == ["open", "snapshot", "hydration"]
        assert [name for name in stream.events if name in TURN] == TURN
        assert {"thinking_start", "thinking_end", "tool_execution_start", "tool_execution_end"} <= {*stream.events}
        assert ended["messages"][-1]["content"][-1] == {"type": "text", "text": "All done."}
        assert stream.of("error") == []


async def test_every_delta_has_its_own_time_and_the_whole_message_so_far(sdk: Published) -> None:
    session = await sdk.session()
    async with sdk.opened("sse", sessionId=session, subscribe=["message_*"]) as stream:
        await stream.until("hydration")
        await send(sdk, session, script({"text": "one two three four five"}))
        ended = await stream.heard("message_end", lambda data: "five" in str(data))
        updates = [frame for frame in stream.of("broadcast") if frame["event"] == "message_update"]
        mine = [frame for frame in updates if frame["data"]["message"]["id"] == ended["message"]["id"]]
        texts = [frame["data"]["message"]["content"][0]["text"] for frame in mine]
    assert texts == sorted(texts, key=len) and ended["message"]["content"][0]["text"] == "one two three four five"
    times = [frame["timestamp"] for frame in stream.of("broadcast")]
    assert times == sorted(set(times))
    assert {name for name in stream.events if not name.startswith("message_")} == set()


@pytest.mark.parametrize(
    ("subscribe", "names"),
    [(["agent_start"], {"agent_start"}), (["agent_*", "turn_end"], {"agent_start", "agent_end", "turn_end"})],
)
async def test_patterns_choose_what_is_broadcast(sdk: Published, subscribe: list[str], names: set[str]) -> None:
    session = await sdk.session()
    await idle(sdk, session)
    async with sdk.opened("sse", sessionId=session, subscribe=subscribe) as stream:
        await stream.until("hydration")
        await send(sdk, session, "again")
        for name in names:
            await stream.heard(name)
        assert {*stream.events} == names


async def test_a_label_and_a_loop_are_broadcast(sdk: Published) -> None:
    session = await sdk.session(script({"goal": "complete"}), workflowMode="loop", loop={"goal": "x"})
    async with sdk.opened("sse", sessionId=session) as stream:
        await stream.until("hydration")
        await sdk.call("updateSession", session, {"label": "renamed"})
        assert (await stream.heard("session_label_updated"))["label"] == "renamed"
        await stream.heard("loop_completed")
        assert "loop_state_updated" in stream.events


async def test_the_iterator_yields_the_same_and_an_archived_session_stays_open_to_it(sdk: Published) -> None:
    session = await sdk.session()
    await idle(sdk, session)
    await sdk.call("archiveSession", session)
    async with sdk.opened("sse-iterator", sessionId=session) as stream:
        assert (await stream.told("snapshot"))["status"] == "archived"
        assert len((await stream.told("hydration"))["entries"]) == 2
        await sdk.call("updateSession", session, {"label": "history"})
        assert (await stream.heard("session_label_updated"))["label"] == "history"
        assert stream.of("end") == stream.of("error") == []


async def test_watching_wakes_nobody(sdk: Published) -> None:
    session = await sdk.session(timeout={"idle": "1s"})
    await session_when(sdk, session, status="paused")
    async with sdk.opened("sse", sessionId=session) as stream:
        assert (await stream.until("snapshot"))["status"] == "paused"
        await stream.until("hydration")
    assert (await sdk.call("getSession", session))["status"] == "paused"


async def test_a_stream_that_may_not_be_is_refused_with_a_status(sdk: Published) -> None:
    refused = {"auth_failed": {"apiKey": "wrong"}, "connection_failed": {"sessionId": "codesess_000000000000"}}
    for code, options in refused.items():
        wanted = {"sessionId": await sdk.session(), "reconnect": False, **options}
        async with sdk.opened("sse-iterator", **wanted) as stream:
            assert (await stream.until("error"))["code"] == code


async def test_a_deleted_session_ends_its_streams_for_good(sdk: Published) -> None:
    session = await sdk.session()
    async with sdk.opened("sse-iterator", sessionId=session, maxReconnectAttempts=2, reconnectDelayMs=10) as stream:
        await stream.told("hydration")
        await sdk.call("deleteSession", session)
        assert (await stream.until("error"))["code"] == "max_reconnects_exceeded"
