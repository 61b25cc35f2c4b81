"""Status, bucket and flags over a whole life, as lists and details show them and as the published client reads them."""

from typing import Any, Final

import pytest
from msgspec import UNSET

from roost.core.decisions import HUB, Decision
from roost.core.session import Session
from roost.model import events as e
from roost.model.envelope import draft
from roost.model.keys import AddKey
from tests.api.coder.asking import ask, create
from tests.api.served import Served

pytestmark = pytest.mark.anyio
FLAGS: Final = (
    "status", "bucket", "runtimeAvailable", "controlAvailable", "wakeAvailable", "historyOnly", "liveExpected",
)  # fmt: skip
CREATING = ("creating", "provisioning", False, False, False, False, True)
LIVE = ("active", "running", True, True, False, False, True)
WATCHED = ("active", "running", True, False, False, False, True)
ASLEEP = ("paused", "paused", False, False, True, False, False)
WAKING = ("resuming", "paused", False, False, True, False, True)
FAILED = ("failed", "history", False, False, False, True, False)
ARCHIVED = ("archived", "history", False, False, False, True, False)
CONNECTABLE = frozenset((LIVE, WATCHED, ASLEEP, WAKING))
"""What the client offers to connect to."""


async def shown(hub: Served, session: Session, **options: Any) -> tuple[Any, ...]:
    """The flags of a session, the same in its detail and in the list of all."""
    detail = await ask(hub, "GET", f"/session/{session.id}", **options)
    listed = (await ask(hub, "GET", "/sessions", includeArchived="true", **options))["sessions"]["websocket"]
    (item,) = [entry for entry in listed if entry["sessionId"] == session.id]
    assert [item[name] for name in FLAGS] == [detail[name] for name in FLAGS]
    return tuple(item[name] for name in FLAGS)


def connectable(flags: tuple[Any, ...]) -> bool:
    """What the client keeps of a list: sessions that run, or sleep and can be had or woken; no history."""
    _, bucket, runtime, _, wake, history, _ = flags
    return not history and (bucket == "running" or (bucket == "paused" and (runtime or wake)))


async def commit(session: Session, *bodies: e.Body) -> None:
    await session.decide(lambda _: Decision([draft(body, by=HUB) for body in bodies]))


async def made(hub: Served, **body: Any) -> Session:
    return await hub.hub.find((await create(hub, **body))["sessionId"], HUB)


async def test_every_step_of_a_life_has_its_row(hub: Served) -> None:
    session = await made(hub)
    seen = [await shown(hub, session)]
    await hub.come(session)
    seen.append(await shown(hub, session))
    run = session.record_now.run
    assert run is not UNSET
    await hub.say(session, [draft(e.RunComplete(), run=run.run)])
    seen.append(await shown(hub, session))
    session.linked = False
    seen.append(await shown(hub, session))
    await commit(session, e.SessionPaused())
    seen.append(await shown(hub, session))
    assert await ask(hub, "POST", f"/session/{session.id}/resume") == {
        "sessionId": session.id, "status": "resuming", "resumed": True,
    }  # fmt: skip
    seen.append(await shown(hub, session))
    await hub.come(session)
    seen.append(await shown(hub, session))
    await ask(hub, "POST", f"/session/{session.id}/archive")
    seen.append(await shown(hub, session))
    await commit(session, e.SessionEnded())
    seen.append(await shown(hub, session))
    assert seen == [CREATING, LIVE, LIVE, WATCHED, ASLEEP, WAKING, LIVE, ARCHIVED, ARCHIVED]
    assert [connectable(flags) for flags in seen] == [flags in CONNECTABLE for flags in seen]
    await ask(hub, "DELETE", f"/session/{session.id}")
    for method, path in (("GET", ""), ("GET", "/replay"), ("POST", "/resume"), ("DELETE", "")):
        assert (await ask(hub, method, f"/session/{session.id}{path}", status=404))["code"] == "CODER_SESSION_NOT_FOUND"


async def test_what_could_never_start_is_history_and_says_why(hub: Served) -> None:
    session = await made(hub)
    run = session.record_now.run
    assert run is not UNSET
    broken = draft(e.RunError(error=e.Failure(code="start_failed", message="no such program")), run=run.run, by=HUB)
    failed = draft(e.SessionFailed(error=e.Failure(code="start_failed", message="no such program")), by=HUB)
    await session.decide(lambda _: Decision([broken, failed]))
    assert await shown(hub, session) == FAILED
    told = await ask(hub, "GET", f"/session/{session.id}")
    assert told["error"] == {"code": "start_failed", "message": "no such program"}
    assert (await ask(hub, "POST", f"/session/{session.id}/resume", status=410))["code"] == "CODER_SESSION_ARCHIVED"


async def test_who_slept_for_too_long_is_history_that_is_not_woken(hub: Served) -> None:
    session = await made(hub, timeout={"paused": "1ms"})
    await commit(session, e.RuntimeReady(epoch=1))
    run = session.record_now.run
    assert run is not UNSET
    await hub.say(session, [draft(e.RunComplete(), run=run.run)])
    await commit(session, e.SessionPaused())
    while (await ask(hub, "GET", f"/session/{session.id}"))["status"] == "paused":
        continue
    assert await shown(hub, session) == ARCHIVED
    assert (await ask(hub, "POST", f"/session/{session.id}/resume", status=410))["code"] == "CODER_SESSION_ARCHIVED"
    assert await shown(hub, session) == ARCHIVED
    hidden = (await ask(hub, "GET", "/sessions"))["sessions"]["websocket"]
    assert session.id not in [item["sessionId"] for item in hidden]


async def test_whoever_may_only_watch_has_no_control(hub: Served) -> None:
    secret = (await hub.hub.keys.add(AddKey(user="owner", scope="observer"), HUB)).secret
    colleague = (await hub.hub.keys.add(AddKey(user="bert"), HUB)).secret
    session = await made(hub, visibility="organization")
    await hub.come(session)
    assert await shown(hub, session) == LIVE
    for key in (secret, colleague):
        async with hub.client(Authorization=f"Bearer {key}") as http:
            assert await shown(hub, session, http=http) == WATCHED
            assert (await ask(hub, "POST", f"/session/{session.id}/archive", status=403, http=http))["error"]
