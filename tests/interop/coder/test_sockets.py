"""The published socket client in all its roles: observer, controller and lead. What it receives is held against the
published schemas, which the client itself does not do."""

from typing import Any

import pytest

from tests.behaviour.conftest import ask, script
from tests.interop.coder.polling import idle, session_when
from tests.interop.coder.published import Json, Published, Raised, Stream

ENDLESS = script({"text": "I begin."}, {"sleep": 60})


async def begun(stream: Stream) -> Json:
    """The hydration of a socket that was let in; before it there is `init` alone."""
    await stream.until("init")
    return await stream.told("session_hydration")


# --- observers --------------------------------------------------------------------------------------------------------


async def test_an_observer_watches_and_can_do_nothing(sdk: Published) -> None:
    session = await sdk.session()
    await idle(sdk, session)
    async with sdk.opened("socket", sessionId=session, heartbeatIntervalMs=20) as observer:
        hydration = await begun(observer)
        assert (await observer.call("initMessage"))["role"] == "observer"
        assert (hydration["leadConnected"], [entry["type"] for entry in hydration["entries"]]) == (
            True, ["user_prompt", "message"],
        )  # fmt: skip
        await observer.told("pong")
        await observer.say(type="rpc_command", command={"type": "prompt", "message": "not allowed"})
        assert (await observer.told("rpc_command_error"))["error"]
        await observer.say(type="subscribe", patterns=["session_*"])
        await observer.say(type="nonsense")
        await observer.told("protocol_error")
        await sdk.call("updateSession", session, {"label": "still watching"})
        assert (await observer.heard("session_label_updated"))["label"] == "still watching"
        assert "user_prompt" not in observer.events


async def test_the_iterator_yields_until_the_session_is_deleted(sdk: Published) -> None:
    session = await sdk.session()
    await idle(sdk, session)
    async with sdk.opened("socket-iterator", sessionId=session) as stream:
        await stream.told("session_hydration")
        await sdk.call("updateSession", session, {"label": "renamed"})
        await stream.heard("session_label_updated")
        await sdk.call("deleteSession", session)
        await stream.until("end")


# --- controllers ------------------------------------------------------------------------------------------------------


async def test_a_controller_prompts_steers_queues_aborts_and_asks(sdk: Published) -> None:
    session = await sdk.session(label="driven")
    await idle(sdk, session)
    async with sdk.opened("socket", sessionId=session, role="controller") as controller:
        await begun(controller)
        assert (await controller.command("prompt", message=ENDLESS))["success"] is True
        assert (await controller.heard("user_prompt"))["content"] == ENDLESS
        await controller.heard("message_update", lambda data: "begin" in str(data["message"]["content"]))
        state = await controller.command("get_state")
        assert (state["data"]["isStreaming"], state["data"]["sessionName"]) == (True, "driven")
        assert (await controller.command("follow_up", message="afterwards"))["success"] is True
        assert (await controller.command("steer", message="another way"))["success"] is True
        assert (await controller.command("get_state"))["data"]["pendingMessageCount"] == 1
        assert (await controller.command("abort"))["success"] is True
        await controller.heard("agent_end")
        assert (await controller.command("prompt", message="go on"))["success"] is True
        await controller.heard("agent_end", lambda data: "go on" in str(data))
        messages = (await controller.command("get_messages"))["data"]
        assert {"user", "assistant"} == {message["role"] for message in messages}
        assert (await controller.command("set_session_name", name="named"))["success"] is True
        assert (await controller.heard("session_label_updated"))["label"] == "named"
        assert (await controller.command("get_session_stats"))["data"]["userMessages"] > 1
        assert (await controller.command("get_available_models"))["data"] == {"models": []}
        assert (await controller.command("get_commands"))["data"] == {"commands": []}
        for gone_through in ("cycle_model", "cycle_thinking_level"):
            assert (await controller.command(gone_through))["data"] is None
        for refused in ("compact", "new_session", "fork", "export_html", "set_auto_compaction", "abort_retry"):
            answer = await controller.command(refused)
            assert answer["success"] is False and answer["error"]


async def test_a_prompt_wakes_a_session_and_watching_does_not(sdk: Published) -> None:
    session = await sdk.session(timeout={"idle": "1s"})
    await session_when(sdk, session, status="paused")
    async with sdk.opened("socket", sessionId=session, role="controller") as controller:
        assert (await begun(controller))["leadConnected"] is False
        assert (await sdk.call("getSession", session))["status"] == "paused"
        await controller.command("prompt", message="wake up")
        await controller.heard("agent_end", lambda data: "wake up" in str(data))


async def test_history_starts_no_turn(sdk: Published) -> None:
    session = await sdk.session()
    await idle(sdk, session)
    await sdk.call("archiveSession", session)
    async with sdk.opened("socket", sessionId=session, role="controller") as controller:
        await begun(controller)
        refused = await controller.command("prompt", message="once more")
        assert refused["success"] is False
        await controller.told("rpc_command_error")
    assert (await sdk.call("getSession", session))["status"] == "archived"


@pytest.mark.parametrize(
    ("step", "result", "said"),
    [
        (ask("rm *", always=("rm *",)), "Allow once", "Allowed."),
        (ask("rm *"), True, "Allowed."),
        ({"question": "Which one?"}, "the second", "the second"),
    ],
)
async def test_what_waits_for_a_person_is_a_dialog_of_every_controller(
    sdk: Published, step: Json, result: Any, said: str
) -> None:
    session = await sdk.session(script(step, {"text": "Allowed."}))
    async with (
        sdk.opened("socket", sessionId=session, role="controller") as first,
        sdk.opened("socket", sessionId=session, role="controller") as second,
    ):
        asked = await first.heard("rpc_ui_request")
        assert await second.heard("rpc_ui_request") == asked
        assert (await sdk.call("getSession", session))["bucket"] == "running"
        for controller, answer in ((second, result), (first, None)):
            await controller.say(type="rpc_ui_response", id=asked["id"], result=answer)
        ended = await first.heard("agent_end")
    assert said in str(ended["messages"])


# --- leads ------------------------------------------------------------------------------------------------------------


async def test_a_terminal_leads_a_session_of_its_own_and_is_asked_by_others(sdk: Published) -> None:
    async with sdk.opened("socket", role="lead", origin="tui", label="mine") as lead:
        init = await lead.until("init")
        session = init["sessionId"]
        detail = await sdk.call("getSession", session)
        assert (detail["mode"], detail["status"], detail["label"]) == ("tui", "active", "mine")
        async with sdk.opened("socket", sessionId=session, role="controller") as controller:
            await begun(controller)
            await controller.say(type="rpc_command", command={"type": "prompt", "message": "look around"})
            relayed = await lead.told("rpc_command")
            assert relayed["command"] == {"type": "prompt", "message": "look around"}
            for name in ("agent_start", "agent_end"):
                answer = await lead.call("sendAndWait", {"type": "event", "event": name, "data": {}})
                assert answer["actions"] == [{"action": "ACK"}]
                await controller.heard(name)
            await lead.say(type="rename_session", label="ours")
            assert (await controller.heard("session_label_updated"))["label"] == "ours"
        async with sdk.opened("socket", sessionId=session, role="lead") as second:
            error = await second.until("error")
            assert (error["code"], error["serverMessageType"]) == ("auth_failed", "connection_rejected")
            assert (await second.until("close"))["code"] == 4409
    assert (await session_when(sdk, session, status="paused"))["historyOnly"] is True


async def test_a_sub_agent_reports_into_the_session_of_its_lead(sdk: Published) -> None:
    async with sdk.opened("socket", role="lead", origin="tui") as lead:
        session = (await lead.until("init"))["sessionId"]
        async with (
            sdk.opened("socket", sessionId=session) as observer,
            sdk.opened("socket", role="lead", agent="scout", parentSessionId=session) as scout,
        ):
            await begun(observer)
            init = await scout.until("init")
            assert (init["role"], init["agentRole"]) == ("sub_agent", "scout")
            report = {
                "type": "event",
                "event": "task_start",
                "data": {"taskId": "t1", "agent": "scout", "prompt": "look"},
            }
            assert (await lead.call("sendAndWait", {**report, "event": "agent_start", "data": {}}))["actions"]
            assert (await lead.call("sendAndWait", report))["actions"] == [{"action": "ACK"}]
            assert (await observer.heard("task_start"))["taskId"] == "t1"
            assert (await scout.call("sendAndWait", {**report, "event": "agent_end", "data": {}}))["actions"]
            assert (await sdk.call("getSession", session))["status"] == "active"


async def test_a_driver_is_replaced_by_a_newer_one_and_never_comes_back(sdk: Published) -> None:
    driver = {"role": "lead", "driverMode": "rpc", "driverVersion": "1"}
    async with sdk.opened("socket", driverInstanceId="first", **driver) as first:
        session = (await first.until("init"))["sessionId"]
        async with sdk.opened("socket", sessionId=session, driverInstanceId="second", **driver) as second:
            assert (await second.until("init"))["sessionId"] == session
            await first.until("close")
            async with sdk.opened("socket", sessionId=session, driverInstanceId="first", **driver) as again:
                assert (await again.until("close"))["code"] == 4410
            assert (await second.call("isConnected")) is True


# --- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["observer", "controller", "lead"])
@pytest.mark.parametrize(
    ("code", "options"),
    [(4401, {"apiKey": "wrong"}), (4404, {"sessionId": "codesess_000000000000"})],
)
async def test_who_may_not_is_told_so_before_the_socket_closes(
    sdk: Published, role: str, code: int, options: dict[str, Any]
) -> None:
    async with sdk.opened("socket", **{"sessionId": await sdk.session(), "role": role, **options}) as stream:
        error = await stream.until("error")
        assert (error["code"], error["serverMessageType"]) == ("auth_failed", "connection_rejected")
        assert (await stream.until("close"))["code"] == code
        assert stream.of("init") == []


async def test_a_socket_without_a_session_is_a_bad_request(sdk: Published) -> None:
    async with sdk.opened("socket", role="controller") as stream:
        await stream.until("error")
        assert (await stream.until("close"))["code"] == 4400


async def test_a_deleted_session_closes_its_sockets(sdk: Published) -> None:
    session = await sdk.session()
    async with sdk.opened("socket", sessionId=session, role="controller") as controller:
        await begun(controller)
        await sdk.call("deleteSession", session)
        assert (await controller.until("close"))["code"] == 4404
        with pytest.raises(Raised) as late:
            await controller.call("sendAndWait", {"type": "event", "event": "x", "data": {}}, 50)
        assert late.value.fields["code"] == "response_timeout"
