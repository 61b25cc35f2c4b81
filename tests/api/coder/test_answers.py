"""What holds of every answer: absent and never null, and no body or query makes an error of the hub."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roost.api.coder.routes import ROUTES
from roost.api.coder.shapes import CreateBody, UpdateBody
from roost.api.routing import paths_of
from roost.core.decisions import HUB
from roost.model import events as e
from roost.model.envelope import draft
from tests.api.coder.asking import JSON, ask, create
from tests.api.coder.test_data import SAID
from tests.api.served import Served

pytestmark = pytest.mark.anyio
FREE: Final = ("metadata",)
"""What belongs to the caller may hold anything, null too."""
NULLABLE: Final = {("/api/hub/session/{session}/loop", ("loop",))}
"""Where the wire itself wants null."""
WANTING: Final = {"/api/hub/github/accounts": 409, "/api/hub/github/repos": 400}
"""What this hub, or this request, has not got: a sign-in, an account."""
GETS: Final = [path for method, path in map(paths_of, ROUTES) if method == "GET"]
OF_SESSIONS: Final = [path for path in GETS if re.findall(r"\{\w+\}", path) == ["{session}"]]
PLAIN: Final = [path for path in GETS if "{" not in path]


def nulls(node: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    """Where in this answer null stands."""
    if node is None:
        yield path
    elif isinstance(node, dict):
        for name, value in node.items():
            if name not in FREE:
                yield from nulls(value, *path, name)
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from nulls(value, *path, number)


async def test_no_answer_holds_null_but_where_the_wire_wants_it(hub: Served) -> None:
    made = [await create(hub, task="x", metadata={"any": None}) for _ in range(3)]
    bare, busy, done = [await hub.hub.find(one["sessionId"], HUB) for one in made]
    for session in (busy, done):
        await hub.come(session)
        run = session.record_now.run
        assert run
        await hub.say(session, [draft(body, run=run.run) for body in SAID])
    await hub.say(done, [draft(e.RunError(error=e.Failure(code="broken", message="it broke")), run=run.run)])
    await ask(hub, "POST", f"/session/{done.id}/archive")
    found: set[tuple[Any, ...]] = set()
    for path in (*PLAIN, *OF_SESSIONS):
        for session in (bare, busy, done):
            answer = await hub.http.get(path.replace("{session}", session.id))
            assert answer.status_code == WANTING.get(path, 200), (path, answer.text)
            found |= {(path, where) for where in nulls(answer.json())}
    assert found == NULLABLE


async def test_times_are_iso_in_rest_objects_and_numbers_in_entries(hub: Served) -> None:
    session = (await create(hub))["sessionId"]
    told = await ask(hub, "GET", f"/session/{session}")
    for name in ("createdAt", "updatedAt", "lastActivityAt"):
        assert datetime.fromisoformat(told[name]).utcoffset() is not None
    entries = (await ask(hub, "GET", f"/session/{session}/replay"))["entries"]
    assert [isinstance(entry["timestamp"], int) for entry in entries] == [True]


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES: Final = [CreateBody.__struct_encode_fields__, UpdateBody.__struct_encode_fields__]
ODD: Final = st.dictionaries(st.sampled_from(sorted({name for names in NAMES for name in names})), ANYTHING)
BODIES: Final = st.builds(lambda task, odd: odd | {"task": task}, st.text(min_size=1), ODD) | ODD | ANYTHING


async def test_no_body_makes_an_error_of_the_hub(hub: Served) -> None:
    session = (await create(hub))["sessionId"]

    async def send(method: str, path: str, body: Any) -> None:
        answer = await hub.http.request(method, f"/api/hub{path}", content=json.dumps(body).encode(), headers=JSON)
        told = answer.json()
        assert answer.status_code < 500, (body, told)
        if not answer.is_success:
            assert isinstance(told["error"], str) and told["error"], (body, told)

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(body=BODIES)
    def odd(body: Any) -> None:
        anyio.from_thread.run(send, "POST", "/session", body)
        anyio.from_thread.run(send, "PATCH", f"/session/{session}", body)

    await anyio.to_thread.run_sync(odd)
    listed = (await ask(hub, "GET", "/sessions", includeArchived="true"))["sessions"]["websocket"]
    assert all(item["label"] for item in listed)
