"""Bodies that no decoder takes are refused as what they are; and whatever a host says of its run, every view of the
session answers."""

import random
from functools import partial
from typing import Any, cast

import anyio
import msgspec
import pytest
from anyio import from_thread, to_thread
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from msgspec import UNSET

from roost.core.hostlink import draft_of
from roost.model.events import Body
from roost.model.ids import SessionId
from roost.model.lifecycle import FROM_HOST
from tests.api.coder.watching import connected
from tests.api.served import Served
from tests.fuzz.frames import changed, json_of
from tests.fuzz.fuzzing import no_surprise, seed_of_this_run
from tests.model.bodies import bodies

pytestmark = pytest.mark.anyio
CODER = [f"/api/hub/session/{{session}}{rest}" for rest in ("", "/replay", "/loop", "/todos", "/events/history")]
"""What the Coder view tells of a session."""
ALL = ["/v1/sessions", "/v1/pending", "/v1/feed", "/api/hub/sessions", "/v1/sessions/{session}/messages/msg_1"]
NEED_HOST = ("files", "stat", "disk", "diff", "screen", "export")
"""What asks a host; here there is none."""


@pytest.mark.parametrize(
    "value",
    [b"[" * 100_000, b"[" * 50_000 + b"]" * 50_000, b'{"a":' * 50_000, b'"\xff"', b"\xff", b'"\\ud800"', b"9" * 9999],
)
async def test_a_body_that_is_nested_too_deeply_or_no_text_is_refused(api: Served, value: bytes) -> None:
    headers = {"content-type": "application/json"}
    with no_surprise():
        answer = await api.http.post("/v1/sessions", content=b'{"metadata":{"a":%b}}' % value, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_body")


@pytest.mark.parametrize(("depth", "status"), [(126, 201), (127, 400), (974, 400)])
async def test_metadata_may_be_nested_so_deep_and_no_deeper(api: Served, depth: int, status: int) -> None:
    value = b"[" * depth + b"]" * depth
    body = b'{"agent":"scripted","metadata":{"a":%b}}' % value
    with no_surprise():
        answer = await api.http.post("/v1/sessions", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status


KINDS = sorted(FROM_HOST, key=lambda kind: kind.__name__)
SAID = st.lists(st.sampled_from(KINDS).flatmap(bodies), min_size=1, max_size=12)
"""What a host may say, in any order: messages that never began, tools that end twice, runs that go on after their
end."""


def odd(chance: random.Random, body: Body) -> bytes:
    """The body as a host sends it, or one with something else in it."""
    said = msgspec.json.decode(msgspec.json.encode(body))
    return json_of(changed(chance, said) if chance.random() < 0.5 else said)


async def say_and_look(api: Served, views: list[str], chance: random.Random, said: list[Body]) -> list[str]:
    """What could not be answered. Somebody watches in the Coder view meanwhile."""
    session = await api.live(task="go")
    open_run = session.record_now.run
    assert open_run is not UNSET
    async with connected(api, f"sessionId={session.id}&role=observer&api_key={api.key}") as socket:
        await api.say(session, [draft_of(odd(chance, body), open_run.run) for body in said])
        wrong = [f"{path} {code}" for path in views if (code := await status_of(api, path, session.id)) >= 500]
        await socket.send('{"type":"ping","timestamp":4711}')
        with anyio.fail_after(10):
            while (told := msgspec.json.decode(await socket.recv())).get("echoedTimestamp") != 4711:
                wrong += [str(told)] if told.get("code") == "internal" else []
    return wrong


async def status_of(api: Served, path: str, session: SessionId) -> int:
    return (await api.http.get(path.format(session=session))).status_code


async def views(api: Served) -> list[str]:
    """Everything that can be asked about a session by its id alone, or of all."""
    document = (await api.http.get("/openapi.json")).json()["paths"]
    asked = [
        path for path, deeds in document.items() if path.count("{") == 1 and "{session}" in path and "get" in deeds
    ]
    ours = [path for path in asked if path.rpartition("/")[2] not in NEED_HOST]
    return [*ours, *CODER, *ALL]


async def fuzz(api: Served, examples: int) -> int:
    """So many hosts that say something. How much they said in all."""
    number, count, asked = seed_of_this_run(), 0, await views(api)

    @seed(number)
    @settings(
        max_examples=examples, deadline=None, database=None, phases=(Phase.generate, Phase.shrink),
        suppress_health_check=tuple(cast(Any, HealthCheck)),
    )  # fmt: skip
    @given(SAID, st.randoms(use_true_random=False))
    def one(said: list[Body], chance: random.Random) -> None:
        nonlocal count
        count += len(said)
        assert from_thread.run(partial(say_and_look, api, asked, chance, said)) == []

    with no_surprise():
        await to_thread.run_sync(one, abandon_on_cancel=True)
    print("bodies", count)
    return count


async def test_whatever_a_host_says_every_view_of_its_session_answers(api: Served) -> None:
    assert await fuzz(api, 8) >= 8


@pytest.mark.long
@pytest.mark.timeout(1200)
async def test_whatever_many_hosts_say_every_view_of_their_sessions_answers(patient: Served) -> None:
    assert await fuzz(patient, 300) > 300
