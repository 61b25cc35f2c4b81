"""Whatever comes over the link: the hub goes on, and nothing lands in another session's log."""

import random
from typing import Any

import anyio
import msgspec
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from roost.core.session import Session
from roost.link.frames import MAX_FRAME_BYTES, PROTOCOL, decode_from_hub
from tests.api.served import Served
from tests.api.test_link import linked, token_of
from tests.fuzz.frames import mutated
from tests.fuzz.fuzzing import SECRET, no_surprise, seed_of_this_run

pytestmark = pytest.mark.anyio
Json = dict[str, Any]
RUN = "run_00000000000000000000000000"


def hello(session: str, **more: Any) -> Json:
    first = {"frame": "hello", "protocol": PROTOCOL, "session": session, "epoch": 1, "pid": 7}
    return first | {"produced": 0, "read": 0, "version": "1"} | more


def frames(chance: random.Random, mine: str, other: str) -> list[Json]:
    """What a host may say, and what only the hub or another host may."""
    text = {"type": "text-delta", "message": "msg_1", "part": "p1", "text": "intruder"}
    asked = {"type": "permission-asked", "request": "req_1", "permission": "bash", "session": other}
    kinds = [text, asked, {"type": "run-start", "run": RUN}, {"type": "session-ended"}, {"type": "unheard-of"}, text]
    events = [{"body": chance.choice(kinds), "run": RUN} for _ in range(chance.randrange(4))]
    return [
        hello(mine),
        hello(other),
        {"frame": "append", "first": 1, "events": events},
        {"frame": "append", "first": 1, "events": [*events, *events], "session": other},
        {"frame": "append", "first": chance.randrange(-1, 6), "events": events},
        {"frame": "beat"},
        {
            "frame": "ask",
            "id": "1",
            "method": chance.choice(["ping", "read_blob", "shell"]),
            "params": {"hash": "x"},
        },
        {"frame": "answer", "id": "x.1", "result": {"a": [1]}, "details": {"a": 1}},
        {"frame": "answer", "id": "x.1", "code": "internal", "message": "no"},
        {"frame": "welcome", "protocol": 1, "acked": 0, "starting": 1},
        {"frame": "commands", "cursor": 1, "events": []},
        {"frame": "refused", "code": "gone"},
        {"frame": "bye"},
    ]


async def converse(chance: random.Random, socket: ClientConnection, mine: str, other: str) -> None:
    """A few frames, perhaps after a proper hello. Whatever the hub says must be frames of a hub."""
    if chance.random() < 0.8:
        await socket.send(msgspec.json.encode(hello(mine)).decode())
    for _ in range(chance.randrange(1, 12)):
        frame = chance.choice(frames(chance, mine, other))
        frame = mutated(chance, frame) if chance.random() < 0.3 else msgspec.json.encode(frame)
        await socket.send(frame if chance.random() < 0.2 else frame.decode(errors="replace"))
    if chance.random() < 0.03:
        await socket.send("x" * (MAX_FRAME_BYTES + 1))
    with anyio.move_on_after(0.02):
        while True:
            assert SECRET not in str(decode_from_hub(await socket.recv()))


async def attack(chance: random.Random, api: Served, mine: Session, other: Session, count: int) -> None:
    tokens = [*[await token_of(api, mine)] * 8, "wrong", api.key, None, "é", "x" * 4000]
    closed: set[int] = set()
    for _ in range(count):
        token = chance.choice(tokens)
        try:
            async with linked(api, token) as socket:
                await converse(chance, socket, mine.id, other.id)
        except ConnectionClosed as over:
            closed.add(0 if over.rcvd is None else over.rcvd.code)
    assert closed <= {0, 1000, 1009}


async def fuzz(api: Served, seconds: float, most: int) -> int:
    chance = random.Random(seed_of_this_run())
    other = await api.create(task=SECRET)
    before = (await api.http.get(f"/v1/sessions/{other.id}/events")).json()
    done = 0
    until = anyio.current_time() + seconds
    with no_surprise():
        while done < most and anyio.current_time() < until:
            mine = await api.create(task="hello")
            await attack(chance, api, mine, other, 10)
            done += 10
            log = await api.http.get(f"/v1/sessions/{mine.id}/events")
            assert log.status_code == 200
            assert SECRET not in log.text
    assert (await api.http.get(f"/v1/sessions/{other.id}/events")).json() == before
    print("conversations", done)
    return done


async def test_no_frame_troubles_the_hub_or_another_session(api: Served) -> None:
    assert await fuzz(api, 15, 500) > 20


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_no_frame_troubles_the_hub_for_a_long_time(patient: Served) -> None:
    assert await fuzz(patient, 45, 100_000) > 200
