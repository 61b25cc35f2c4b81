"""Schemathesis plays on the hub's own OpenAPI document: whatever is sent, answers are documented ones."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, NamedTuple, cast

import anyio
import httpx
import pytest
import schemathesis
from anyio import to_thread
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode, Response
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from roost.core.decisions import HUB
from roost.model.keys import AddKey
from roost.testing import RunningHub, running_hub
from tests.fuzz.fuzzing import SECRET, no_surprise, seed_of_this_run

pytestmark = pytest.mark.anyio
CONFORMING: Final[list[Any]] = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
NEEDS_HOST: Final = frozenset(
    ("shell", "files", "files/{path}", "stat", "disk", "diff", "merge", "discard")
)  # fmt: skip
"""Routes that are carried out by the host of the session: without it 503 or 504 (PROTOCOL.md, section 2)."""
OFTEN_GONE: Final = frozenset(("delete_session", "archive_session"))
REQUEST_SECONDS: Final = 20


class Scene(NamedTuple):
    """A hub with two people: Ann has a session that is hers alone, Bob sends whatever comes to his mind."""

    hub: RunningHub
    admin: str
    bob: str
    ann: str
    """Her session."""


async def request(scene: RunningHub, key: str, method: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=scene.url, headers=headers, trust_env=False) as http:
        answer = await http.request(method, path, json=body)
        assert answer.is_success, answer.text
        return answer.json()


@asynccontextmanager
async def scene() -> AsyncGenerator[Scene]:
    async with running_hub(rate_per_second=0, start_timeout_seconds=15) as running:
        assert running.hub is not None
        ann = (await running.hub.keys.add(AddKey(user="ann"), HUB)).secret
        bob = (await running.hub.keys.add(AddKey(user="bob"), HUB)).secret
        admin = (running.data / "api_key").read_text().strip()
        hers = {"task": SECRET, "label": SECRET, "tags": [SECRET], "metadata": {"it": SECRET}, "visibility": "private"}
        made = await request(running, ann, "POST", "/v1/sessions", hers)
        yield Scene(running, admin, bob, made["session"])


async def bobs(scene: Scene) -> str:
    """A session of Bob's that is at work."""
    return (await request(scene.hub, scene.bob, "POST", "/v1/sessions", {"task": "hello"}))["session"]


async def play(scene: Scene, number: int, examples: int) -> int:
    """So many requests for each operation, half of them as the document wants them. How many were sent."""
    document = await request(scene.hub, scene.bob, "GET", "/openapi.json")
    schema: Any = schemathesis.openapi.from_dict(document)
    sent = 0
    failures: list[str] = []
    mine = await bobs(scene)
    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            one = partial(send_and_check, scene, [mine, scene.ann])
            play = partial(operate, operation, mode, one, number, examples)
            count, failed = await to_thread.run_sync(play, abandon_on_cancel=True)
            sent += count
            failures += [failed] if failed else []
        if operation.definition.raw["operationId"] in OFTEN_GONE:
            mine = await bobs(scene)
    print("requests", sent)
    assert not failures, "\n\n".join(failures)
    return sent


def operate(operation: Any, mode: GenerationMode, one: Any, number: int, examples: int) -> tuple[int, str | None]:
    sent = 0

    @seed(number)
    @settings(
        max_examples=examples, database=None, deadline=None, phases=(Phase.generate, Phase.shrink),
        suppress_health_check=tuple(cast(Any, HealthCheck)),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
    def run(case: Case, data: st.DataObject) -> None:
        nonlocal sent
        sent += 1
        one(case, data)

    try:
        run()
    except Unsatisfiable:
        pass  # an operation without anything to get wrong
    except (AssertionError, FailureGroup) as error:
        return sent, f"{operation.label} {mode.value}: {error!r}"
    return sent, None


def send_and_check(scene: Scene, sessions: list[str], case: Case, data: st.DataObject) -> None:
    """One request, mostly about a session that exists."""
    if "session" in (case.path_parameters or {}):
        case.path_parameters["session"] = data.draw(st.sampled_from([*sessions, case.path_parameters["session"]]))
    if case.path.endswith("/shell") and isinstance(case.body, dict) and isinstance(case.body.get("command"), str):
        case.body["command"] = "echo hello"  # what chance writes is not run
    key = scene.bob if case.path == "/v1/shutdown" else data.draw(st.sampled_from([scene.bob, scene.bob, scene.admin]))
    answer = case.call(
        base_url=scene.hub.url, headers={"Authorization": f"Bearer {key}"}, timeout=REQUEST_SECONDS,
    )  # fmt: skip
    check(case, answer)
    if key == scene.bob:
        assert SECRET.encode() not in answer.content, case.as_curl_command()


def check(case: Case, answer: Response) -> None:
    where = case.path.removeprefix("/v1/sessions/{session}/")
    passing = {503, 504} if where in NEEDS_HOST else set[int]()
    assert answer.status_code < 500 or answer.status_code in passing, (answer.status_code, case.as_curl_command())
    case.validate_response(answer, checks=CONFORMING)


@pytest.mark.timeout(110)
async def test_whatever_is_sent_answers_are_documented_and_nobody_elses() -> None:
    with no_surprise(), anyio.fail_after(100):
        async with scene() as made:
            assert await play(made, seed_of_this_run(), 4) > 300
            assert await request(made.hub, made.bob, "GET", "/v1/sessions")


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_it_stays_so_for_a_long_time() -> None:
    with no_surprise():
        async with scene() as made:
            assert await play(made, seed_of_this_run(), 100) > 3000
