"""Whatever comes over the socket of a session: it stays open, says what is wrong, and shows no other session."""

import random
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import anyio
import msgspec
import pytest
from websockets.exceptions import ConnectionClosed

from roost.core.decisions import HUB
from roost.core.session import Session
from roost.model.keys import AddKey
from tests.api.served import Served
from tests.api.test_socket import joined, told
from tests.fuzz.frames import ODD, mutated
from tests.fuzz.fuzzing import SECRET, no_surprise, seed_of_this_run

pytestmark = pytest.mark.anyio
Json = dict[str, Any]
TEXT = [{"type": "text", "text": "hello"}]


def frames(other: str) -> list[Json]:
    commands: list[Json] = [
        {"type": "send-input", "input": TEXT},
        {"type": "answer-permission", "request": "req_1", "reply": "once"},
        {"type": "answer-question", "request": "req_1", "answers": [["x"]]},
        {"type": "abort-run"},
        {"type": "update-session", "label": "x", "metadata": {"a": {"b": 1}}, "tags": ["x"], "session": other},
        {"type": "configure", "model": "m"},
        {"type": "pause"},
        {"type": "resume"},
        {"type": "create-session", "agent": "scripted"},
    ]
    wrapped: list[Json] = [{"type": "command", "id": "c", "key": "k", "command": command} for command in commands]
    follows: list[Json] = [
        {"type": "follow", "id": 1, "after": 0},
        {"type": "follow", "id": "f", "after": 2, "types": ["run-start", "text-delta"]},
        {"type": "follow", "after": 0, "session": other},
    ]
    return [*wrapped, *follows, *follows, {"type": "ping", "id": "p"}, {"type": "events", "events": []}]


async def visit(chance: random.Random, api: Served, key: str, session: Session, other: str) -> None:
    """One socket: odd frames, then a ping, which is answered as ever."""
    query = chance.choice(["", "?after=0", "?after=0&types=run-start,,x"])
    async with joined(api, session.id, query, key=key) as socket:
        for _ in range(chance.randrange(1, 15)):
            frame = mutated(chance, chance.choice(frames(other)))
            await socket.send(frame if chance.random() < 0.2 else frame.decode(errors="replace"))
        await socket.send('{"type":"ping","id":"the last"}')
        while True:
            with anyio.fail_after(10):
                message = await socket.recv()
            assert SECRET not in str(message)
            said = msgspec.json.decode(message)
            assert said["type"] != "problem" or said["status"] < 500, said
            if said == {"type": "pong", "id": "the last"}:
                break


async def knock(chance: random.Random, api: Served, key: str, session: str, other: str) -> None:
    """A socket with an odd address: it opens, or says why not and closes."""
    odd = str(chance.choice(ODD))[:300]
    named = chance.choice([session, other, "codesess_x", "counts", "%00", "%2e%2e"])
    asked = quote(odd, safe="")
    query = chance.choice([f"?after={asked}", f"?types={asked}&after=0", f"?key={asked}", "?after=-1", "?%ff=%ff"])
    with suppress(ConnectionClosed):  # it was refused
        async with joined(api, named, query, key=key) as socket:
            with anyio.fail_after(5):
                said = msgspec.json.decode(await socket.recv())
            assert SECRET not in str(said)
            assert said["type"] != "problem" or said["status"] < 500, said


async def fuzz(api: Served, seconds: float, most: int) -> int:
    chance = random.Random(seed_of_this_run())
    bob = (await api.hub.keys.add(AddKey(user="bob"), HUB)).secret
    ann = (await api.hub.keys.add(AddKey(user="ann"), HUB)).secret
    hers = {"agent": "scripted", "task": SECRET, "label": SECRET, "visibility": "private"}
    async with api.client(Authorization=f"Bearer {ann}") as http:
        made = await http.post("/v1/sessions", json=hers)
    other = made.json()["session"]
    session = await api.live(visibility="collaborate")
    until, done = anyio.current_time() + seconds, 0
    with no_surprise():
        while done < most and anyio.current_time() < until:
            await visit(chance, api, bob, session, other)
            await knock(chance, api, bob, session.id, other)
            done += 1
            if done % 20 == 0:
                session = await api.live(visibility="collaborate")
    async with joined(api, session.id, "?after=0") as socket:
        assert (await told(socket, "following"))["after"] == 0
    print("visits", done)
    return done


async def test_no_frame_troubles_the_hub_or_shows_another_session(api: Served) -> None:
    assert await fuzz(api, 15, 200) > 10


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_no_frame_troubles_the_hub_for_a_long_time(patient: Served) -> None:
    assert await fuzz(patient, 45, 100_000) > 100
