"""Whatever a stream is asked for: a stream, nothing more to come, or a problem, and no other session's events."""

import random
from typing import Final
from urllib.parse import quote

import anyio
import httpx
import pytest

from roost.core.decisions import HUB
from roost.model.keys import AddKey
from tests.api.served import Served, blocks
from tests.fuzz.frames import ODD
from tests.fuzz.fuzzing import SECRET, no_surprise, seed_of_this_run

pytestmark = pytest.mark.anyio
CURSORS: Final = ["0", "1", "3", "4", "-1", "+1", "1.0", "1e3", "now", "٣", "²", "0x1", " 1", "9" * 19, "9" * 30, "\t2"]
TYPES: Final = ["run-start", "run-start,text-delta", ",,,", "x" * 3000, "a\r\nb", "session-created,\0", "é", "*", "%"]
ACCEPTS: Final = [
    "text/event-stream", "text/event-stream;q=0.1, */*", "TEXT/EVENT-STREAM", "text/event-stream,,;",
    ", text/event-stream",
]  # fmt: skip


def odd(chance: random.Random, likely: list[str]) -> str:
    return chance.choice(likely) if chance.random() < 0.7 else str(chance.choice(ODD))[:2000]


def request(chance: random.Random, sessions: list[str]) -> tuple[str, list[tuple[bytes, bytes]]]:
    """A path with its query, and headers that a client can put on the wire."""
    named = chance.choice([*sessions, *sessions, "%00", "codesess_x", quote(odd(chance, ["x"]), safe="")])
    path = chance.choice([f"/v1/sessions/{named}/events", f"/v1/sessions/{named}/events/", "/v1/feed"])
    query: list[str] = []
    for name, likely in (("after", CURSORS), ("types", TYPES), ("limit", CURSORS), ("key", TYPES), ("", CURSORS)):
        if chance.random() < 0.3:
            query += [f"{name}={quote(odd(chance, likely))}"] * chance.choice([1, 1, 2])
    headers = [(b"accept", chance.choice(ACCEPTS).encode())]
    if chance.random() < 0.4:
        value = odd(chance, CURSORS).encode().translate(None, b"\r\n\0")
        headers.append((b"last-event-id", value.strip()))
    return path + "?" + "&".join(query), headers


async def ask(http: httpx.AsyncClient, path: str, headers: list[tuple[bytes, bytes]]) -> int:
    """The status of the answer, which is one that is documented; of a stream the beginning is read."""
    async with http.stream("GET", path, headers=headers) as answer:
        if answer.status_code == 200:
            assert answer.headers["content-type"] == "text/event-stream"
            seen: list[int] = []
            with anyio.move_on_after(0.02):
                async for block in blocks(answer):
                    assert SECRET not in str(block)
                    seen += [int(block["id"])] if "id" in block else []
            assert seen == sorted(set(seen))
        else:
            text = (await answer.aread()).decode()
            assert answer.status_code in (204, 400, 403, 404, 405, 410), (answer.status_code, path, headers)
            assert answer.status_code == 204 or answer.headers["content-type"] == "application/problem+json"
            assert SECRET not in text
    return answer.status_code


async def fuzz(api: Served, seconds: float, most: int) -> dict[int, int]:
    """How often which status came."""
    chance = random.Random(seed_of_this_run())
    ann = (await api.hub.keys.add(AddKey(user="ann"), HUB)).secret
    bob = (await api.hub.keys.add(AddKey(user="bob"), HUB)).secret
    async with api.client(Authorization=f"Bearer {ann}") as http:
        hers = {"agent": "scripted", "task": SECRET, "label": SECRET, "visibility": "private"}
        other = (await http.post("/v1/sessions", json=hers)).json()["session"]
    session = await api.live(task="hello", visibility="collaborate")
    statuses: dict[int, int] = {}
    until = anyio.current_time() + seconds
    async with api.client(Authorization=f"Bearer {bob}") as http:
        with no_surprise():
            while sum(statuses.values()) < most and anyio.current_time() < until:
                status = await ask(http, *request(chance, [session.id, other]))
                statuses[status] = statuses.get(status, 0) + 1
        assert (await http.get(f"/v1/sessions/{session.id}")).status_code == 200
    print("answers by status", statuses)
    return statuses


async def test_no_request_for_a_stream_troubles_the_hub_or_shows_another_session(api: Served) -> None:
    statuses = await fuzz(api, 15, 500)
    assert {200, 400, 404} <= statuses.keys()


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_no_request_for_a_stream_troubles_the_hub_for_a_long_time(patient: Served) -> None:
    assert sum((await fuzz(patient, 45, 100_000)).values()) > 500
