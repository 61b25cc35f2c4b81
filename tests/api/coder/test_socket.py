"""Sockets of Coder's observers and controllers: the handshake, commands, decisions, and how they are closed."""

from pathlib import Path
from typing import Any

import anyio
import pytest
from msgspec import UNSET
from websockets.asyncio.client import ClientConnection

from roost.api.coder import closing
from roost.api.coder.frames import MAX_FRAME_BYTES
from roost.api.coder.rpc import MAX_FILES
from roost.core.session import Session
from roost.model import commands as c
from roost.model import errors as err
from roost.model import events as e
from roost.model.conversation import KEPT
from roost.model.ids import MessageId, PartId, RequestId
from roost.model.keys import AddKey
from tests.api.coder.asking import ask
from tests.api.coder.watching import (
    MESSAGE,
    Json,
    attached,
    closed,
    command,
    connected,
    heard,
    named,
    run_of,
    say,
    speak,
    until,
    words,
)  # fmt: skip
from tests.api.served import Served, served

pytestmark = pytest.mark.anyio
ROOST = e.Principal(user="roost", kind="service")


# --- the handshake ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["observer", "controller"])
async def test_init_comes_first_then_the_hydration_then_live_frames(hub: Served, role: str) -> None:
    session = await hub.live(task="hello", label="greeting", model="acme/large")
    async with connected(hub, f"sessionId={session.id}&role={role}&origin=sdk") as socket:
        init = await heard(socket)
        await say(socket, type="bootstrap_ready")
        hydration = await heard(socket)
        await speak(hub, session, *words("Hi"))
        live = await until(socket, named("message_update"))
    assert init | {"task": "hello"} == {
        "type": "init", "role": role, "sessionId": session.id, "label": "greeting", "task": "hello", "tools": [],
        "agents": [], "commands": [], "model": {"provider": "acme", "id": "large"},
    }  # fmt: skip
    assert (hydration["type"], hydration["leadConnected"], hydration["label"]) == (
        "session_hydration",
        True,
        "greeting",
    )
    assert hydration["streamingState"] == {"isStreaming": True, "activeTasks": []}
    assert [entry["type"] for entry in hydration["entries"]] == ["user_prompt"]
    assert {frame["type"] for frame in live} <= {"broadcast", "presence"}


async def test_a_controller_that_never_says_that_it_is_ready_is_told_everything_a_little_later(hub: Served) -> None:
    session = await hub.live()
    async with connected(hub, f"sessionId={session.id}&role=controller") as socket:
        assert [(await heard(socket))["type"] for _ in range(2)] == ["init", "session_hydration"]


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("api_key=KEY", {}),
        ("token=KEY", {}),
        ("apiKey=KEY&orgId=org_1", {}),
        ("", {"Authorization": "Bearer KEY"}),
        ("", {"x-agentuity-auth-api-key": "KEY"}),
    ],
)
async def test_a_socket_takes_every_form_of_a_key(hub: Served, query: str, headers: dict[str, str]) -> None:
    session = await hub.live()
    given = {name: value.replace("KEY", hub.key) for name, value in headers.items()}
    async with connected(hub, f"sessionId={session.id}&role=observer&{query}", **given) as socket:
        await say(socket, authorization=hub.key, org_id="org_1")  # their client sends it though it is known
        frames = await until(socket, lambda frame: frame["type"] == "session_hydration")
        assert frames[0]["type"] == "init"
        await say(socket, type="ping", timestamp=7)
        answers = await until(socket, lambda frame: frame["type"] in ("pong", "protocol_error"))
        assert answers[-1]["echoedTimestamp"] == 7


@pytest.mark.parametrize(
    ("first", "greeted"),
    [({"authorization": "KEY"}, True), ({"authorization": "no"}, False), ({"type": "ping"}, False)],
)
async def test_the_first_frame_may_carry_the_key(hub: Served, first: Json, greeted: bool) -> None:
    session = await hub.live()
    async with connected(hub, f"sessionId={session.id}&role=observer", Accept="*/*") as socket:
        await say(socket, **{name: value.replace("KEY", hub.key) for name, value in first.items()})
        if greeted:
            assert (await heard(socket))["type"] == "init"
        else:
            code, (rejected,) = await closed(socket)
            assert (code, rejected["type"], rejected["code"]) == (4401, "connection_rejected", "unauthorized")


# --- how it is closed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("sessionId=ID&role=observer&api_key=agc_wrong", 4401),
        ("sessionId=ID&role=observer&api_key=OTHER", 4404),
        ("sessionId=SHARED&role=controller&api_key=OTHER", 4403),
        ("sessionId=codesess_0123456789ab&role=observer", 4404),
        ("sessionId=ID&role=owner", 4400),
        ("role=observer", 4400),
        ("role=controller", 4400),
    ],
)
async def test_a_refusal_is_an_accepted_socket_that_is_told_why_and_closed(hub: Served, query: str, code: int) -> None:
    session, shared = await hub.live(), await hub.live(visibility="organization")
    other = await hub.hub.keys.add(AddKey(user="bob"), ROOST)
    for name, value in {"OTHER": other.secret, "SHARED": shared.id, "ID": session.id}.items():
        query = query.replace(f"={name}", f"={value}")
    async with connected(hub, query) as socket:
        found, (rejected,) = await closed(socket)
    assert (found, rejected["type"]) == (code, "connection_rejected")
    assert rejected["message"] and isinstance(rejected["timestamp"], int)


@pytest.mark.parametrize(
    ("why", "code"),
    [
        (None, 1000), (err.HubStopping(), 1012), (err.InvalidRequest(), 4400), (err.Unauthorized(), 4401),
        (err.Forbidden(), 4403), (err.SessionArchived(), 4403), (err.SessionNotFound(), 4404), (err.StreamLost(), 4408),
        (err.StorageUnavailable(), 4408), (err.TooManyStreams(), 4429), (err.RateLimited(), 4429),
        (err.RoostError(), 4500),
    ],
)  # fmt: skip
def test_every_end_has_its_close_code(why: err.RoostError | None, code: int) -> None:
    assert closing.code_of(why) == code


async def test_a_deleted_session_closes_its_sockets(hub: Served) -> None:
    session = await hub.live()
    async with attached(hub, session.id) as socket:
        await ask(hub, "DELETE", f"/session/{session.id}")
        assert (await closed(socket))[0] == 4404


async def test_a_revoked_key_closes_its_sockets(hub: Served) -> None:
    session = await hub.live(visibility="organization")
    added = await hub.hub.keys.add(AddKey(user="bob"), ROOST)
    async with connected(hub, f"sessionId={session.id}&role=observer&api_key={added.secret}") as socket:
        await until(socket, lambda frame: frame["type"] == "session_hydration")
        await hub.hub.keys.revoke(added.key.id, ROOST)
        assert (await closed(socket))[0] == 4401


async def test_a_hub_that_stops_brings_its_clients_back(tmp_path: Path) -> None:
    async with served(tmp_path, agent="scripted", max_streams=1) as hub:
        session = await hub.live()
        async with attached(hub, session.id) as socket:
            async with connected(hub, f"sessionId={session.id}&role=observer") as second:
                assert await closed(second) == (4429, [])
            hub.hub.stop()
            code, frames = await closed(socket)
        assert code == 1012
        assert frames[-1]["event"] == "session_shutdown"
        async with connected(hub, f"sessionId={session.id}&role=observer") as late:
            assert await closed(late) == (1012, [])


async def test_an_idle_stream_and_an_idle_socket_hear_that_the_hub_is_there(tmp_path: Path) -> None:
    async with served(tmp_path, agent="scripted", sse_heartbeat_seconds=0.05) as hub:
        session = await hub.live()
        async with attached(hub, session.id) as socket:
            assert (await until(socket, lambda frame: frame["type"] == "pong"))[-1] == {"type": "pong", "timestamp": 0}
        async with hub.http.stream("GET", f"/api/hub/session/{session.id}/events") as answer:
            with anyio.fail_after(5):
                async for line in answer.aiter_lines():
                    if line == ": beat":  # a comment: any other frame that they do not know ends their stream
                        return
    raise AssertionError("no beat")


async def test_no_frame_of_a_client_closes_its_socket(hub: Served) -> None:
    session = await hub.live()
    odd = ["", "no json", "[]", "{}", '{"type":1}', '{"type":"event","id":"1"}', '{"type":"rpc_command"}', "[" * 5000]
    async with attached(hub, session.id) as socket:
        for frame in [*odd, " " * (MAX_FRAME_BYTES + 1), '{"type":"rpc_command","command":{"type":7}}']:
            await socket.send(frame)
            frames = await until(socket, lambda frame: frame["type"] not in ("presence", "broadcast"))
            assert (frames[-1]["type"], frames[-1]["sessionId"]) == ("protocol_error", session.id)
        await socket.send(b'{"type":"ping"}')
        assert (await until(socket, lambda frame: frame["type"] == "pong"))[-1]["timestamp"]


# --- an observer ------------------------------------------------------------------------------------------------------


async def test_an_observer_changes_nothing(hub: Served) -> None:
    session = await hub.live()
    async with attached(hub, session.id, "observer") as socket:
        head = session.seq
        await say(socket, type="rpc_command", command={"type": "prompt", "message": "go"})
        failed = (await until(socket, lambda frame: frame["type"] == "rpc_command_error"))[-1]
        await say(socket, type="rename_session", label="mine")
        await until(socket, lambda frame: frame["type"] == "protocol_error")
        assert session.seq == head
    assert failed["code"] == "forbidden"


async def test_an_observer_may_change_what_it_is_told(hub: Served) -> None:
    session = await hub.live(task="hello")
    async with connected(hub, f"sessionId={session.id}&role=observer&subscribe=session_label_updated") as socket:
        await until(socket, lambda frame: frame["type"] == "session_hydration")
        await speak(hub, session, e.RunComplete())
        await session.handle(c.Update(label="one"), ROOST)
        before = await until(socket, named("session_label_updated"))
        await say(socket, type="subscribe", patterns=["agent_*"])
        await say(socket, type="ping", timestamp=1)
        await until(socket, lambda frame: frame["type"] == "pong")
        await session.handle(c.Update(label="two"), ROOST)
        await session.handle(c.Send(text="go"), ROOST)
        after = await until(socket, named("agent_start"))
    assert [len([frame for frame in frames if frame["type"] == "broadcast"]) for frames in (before, after)] == [1, 1]


# --- commands ---------------------------------------------------------------------------------------------------------


async def turn(hub: Served, session: Session, *said: str) -> None:
    await speak(hub, session, *words(*said), e.MessageDone(message=MESSAGE), e.RunComplete())


async def test_a_prompt_is_a_turn_and_its_sender_is_told_it_too(hub: Served) -> None:
    session = await hub.live()
    async with attached(hub, session.id) as sender, attached(hub, session.id) as other:
        assert (await command(sender, "prompt", message="go"))["success"]
        await turn(hub, session, "Hi")
        for socket in (sender, other):
            seen = [frame["event"] for frame in await until(socket, named("agent_end")) if frame["type"] == "broadcast"]
            assert seen[-1] == "agent_end"
    assert (await ask(hub, "GET", f"/session/{session.id}/replay"))["entries"][-1]["content"] == "Hi"


async def test_the_sender_hears_its_prompt(hub: Served) -> None:
    session = await hub.live()
    async with attached(hub, session.id) as socket:
        await say(socket, type="rpc_command", command={"type": "prompt", "message": "go", "targetAgent": "scout"})
        echoed = (await until(socket, named("user_prompt")))[-1]
    assert echoed["data"]["content"] == "@scout go"
    assert isinstance(echoed["data"]["timestamp"], int | float) and "type" not in echoed["data"]


async def test_what_is_prompted_while_a_turn_runs_is_the_next_one(hub: Served) -> None:
    session = await hub.live(task="hello")
    async with attached(hub, session.id) as socket:
        assert (await command(socket, "prompt", message="second"))["success"]
        assert (await command(socket, "follow_up", message="third"))["success"]
        assert (await command(socket, "prompt", message="fourth", streamingBehavior="followUp"))["success"]
        queue = [entry.input[0] for entry in session.record_now.queue]
        await speak(hub, session, e.RunComplete())
        prompted = (await until(socket, named("user_prompt")))[-1]
    assert queue == [e.TextInput(text=text) for text in ("second", "third", "fourth")]
    assert prompted["data"]["content"] == "second"


@pytest.mark.parametrize(("kind", "rest"), [("steer", {}), ("prompt", {"streamingBehavior": "steer"})])
async def test_steering_joins_the_turn_that_runs_and_begins_one_otherwise(hub: Served, kind: str, rest: Json) -> None:
    session = await hub.live(task="hello")
    first = run_of(session)
    async with attached(hub, session.id) as socket:
        assert (await command(socket, kind, message="and that", **rest))["success"]
        assert run_of(session) == first and not session.record_now.queue
        await speak(hub, session, e.RunComplete(read=session.seq))
        assert (await command(socket, "steer", message="more"))["success"]
        assert run_of(session) != first


async def test_abort_ends_the_turn(hub: Served) -> None:
    session = await hub.live(task="hello")
    async with attached(hub, session.id) as socket:
        assert (await command(socket, "abort"))["success"]
        await speak(hub, session, e.RunAborted())
        ended = (await until(socket, named("agent_end")))[-1]
        assert (await command(socket, "abort"))["success"]  # nothing runs: nothing happens
    assert ended["data"]["messages"][-1]["stopReason"] == "aborted"


async def test_what_a_controller_may_ask_about_a_session(hub: Served) -> None:
    session = await hub.live(task="hello", label="greeting", model="acme/large")
    session.capabilities = {"commands": [{"name": "review", "description": "looks", "input": None}]}
    await turn(hub, session, "I see")
    async with attached(hub, session.id) as socket:
        answers = {
            kind: (await command(socket, kind))["data"]
            for kind in (
                "get_state", "get_messages", "get_session_stats", "get_last_assistant_text", "get_available_models",
                "get_commands",
            )
        }  # fmt: skip
    state = answers["get_state"]
    assert (state["isStreaming"], state["isWaitingForInput"], state["sessionName"]) == (False, False, "greeting")
    assert (state["model"], state["messageCount"]) == ({"provider": "acme", "id": "large"}, 2)
    assert [(m["role"], m["content"]) for m in answers["get_messages"]] == [
        ("user", [{"type": "text", "text": "hello"}]),
        ("assistant", [{"type": "text", "text": "I see"}]),
    ]
    assert answers["get_session_stats"]["totalMessages"] == 2
    assert answers["get_last_assistant_text"] == {"text": "I see"}
    assert answers["get_available_models"] == {"models": []}, "the agent names none"
    assert answers["get_commands"] == {"commands": [{"name": "review", "description": "looks", "source": "prompt"}]}


async def test_what_a_controller_may_set(hub: Served) -> None:
    session = await hub.live()
    async with attached(hub, session.id) as socket:
        assert (await command(socket, "set_model", provider="acme", modelId="small"))["success"]
        assert (await command(socket, "set_session_name", name="renamed"))["success"]
        label = (await until(socket, named("session_label_updated")))[-1]["data"]["label"]
        await say(socket, type="rename_session", label="again")
        frames = await until(socket, lambda frame: "actions" in frame)
        assert frames[-1] == {"actions": [{"action": "ACK"}]}
    assert (label, session.record_now.label, session.record_now.model) == ("renamed", "again", "acme/small")


MODELS = {
    "id": "model", "category": "model", "currentValue": "acme/large",
    "options": [{"value": "acme/large", "name": "Large"}, {"name": "Small ones", "options": [{"value": "tiny"}]}],
}  # fmt: skip
LEVELS = {
    "id": "effort", "category": "thought_level", "currentValue": "low",
    "options": [{"value": "low"}, {"value": "high"}],
}  # fmt: skip


async def test_what_an_agent_can_be_set_to_is_listed_and_set(hub: Served) -> None:
    session = await hub.live()
    session.capabilities = {"options": [MODELS, LEVELS]}
    async with attached(hub, session.id) as socket:
        state = (await command(socket, "get_state"))["data"]
        models = (await command(socket, "get_available_models"))["data"]["models"]
        next_model = (await command(socket, "cycle_model"))["data"]["model"]
        assert session.record_now.model == "tiny"
        assert (await command(socket, "set_model", provider=models[1]["provider"], modelId="tiny"))["success"]
        assert session.record_now.model == "tiny", "a model that has no provider is given none"
        assert (await command(socket, "set_thinking_level", level="high"))["success"]
        refused = await command(socket, "set_thinking_level", level="xhigh")
        next_level = (await command(socket, "cycle_thinking_level"))["data"]
    assert (state["model"]["id"], state["thinkingLevel"]) == ("large", "low")
    assert [(one["provider"], one["id"], one["name"]) for one in models] == [
        ("acme", "large", "Large"), ("roost", "tiny", "tiny"),
    ]  # fmt: skip
    assert (next_model["id"], next_level) == ("tiny", {"level": "high"})
    assert session.record_now.options == {"effort": "high"}
    assert "'xhigh'; it has: low, high" in refused["error"]


async def test_an_agent_that_names_nothing_has_nothing_to_go_through(hub: Served) -> None:
    session = await hub.live()
    old = [{"modelId": "a/b", "name": "B"}, {"modelId": "c"}]
    session.capabilities = {"models": {"currentModelId": "a/b", "availableModels": old}}
    async with attached(hub, session.id) as socket:
        assert (await command(socket, "cycle_model"))["data"]["model"]["id"] == "c", "as older agents say it"
        session.capabilities = {}
        for kind in ("cycle_model", "cycle_thinking_level"):
            answer = await command(socket, kind)
            assert answer["success"] and answer["data"] is None


async def test_compaction_is_asked_of_an_agent_that_has_a_command_for_it(hub: Served) -> None:
    session = await hub.live()
    session.capabilities = {"commands": [{"name": "compact"}]}
    async with attached(hub, session.id) as socket:
        assert (await command(socket, "compact", customInstructions="keep names"))["success"]
    run = session.record_now.run
    assert run is not UNSET and run.input == (e.TextInput(text="/compact keep names"),)


async def test_what_is_counted_is_of_the_whole_session(hub: Served) -> None:
    session = await hub.live()
    for number in range(KEPT):
        await session.handle(c.Send(text=f"say {number}"), ROOST)
        said = MessageId(f"msg_{number}")
        done = [e.TextDelta(message=said, part=PartId("part_1"), delta="x"), e.MessageDone(message=said)]
        await speak(hub, session, *done, e.RunComplete())
    async with attached(hub, session.id) as socket:
        stats = (await command(socket, "get_session_stats"))["data"]
        messages = (await command(socket, "get_messages"))["data"]
    assert (stats["userMessages"], stats["assistantMessages"], stats["totalMessages"]) == (KEPT, KEPT, 2 * KEPT)
    assert len(messages) == 2 * KEPT and messages[0]["content"][0]["text"] == "say 0"


@pytest.mark.parametrize(
    ("kind", "fields", "code"),
    [
        ("prompt", {"message": "  "}, "invalid_body"),
        ("prompt", {"message": 7}, "invalid_body"),
        ("prompt", {"message": "see", "images": ["no image"]}, "invalid_request"),
        ("compact", {}, "invalid_request"),
        ("set_model", {}, "invalid_body"),
        ("bash", {}, "invalid_body"),
    ],
)
async def test_a_command_that_fails_says_so(hub: Served, kind: str, fields: Json, code: str) -> None:
    session = await hub.live()
    async with attached(hub, session.id) as socket:
        head = session.seq
        response = await command(socket, kind, **fields)
        await say(socket, type="rpc_command", command={"type": kind, **fields})
        failed = (await until(socket, lambda frame: frame["type"] == "rpc_command_error"))[-1]
        assert session.seq == head
    assert (response["success"], response["error"]) == (False, failed["error"])
    assert (failed["code"], failed["command"]) == (code, kind)


async def test_images_are_given_as_files(hub: Served) -> None:
    session = await hub.live()
    images: list[Any] = ["data:image/png;base64,AA==", {"type": "image", "data": "AA==", "mimeType": "image/gif"}]
    async with attached(hub, session.id) as socket:
        assert (await command(socket, "prompt", message="see", images=images))["success"]
    run = session.record_now.run
    assert run and [getattr(part, "mime", "") for part in run.input] == ["", "image/png", "image/gif"]


async def test_attachments_are_given_as_files_too(hub: Served) -> None:
    session = await hub.live()
    given: list[Json] = [
        {"type": "file", "url": "data:text/plain;base64,aGk=", "name": "a.txt"},
        {"type": "file", "content": "aGk=", "name": "b.bin", "mimeType": "application/x-it"},
        {"type": "file", "content": "plain words", "name": "c.txt"},
    ]
    async with attached(hub, session.id) as socket:
        assert (await command(socket, "prompt", message="see", attachments=given))["success"]
        assert not (await command(socket, "follow_up", message="see", attachments=[{"name": "nothing"}]))["success"]
    run = session.record_now.run
    files = [part for part in run.input if isinstance(part, e.FileInput)] if run else []
    assert [(file.filename, file.mime) for file in files] == [
        ("a.txt", "text/plain"), ("b.bin", "application/x-it"), ("c.txt", "text/plain"),
    ]  # fmt: skip


async def test_so_many_images_and_attachments_are_given_and_no_more(hub: Served) -> None:
    session = await hub.live()
    images, attached_files = ["data:image/png;base64,AA=="] * (MAX_FILES - 1), [{"url": "data:text/plain;base64,aGk="}]
    async with attached(hub, session.id) as socket:
        more = await command(socket, "prompt", message="see", images=images, attachments=attached_files * 2)
        assert (more["success"], more["error"]) == (False, f"images and attachments: at most {MAX_FILES}")
        assert (await command(socket, "prompt", message="see", images=images, attachments=attached_files))["success"]
    run = session.record_now.run
    assert run and len(run.input) == 1 + MAX_FILES


async def test_no_turn_starts_in_an_archived_session(hub: Served) -> None:
    session = await hub.live()
    await session.handle(c.Archive(), ROOST)
    async with attached(hub, session.id) as socket:
        head = session.seq
        await say(socket, type="rpc_command", command={"type": "prompt", "message": "go"})
        failed = (await until(socket, lambda frame: frame["type"] == "rpc_command_error"))[-1]
        assert (await command(socket, "get_state"))["data"]["isStreaming"] is False
    assert failed["code"] == "session_archived" and session.seq == head


async def test_a_prompt_wakes_a_sleeping_session_and_attaching_does_not(hub: Served) -> None:
    session = await hub.live()
    await session.handle(c.Pause(), ROOST)
    session.linked = False
    await session.settle()
    async with connected(hub, f"sessionId={session.id}&role=controller") as socket:
        await say(socket, type="bootstrap_ready")
        frames = await until(socket, lambda frame: frame["type"] == "session_hydration")
        assert frames[-1]["leadConnected"] is False and session.record_now.phase.value == "paused"
        assert (await command(socket, "prompt", message="go"))["success"]
        assert session.record_now.phase.value == "resuming"


# --- decisions --------------------------------------------------------------------------------------------------------


async def asked(socket: ClientConnection, count: int = 1) -> list[Json]:
    """The dialogs that a person is shown."""
    return [(await until(socket, named("rpc_ui_request")))[-1]["data"] for _ in range(count)]


PERMISSION = e.PermissionAsked(request=RequestId("req_1"), permission="bash", patterns=("rm *",), always=("rm *",))


async def test_the_first_answer_to_a_dialog_counts_and_null_is_none(hub: Served) -> None:
    session = await hub.live(task="hello")
    async with attached(hub, session.id) as one, attached(hub, session.id) as two:
        await speak(hub, session, PERMISSION)
        (dialog,), (same,) = await asked(one), await asked(two)
        await say(one, type="rpc_ui_response", id=dialog["id"], result=None)
        assert (await command(one, "get_state"))["data"]["isWaitingForInput"] is True
        await say(two, type="rpc_ui_response", id=dialog["id"], result="Always allow")
        assert (await command(two, "get_state"))["data"]["isWaitingForInput"] is False
        head = session.seq
        await say(one, type="rpc_ui_response", id=dialog["id"], result="Reject")
        await say(one, type="rpc_ui_response", id="req_of_nobody", result="Reject")
        assert (await command(one, "get_state"))["success"] and session.seq == head
    assert dialog == same and dialog["method"] == "select"
    assert dialog["params"] == {"title": "bash: rm *", "options": ["Allow once", "Always allow", "Reject"]}
    assert [rule.permission for rule in session.record_now.granted] == ["bash"]


async def test_who_comes_later_is_asked_what_still_waits(hub: Served) -> None:
    session = await hub.live(task="hello")
    await speak(hub, session, PERMISSION)
    async with attached(hub, session.id) as socket:
        (dialog,) = await asked(socket)
        await say(socket, type="rpc_ui_response", id=dialog["id"], result="Reject")
        await command(socket, "get_state")
    answered = [event for event in await replies(hub, session) if event["type"] == "permission-replied"]
    assert [event["reply"] for event in answered] == ["reject"]


async def replies(hub: Served, session: Session) -> list[Json]:
    events = (await hub.http.get(f"/v1/sessions/{session.id}/events")).json()["events"]
    return [event["body"] for event in events if event["body"]["type"].endswith("-replied")]


async def test_a_question_is_answered_when_all_its_dialogs_are(hub: Served) -> None:
    session = await hub.live(task="hello")
    options = (e.QuestionOption(label="red"), e.QuestionOption(label="blue"))
    questions = (
        e.Question(question="Which?", options=options),
        e.Question(question="Both?", options=options, multiple=True),
        e.Question(question="Why?", custom=True),
    )
    async with attached(hub, session.id) as one, attached(hub, session.id) as two:
        await speak(hub, session, e.QuestionAsked(request=RequestId("req_1"), questions=questions))
        dialogs = await asked(one, 3)
        await say(one, type="rpc_ui_response", id=dialogs[0]["id"], result="blue")
        await say(one, type="rpc_ui_response", id=dialogs[2]["id"], result="because")
        assert (await command(one, "get_state"))["data"]["isWaitingForInput"] is True
        await say(two, type="rpc_ui_response", id=dialogs[0]["id"], result="red")  # the first answer stays
        await say(two, type="rpc_ui_response", id=dialogs[1]["id"], result="red, blue")
        assert (await command(two, "get_state"))["data"]["isWaitingForInput"] is False
    assert [dialog["method"] for dialog in dialogs] == ["select", "input", "input"]
    (reply,) = await replies(hub, session)
    assert reply["answers"] == [["blue"], ["red", "blue"], ["because"]]


async def test_a_slow_controller_costs_nobody_but_itself(hub: Served) -> None:
    session = await hub.live(task="hello")
    async with attached(hub, session.id) as slow, attached(hub, session.id, "observer") as quick:
        with anyio.fail_after(20):
            for number in range(150):  # more than the kernel holds back for the slow one
                await speak(hub, session, *words("x" * 100_000, task="t1"))
                progress = (await until(quick, named("agent_progress")))[-1]
                assert progress["data"]["status"] == "text_delta", number
        code, frames = await closed(slow)
    assert code == 4408  # come back to a fresh hydration
    assert sum(frame.get("event") == "agent_progress" for frame in frames) < 150
