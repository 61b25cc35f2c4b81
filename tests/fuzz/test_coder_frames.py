"""Whatever comes over a socket of the Coder view: it stays open, says what is wrong, and shows no other session."""

import random
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import anyio
import msgspec
import pytest
from websockets.exceptions import ConnectionClosed

from roost.core.decisions import HUB
from roost.model.keys import AddKey
from tests.api.coder.watching import closed, connected
from tests.api.served import Served
from tests.fuzz.frames import ODD, mutated
from tests.fuzz.fuzzing import SECRET, no_surprise, seed_of_this_run

pytestmark = pytest.mark.anyio
Json = dict[str, Any]
MESSAGE: Json = {"role": "assistant", "content": [{"type": "text", "text": "hello"}], "usage": {"cost": {"total": 1}}}


def commands(other: str) -> list[Json]:
    asked: list[Json] = [
        {
            "type": "prompt",
            "message": "hi",
            "images": ["data:image/png;base64,AA=="],
            "attachments": [{"content": "x"}],
        },
        {"type": "steer", "message": "hi", "targetAgent": "scout"},
        {"type": "follow_up", "message": "hi", "sessionId": other},
        {"type": "set_model", "provider": "a", "modelId": "b"},
        {"type": "set_session_name", "name": "n"},
        *(
            {"type": kind}
            for kind in ("abort", "get_state", "get_messages", "get_session_stats", "compact", "abort_bash")
        ),
    ]
    return [{"type": "rpc_command", "command": {"id": "c", **command}} for command in asked]


def frames(other: str, role: str) -> list[Json]:
    if role != "lead":
        answer = {"type": "rpc_ui_response", "id": "req_1#0", "result": "Allow once"}
        return [*commands(other), answer, {"type": "subscribe", "patterns": ["agent_*"]}, {"type": "bootstrap_ready"}]
    call = {"toolCallId": "c", "toolName": "bash", "args": {}, "result": MESSAGE, "partialResult": MESSAGE}
    reported: list[tuple[str, Json]] = [
        ("agent_start", {}), ("message_start", {"message": MESSAGE}), ("message_update", {"message": MESSAGE}),
        ("message_end", {"message": MESSAGE}), ("tool_execution_start", call), ("tool_execution_end", call),
        ("task_start", {"taskId": "t", "agent": "a"}), ("agent_progress", {"taskId": "t", "status": "text_delta"}),
        ("input", {"text": "typed"}), ("agent_end", {}), ("context", {"messages": [MESSAGE]}), ("new", {"x": other}),
    ]  # fmt: skip
    events: list[Json] = [{"type": "event", "id": "e", "event": name, "data": data} for name, data in reported]
    rest: list[Json] = [
        {"type": "tool", "id": "t", "name": "x", "toolCallId": "c", "params": {}},
        {"type": "rpc_event", "event": {"type": "turn_end"}},
        {"type": "rpc_ui_request", "id": "u", "method": "confirm", "params": {"title": "?"}},
        {"type": "rpc_response", "response": {"id": "c"}},
        {"type": "rename_session", "label": "l"},
    ]
    return [*events, *rest]


async def visit(chance: random.Random, api: Served, query: str, role: str, other: str) -> None:
    """One socket: odd frames, then a ping, which is answered as ever."""
    async with connected(api, query) as socket:
        for _ in range(chance.randrange(1, 15)):
            frame = mutated(chance, chance.choice(frames(other, role)))
            await socket.send(frame if chance.random() < 0.2 else frame.decode(errors="replace"))
        await socket.send('{"type":"ping","timestamp":4711}')
        while True:
            with anyio.fail_after(10):
                said = await socket.recv()
            assert SECRET not in str(said)
            told = msgspec.json.decode(said)
            assert told.get("code") != "internal", told
            if told.get("echoedTimestamp") == 4711:
                break


async def knock(chance: random.Random, api: Served, key: str, session: str, other: str) -> None:
    """A socket with an odd address: it opens, or is closed with a code of theirs."""
    odd = quote(str(chance.choice(ODD))[:300], safe="")
    named = chance.choice([session, other, odd, "codesess_x"])
    role = chance.choice(["observer", "controller", "lead", odd])
    more = chance.choice([f"&subscribe={odd}", f"&driverInstanceId={odd}", f"&parent={odd}", f"&label={odd}"])
    async with connected(api, f"sessionId={named}&role={role}{more}&api_key={key}") as socket:
        with suppress(ConnectionClosed), anyio.move_on_after(0.05):
            while True:
                said = await socket.recv()
                assert SECRET not in str(said)
        if socket.close_code is not None:
            assert socket.close_code != 4500 and (await closed(socket))[0] == socket.close_code


async def test_no_frame_troubles_the_hub_or_shows_another_session(api: Served) -> None:
    chance = random.Random(seed_of_this_run())
    bob = (await api.hub.keys.add(AddKey(user="bob"), HUB)).secret
    ann = (await api.hub.keys.add(AddKey(user="ann"), HUB)).secret
    hers = {"agent": "scripted", "task": SECRET, "label": SECRET, "visibility": "private"}
    async with api.client(Authorization=f"Bearer {ann}") as http:
        other = (await http.post("/v1/sessions", json=hers)).json()["session"]
    session, until, done = await api.live(visibility="collaborate"), anyio.current_time() + 4, 0
    with no_surprise():
        while anyio.current_time() < until:
            role = chance.choice(["observer", "controller"])
            await visit(chance, api, f"sessionId={session.id}&role={role}&api_key={bob}", role, other)
            await visit(chance, api, f"driverMode=rpc&api_key={bob}", "lead", other)
            await knock(chance, api, bob, session.id, other)
            done += 1
    assert done > 5
