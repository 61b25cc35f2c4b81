"""Leads: terminals and drivers that are the agent of their session."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import pytest
from websockets.asyncio.client import ClientConnection

from roost.api.coder.lead import MAX_FRAME_BYTES
from roost.core.session import Session
from roost.model import commands as c
from roost.model import events as e
from roost.model.keys import AddKey
from roost.settings import LinkSettings
from tests.api.coder.asking import ask
from tests.api.coder.watching import Json, attached, closed, command, connected, heard, named, say, until
from tests.api.served import Served, served

pytestmark = pytest.mark.anyio
ROOST = e.Principal(user="roost", kind="service")
_numbers = count(1)


@asynccontextmanager
async def leading(hub: Served, query: str = "origin=tui") -> AsyncGenerator[tuple[ClientConnection, Session]]:
    """A lead that has been given `init`. Its key is in a header: that is what the extension sends."""
    async with connected(hub, query, **{"x-agentuity-auth-api-key": hub.key}) as socket:
        init = await heard(socket)
        assert (init["type"], init["role"]) == ("init", "lead")
        yield socket, await hub.hub.find(init["sessionId"], ROOST)


async def report(socket: ClientConnection, event: str, **data: Any) -> list[Json]:
    """One event of the terminal, answered; what was told meanwhile."""
    number = f"event-{next(_numbers)}"
    await say(socket, type="event", id=number, event=event, data={"type": event, **data, "agentRole": "lead"})
    frames = await until(socket, lambda frame: frame.get("id") == number)
    assert frames[-1] == {"id": number, "actions": [{"action": "ACK"}]}
    return frames[:-1]


def assistant(*texts: str, **more: Any) -> Json:
    content = [{"type": "text", "text": text} for text in texts]
    usage = {"input": 3, "output": 2, "cacheRead": 1, "cacheWrite": 0, "totalTokens": 6, "cost": {"total": 0.5}}
    about = {"api": "acme-api", "provider": "acme", "model": "large", "usage": usage, "stopReason": "stop"}
    return {"role": "assistant", "content": content, "timestamp": 1, **about, **more}


async def turn(socket: ClientConnection, text: str, **end: Any) -> None:
    """What Pi reports of a turn."""
    await report(socket, "agent_start")
    await report(socket, "turn_start")
    await report(socket, "message_start", message={"role": "user", "content": "hello"})
    await report(socket, "message_start", message=assistant())
    await report(socket, "message_update", message=assistant(text[:2]), assistantMessageEvent={"type": "text_delta"})
    await report(socket, "message_end", message=assistant(text, **end))
    await report(socket, "turn_end", message=assistant(text))
    await report(socket, "agent_end", messages=[])


async def test_a_lead_without_a_session_makes_one_and_comes_back_to_it(hub: Served) -> None:
    async with leading(hub, "origin=tui&label=mine") as (_, session):
        detail = await ask(hub, "GET", f"/session/{session.id}")
        assert (detail["mode"], detail["label"], detail["status"]) == ("tui", "mine", "active")
        assert detail["runtimeAvailable"] and detail["controlAvailable"] and not detail["historyOnly"]
        assert [one["role"] for one in detail["participants"]] == ["lead"]
        epoch = session.epoch
    with anyio.fail_after(5):
        await session.wait_link(False)
    gone = await ask(hub, "GET", f"/session/{session.id}")
    assert (gone["status"], gone["bucket"], gone["historyOnly"]) == ("paused", "history", True)
    async with leading(hub, f"sessionId={session.id}") as (_, again):
        assert again is session and session.epoch == epoch  # within the grace nothing has changed


async def test_a_turn_at_the_terminal_is_a_run_like_any_other(hub: Served) -> None:
    async with leading(hub) as (lead, session), attached(hub, session.id, "observer") as observer:
        await report(lead, "input", text="look around")
        await turn(lead, "I see")
        seen = [f for f in await until(observer, named("agent_end")) if f["type"] == "broadcast"]
        replay = (await ask(hub, "GET", f"/session/{session.id}/replay"))["entries"]
    assert [frame["event"] for frame in seen if not frame["event"].startswith("session_")] == [
        "user_prompt", "agent_start", "turn_start", "message_start", "message_update", "message_update", "message_end",
        "turn_end", "agent_end",
    ]  # fmt: skip
    message = next(frame["data"]["message"] for frame in seen if frame["event"] == "message_end")
    assert message["content"] == [{"type": "text", "text": "I see"}]
    assert (message["provider"], message["model"], message["usage"]["cost"]["total"]) == ("acme", "large", 0.5)
    assert [(entry["type"], entry["content"]) for entry in replay] == [
        ("user_prompt", "look around"), ("message", "I see"),
    ]  # fmt: skip
    run = session.record_now.last_run
    assert run and run.result and run.result.text == "I see"


async def test_what_people_ask_is_relayed_and_the_terminal_answers(hub: Served) -> None:
    async with leading(hub) as (lead, session), attached(hub, session.id) as person:
        assert (await command(person, "prompt", message="look around"))["success"]
        relayed = await until(lead, lambda frame: frame["type"] == "rpc_command")
        assert relayed[-1]["command"] == {"type": "prompt", "message": "look around"}
        await report(lead, "agent_start")
        assert (await command(person, "steer", message="over there"))["success"]
        steered = await until(lead, lambda frame: frame["type"] == "rpc_command")
        assert steered[-1]["command"] == {"type": "steer", "message": "over there"}
        assert (await command(person, "abort"))["success"]
        aborted = await until(lead, lambda frame: frame["type"] == "rpc_command")
        assert aborted[-1]["command"] == {"type": "abort"}
        await report(lead, "agent_end")
        ended = (await until(person, named("agent_end")))[-1]
        assert (await command(person, "get_state"))["data"]["isStreaming"] is False
    assert ended["data"]["messages"][0]["stopReason"] == "aborted"
    run = session.record_now.last_run
    assert run and run.status.value == "cancelled"


async def test_what_waits_for_a_lead_is_relayed_after_its_init(hub: Served) -> None:
    session = await hub.create(mode="tui", task="look around")
    assert session.record_now.phase.value == "paused"
    async with leading(hub, f"sessionId={session.id}") as (lead, same):
        relayed = await until(lead, lambda frame: frame["type"] == "rpc_command")
        assert same is session and relayed[-1]["command"] == {"type": "prompt", "message": "look around"}


async def test_what_a_model_is_given_may_be_large_and_is_not_kept(hub: Served) -> None:
    async with leading(hub) as (lead, session):
        head = session.seq
        await report(lead, "context", messages=["x" * 6_000_000])
        await lead.send(b'{"type":"event","id":"deep","event":"message_end","data":' + b"[" * 5000 + b"]" * 5000 + b"}")
        assert (await until(lead, lambda frame: frame.get("type") == "protocol_error"))[-1]["code"]
        assert session.seq == head


async def test_a_turn_of_the_terminal_is_not_told_to_it_again(hub: Served) -> None:
    async with leading(hub) as (lead, session):
        await report(lead, "before_agent_start", prompt="mine", systemPrompt="secret")
        heard_meanwhile = await report(lead, "agent_start")
        heard_meanwhile += await report(lead, "agent_end")
        await session.handle(c.Send(text="yours"), ROOST)
        relayed = await until(lead, lambda frame: frame["type"] == "rpc_command")
    assert not [frame for frame in heard_meanwhile if frame["type"] == "rpc_command"]
    assert relayed[-1]["command"]["message"] == "yours"
    log = (await hub.http.get(f"/v1/sessions/{session.id}/events", params={"limit": 500})).text
    assert "mine" in log and "secret" not in log


async def test_tools_and_sub_agents_of_a_terminal_are_told(hub: Served) -> None:
    call = {"toolCallId": "call_1", "toolName": "bash"}
    block = {"content": [{"type": "text", "text": "a\nb"}]}
    async with leading(hub) as (lead, session), attached(hub, session.id, "observer") as observer:
        await report(lead, "agent_start")
        await report(lead, "tool_execution_start", **call, args={"command": "ls"})
        await report(lead, "tool_execution_update", **call, partialResult={"content": [{"type": "text", "text": "a"}]})
        await report(lead, "tool_execution_end", **call, result=block, isError=False)
        await report(lead, "tool_execution_end", toolCallId="call_2", toolName="edit", result=block, isError=True)
        await report(lead, "task_start", taskId="t1", agent="scout", prompt="look")
        for status in ("thinking_delta", "text_delta"):
            await report(lead, "agent_progress", taskId="t1", agentName="scout", status=status, delta="hm")
        for status in ("tool_start", "tool_end", "running"):
            await report(lead, "agent_progress", taskId="t1", agentName="scout", status=status, currentTool="grep")
        await report(lead, "task_complete", taskId="t1", agent="scout", duration=1, result="there")
        await report(lead, "task_start", taskId="t2", agent="scout", prompt="look")
        await report(lead, "task_error", taskId="t2", agent="scout", error="lost")
        await report(lead, "model_select", model="other")
        await report(lead, "something_new", value=7)
        seen = [f for f in await until(observer, named("something_new")) if f["type"] == "broadcast"]
    told = {frame["event"]: frame["data"] for frame in seen}
    ends = [frame["data"] for frame in seen if frame["event"] == "tool_execution_end"]
    assert [(end["toolName"], end["isError"], end["result"]["content"]) for end in ends] == [
        ("bash", False, block["content"]), ("edit", True, block["content"]),
    ]  # fmt: skip
    progress = [frame["data"]["status"] for frame in seen if frame["event"] == "agent_progress"]
    assert progress == ["thinking_delta", "text_delta", "tool_start", "tool_end"]
    assert (told["task_complete"]["result"], told["task_error"]["error"]) == ("there", "lost")
    assert told["something_new"] == {"value": 7, "agentRole": "lead"}
    assert "model_select" not in told


@pytest.mark.parametrize(
    ("end", "status"),
    [({"stopReason": "error", "errorMessage": "overloaded"}, "failed"), ({"stopReason": "aborted"}, "cancelled")],
)
async def test_a_turn_that_goes_wrong_is_a_run_that_does(hub: Served, end: Json, status: str) -> None:
    async with leading(hub) as (lead, session):
        await turn(lead, "I s", **end)
        run = session.record_now.last_run
    assert run and run.status.value == status
    assert status == "cancelled" or (run.error and run.error.message == "overloaded")


async def test_there_is_one_lead_and_a_second_one_is_refused(hub: Served) -> None:
    async with leading(hub) as (lead, session):
        async with connected(hub, f"sessionId={session.id}") as second:
            code, (rejected,) = await closed(second)
        assert (code, rejected["type"], rejected["code"]) == (4409, "connection_rejected", "lead_held")
        await report(lead, "turn_start")  # the first one is as it was
        assert session.linked


async def test_a_newer_driver_takes_over_and_an_older_one_is_stale(hub: Served) -> None:
    async with leading(hub, "driverMode=rpc&driverInstanceId=one") as (first, session):
        await report(first, "agent_start")
        epoch, query = session.epoch, f"sessionId={session.id}&driverMode=rpc&driverInstanceId="
        async with leading(hub, query + "two") as (second, _):
            assert (await closed(first))[0] == 4410
            assert session.epoch > epoch
            run = session.record_now.last_run
            assert run and run.error and run.error.code == "interrupted"
            async with connected(hub, query + "one") as stale:
                code, (rejected,) = await closed(stale)
            assert (code, rejected["code"]) == (4410, "stale_driver")
            epoch = session.epoch
            async with leading(hub, query + "two") as (again, _):  # the same may come back
                assert session.epoch == epoch
                await closed(second)
                await report(again, "turn_start")


async def test_a_lead_away_for_longer_than_the_grace_has_lost_its_run(tmp_path: Path) -> None:
    async with served(tmp_path, grace_seconds=0.1) as hub:
        async with leading(hub) as (lead, session):
            await report(lead, "agent_start")
            assert session.record_now.run
        async with attached(hub, session.id, "observer") as observer:
            await until(observer, named("agent_end"))
        run = session.record_now.last_run
        assert run and run.error and run.error.code == "interrupted"
        assert session.record_now.phase.value == "paused"
        async with attached(hub, session.id) as person:  # it is history until its terminal comes back
            assert not (await command(person, "prompt", message="go"))["success"]
        async with leading(hub, f"sessionId={session.id}") as (lead, _):
            await turn(lead, "back")
        run = session.record_now.last_run
        assert run and run.status.value == "completed"


async def test_a_driver_that_speaks_rpc_answers_for_itself(hub: Served) -> None:
    async with (
        leading(hub, "driverMode=rpc&driverInstanceId=d") as (lead, session),
        attached(hub, session.id) as one,
        attached(hub, session.id) as two,
    ):
        await say(lead, type="rpc_event", event={"type": "agent_start"})
        await until(one, named("agent_start"))
        await say(lead, type="rpc_ui_request", id="ui-1", method="confirm", params={"title": "Sure?"})
        asked = (await until(one, named("rpc_ui_request")))[-1]["data"]
        await until(two, named("rpc_ui_request"))
        await say(one, type="rpc_ui_response", id="ui-1", result=True)
        await say(two, type="rpc_ui_response", id="ui-1", result=False)
        answers = await until(lead, lambda frame: frame["type"] == "rpc_ui_response")
        await say(one, type="rpc_command", command={"type": "set_thinking_level", "id": "7", "level": "high"})
        relayed = (await until(lead, lambda frame: frame["type"] == "rpc_command"))[-1]["command"]
        response = {"type": "response", "id": "7", "command": "set_thinking_level", "success": True}
        await say(lead, type="rpc_response", response=response)
        told = (await until(one, named("rpc_response")))[-1]["data"]
    assert asked == {"id": "ui-1", "method": "confirm", "params": {"title": "Sure?"}}
    assert answers[-1] == {"type": "rpc_ui_response", "id": "ui-1", "result": True}
    assert relayed == {"type": "set_thinking_level", "id": "7", "level": "high"}
    assert told == {"response": response}


async def test_the_other_requests_of_a_lead_are_answered(hub: Served) -> None:
    async with leading(hub) as (lead, session):
        await say(lead, authorization=hub.key)
        await say(lead, type="tool", id="1", name="sandbox_exec", toolCallId="call_1", params={})
        await say(lead, type="command", id="2", name="help", args="")
        await say(lead, type="rename_session", label="renamed")
        await say(lead, type="ping", timestamp=9)
        await lead.send("no json")
        frames = await until(lead, lambda frame: frame.get("type") == "protocol_error")
    (returned, acknowledged, renamed), pong = [f for f in frames if "actions" in f], frames
    assert returned["actions"][0]["action"] == "RETURN" and returned["actions"][0]["result"]["isError"] is True
    assert (acknowledged["id"], acknowledged["actions"]) == ("2", [{"action": "ACK"}])
    assert renamed == {"actions": [{"action": "ACK"}]}
    assert any(frame.get("echoedTimestamp") == 9 for frame in pong)
    assert session.record_now.label == "renamed"


async def test_a_driver_is_told_the_session_file_of_the_one_before(hub: Served) -> None:
    query = "driverMode=rpc&driverInstanceId="
    async with leading(hub, query + "one") as (lead, session):
        head = session.seq
        header = '{"type": "session", "version": 3, "id": "0198-a", "cwd": "/srv/shop"}'
        for line in ('{"type": "message", "id": "7"}', "[]", "no json", header, '{"type": "session", "id": 7}'):
            await say(lead, type="session_entry", path="/tmp/a.jsonl", line=line)
        await say(lead, type="session_write", path="/tmp/a.jsonl", content=f"{header}\n[]")
        await say(lead, type="session_entry", path="x" * 4097, line="")
        await until(lead, lambda frame: frame.get("type") == "protocol_error")
        assert session.seq == head + 2  # where it lies, and whose it is: each said once
    async with connected(hub, f"sessionId={session.id}&{query}two") as socket:
        assert (await heard(socket))["resume"] == {
            "sessionFile": "/tmp/a.jsonl", "piSessionId": "0198-a", "cwd": "/srv/shop",
        }  # fmt: skip


async def test_a_lead_hears_who_watches_and_what_its_session_is_called(hub: Served) -> None:
    async with leading(hub) as (lead, session):
        async with attached(hub, session.id, "observer"):
            joined = (await until(lead, named("session_join")))[-1]
            await session.handle(c.Update(label="new"), ROOST)
            assert (await until(lead, named("session_label_updated")))[-1]["data"] == {"label": "new"}
        assert joined["participant"]["role"] == "observer"


@pytest.mark.parametrize(("asked", "code"), [(c.Archive(), 4403), (None, 4404)])
async def test_a_session_that_is_over_parts_with_its_lead(hub: Served, asked: c.Archive | None, code: int) -> None:
    async with leading(hub) as (lead, session):
        if asked is None:
            await ask(hub, "DELETE", f"/session/{session.id}")
        else:
            await session.handle(asked, ROOST)
        assert (await closed(lead))[0] == code
    async with connected(hub, f"sessionId={session.id}") as late:
        assert (await closed(late))[0] == code


async def test_a_run_ends_also_if_its_lead_does_not_obey(tmp_path: Path) -> None:
    impatient = LinkSettings(abort_grace_seconds=0.05)
    async with served(tmp_path, link=impatient) as hub, leading(hub) as (lead, session):
        await report(lead, "agent_start")
        await session.handle(c.Abort(), ROOST)
        with anyio.fail_after(5):
            await session.wait_idle()
        run = session.record_now.last_run
        assert run and run.status.value == "cancelled"
        await report(lead, "agent_end")  # it comes too late, and changes nothing
        assert session.record_now.last_run == run


@pytest.mark.parametrize("working", [False, True])
async def test_a_session_that_is_put_to_sleep_parts_with_its_lead_once_its_turn_is_over(
    hub: Served, working: bool
) -> None:
    async with leading(hub) as (lead, session):
        if working:
            await report(lead, "agent_start")
        await session.handle(c.Pause(), ROOST)
        if working:
            aborted = await until(lead, lambda frame: frame["type"] == "rpc_command")
            assert aborted[-1]["command"] == {"type": "abort"}
            await report(lead, "agent_end")
        assert (await closed(lead))[0] == 1000
    with anyio.fail_after(5):
        await session.wait_paused()
    assert session.record_now.phase.value == "paused"


async def test_a_lead_that_was_turned_away_leaves_room_and_nothing_stays_resuming(tmp_path: Path) -> None:
    async with served(tmp_path, max_streams=1, start_timeout_seconds=0.1) as hub:
        session = await hub.create(mode="tui", agent="scripted")
        head = session.seq
        async with attached(hub, session.id, "observer"):
            async with connected(hub, f"sessionId={session.id}") as lead:
                assert (await closed(lead))[0] == 4429
            with anyio.fail_after(5):
                async for page in hub.hub.log.follow(session.id, head):
                    if "session-paused" in page.types:
                        break
        async with leading(hub, f"sessionId={session.id}") as (lead, _):
            await turn(lead, "I see")
        assert session.record_now.last_run


async def test_only_its_owner_is_the_agent_of_a_session(hub: Served) -> None:
    other = await hub.hub.keys.add(AddKey(user="bob"), ROOST)
    session = await hub.create(mode="tui", visibility="collaborate")
    for query in (f"sessionId={session.id}", f"parent={session.id}&agent=scout"):
        async with connected(hub, f"{query}&api_key={other.secret}") as socket:
            code, (rejected,) = await closed(socket)
        assert (code, rejected["code"]) == (4403, "forbidden")


async def test_a_hub_that_stops_brings_its_leads_back(tmp_path: Path) -> None:
    async with served(tmp_path) as hub, leading(hub) as (lead, _):
        hub.hub.stop()
        code, frames = await closed(lead)
    assert (code, frames[-1]["event"]) == (1012, "session_shutdown")


async def test_a_session_that_a_host_runs_takes_no_lead(hub: Served) -> None:
    session = await hub.live()
    async with connected(hub, f"sessionId={session.id}") as socket:
        assert (await closed(socket))[0] == 4400


async def test_a_sub_agent_with_a_socket_of_its_own_works_at_a_task_of_its_lead(hub: Served) -> None:
    async with leading(hub) as (lead, session), attached(hub, session.id, "observer") as observer:
        await report(lead, "agent_start")
        async with connected(hub, f"parent={session.id}&agent=scout") as socket:
            init = await heard(socket)
            assert (init["role"], init["agentRole"], init["sessionId"]) == ("sub_agent", "scout", session.id)
            for name, data in (
                ("before_agent_start", {"prompt": "look"}),
                ("agent_start", {}),
                ("message_end", {"message": assistant("I see")}),
                ("context", {"messages": []}),
                ("agent_end", {}),
            ):
                assert await report(socket, name, **data) == []
            await say(socket, type="ping", timestamp=1)
            assert (await heard(socket))["echoedTimestamp"] == 1
        seen = [f for f in await until(observer, named("task_complete")) if f["type"] == "broadcast"]
    told = {frame["event"]: frame["data"] for frame in seen}
    assert (told["task_start"]["agent"], told["task_start"]["prompt"]) == ("scout", "look")
    assert (told["agent_progress"]["agentName"], told["agent_progress"]["delta"]) == ("scout", "I see")
    assert told["task_complete"]["result"] == "I see" and "message_end" not in told


async def test_a_sub_agent_without_its_lead_is_answered_and_no_more(hub: Served) -> None:
    async with leading(hub) as (_, session):
        pass
    async with connected(hub, f"parent={session.id}&agent=scout") as socket:
        assert (await heard(socket))["role"] == "sub_agent"
        head = session.seq
        assert await report(socket, "agent_start") == []
        await say(socket, type="event", id="odd", event="message_end", data=7)
        assert session.seq == head


async def test_a_frame_of_a_lead_is_read_up_to_its_limit_and_a_larger_one_hangs_up(hub: Served) -> None:
    async with leading(hub) as (lead, _):
        await lead.send('{"type":"ping"}'.ljust(MAX_FRAME_BYTES))
        assert (await until(lead, lambda frame: frame["type"] == "pong"))[-1]["timestamp"]
        head = b"\x81\xff" + (MAX_FRAME_BYTES + 1).to_bytes(8, "big") + b"mask"  # RFC 6455, 5.2: a text, masked
        lead.transport.write(head)
        assert (await closed(lead))[0] == 1009
