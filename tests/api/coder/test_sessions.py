"""Sessions over the Coder wire: made, listed, read, changed, archived, woken, deleted."""

from typing import Any

import pytest

from roost.core.decisions import HUB
from roost.core.founding import LABEL_CHARS
from roost.model.commands import MAX_LABEL_CHARS, MAX_METADATA_BYTES
from tests.api.coder.asking import JSON, ask, create
from tests.api.served import Served

pytestmark = pytest.mark.anyio


async def test_a_session_is_created_read_listed_archived_and_deleted(hub: Served) -> None:
    made = await create(hub, task="say hello", tags=["a"], metadata={"app": {"id": 7}})
    assert (made["status"], made["mode"], made["visibility"]) == ("creating", "sandbox", "private")
    path = f"/session/{made['sessionId']}"
    told = await ask(hub, "GET", path)
    assert (told["label"], told["task"], told["tags"]) == ("say hello", "say hello", ["a"])
    assert told["metadata"] == {"app": {"id": 7}}
    listed = await ask(hub, "GET", "/sessions")
    (item,) = [entry for entry in listed["sessions"]["websocket"] if entry["sessionId"] == made["sessionId"]]
    assert listed["sessions"]["sandbox"] == []
    assert "task" not in item and "metadata" not in item and "env" not in item
    assert {name: told[name] for name in item} == item
    assert (await ask(hub, "POST", f"{path}/archive")) == {"sessionId": made["sessionId"], "status": "archived"}
    assert (await ask(hub, "DELETE", path)) == {"sessionId": made["sessionId"], "status": "deleted"}
    assert (await ask(hub, "GET", path, status=404))["code"] == "CODER_SESSION_NOT_FOUND"


async def labels(hub: Served, **params: Any) -> list[str]:
    return [item["label"] for item in (await ask(hub, "GET", "/sessions", **params))["sessions"]["websocket"]]


async def test_lists_search_page_and_count_what_may_be_seen(hub: Served) -> None:
    word = "50%_off"
    made = [await create(hub, label=f"{word} {n}") for n in range(3)]
    made.append(await create(hub, task=f"sell it {word.upper()}", label="by its task"))
    made.append(await create(hub, metadata={"note": [{"deep": word}]}, label="by its metadata"))
    await create(hub, label="50x_off 9")
    newest_first = ["by its metadata", "by its task", *(f"{word} {n}" for n in (2, 1, 0))]
    assert await labels(hub, search=word) == newest_first
    pages = [await labels(hub, search=word, limit=2, offset=at) for at in (0, 2, 4, 6)]
    assert [label for page in pages for label in page] == newest_first
    assert pages[-1] == []
    page = await ask(hub, "GET", "/sessions", search=word, limit=2)
    assert (page["total"], len(page["sessions"]["websocket"])) == (5, 2)
    await ask(hub, "POST", f"/session/{made[0]['sessionId']}/archive")
    assert f"{word} 0" not in await labels(hub, search=word)
    assert await labels(hub, search=word, includeArchived="false") == newest_first[:-1]
    assert await labels(hub, search=word, includeArchived="true") == newest_first


async def test_a_list_without_a_limit_has_no_end(hub: Served) -> None:
    for _ in range(60):
        await create(hub, label="one of many")
    assert len(await labels(hub, search="one of many")) == 60


async def test_a_label_is_made_from_the_task_unless_one_is_given(hub: Served) -> None:
    async def label(**body: Any) -> str:
        made = await create(hub, **body)
        told: str = (await ask(hub, "GET", f"/session/{made['sessionId']}"))["label"]
        assert told == made["label"]
        return told

    assert await label(task="  fix\nthe   build ") == "fix the build"
    long = await label(task="word " * 100)
    assert len(long) <= LABEL_CHARS and long.endswith("…") and ("word " * 100).startswith(long[:-1])
    assert await label(task="fix it", label="  ") == "fix it"
    assert await label(task="fix it", label="My session") == "My session"


async def test_env_reaches_the_agent_and_is_served_nowhere(hub: Served) -> None:
    made = await create(hub, env={"TOKEN": "sesame-seed-oil"})
    path = f"/session/{made['sessionId']}"
    for answer in [await ask(hub, "GET", p) for p in (path, f"{path}/replay", "/sessions")]:
        assert "sesame" not in str(answer)
    session = await hub.hub.find(made["sessionId"], HUB)
    assert session.env == {"TOKEN": "sesame-seed-oil"}


async def test_what_is_present_changes_and_metadata_is_merged(hub: Served) -> None:
    made = await create(hub, label="before", tags=["a"], metadata={"kept": 1, "changed": "old"})
    path = f"/session/{made['sessionId']}"
    body = {"metadata": {"changed": "new", "added": "x"}, "env": {"A": "1"}, "unheardOf": True}
    told = await ask(hub, "PATCH", path, body)
    assert told["metadata"] == {"kept": 1, "changed": "new", "added": "x"}
    assert (told["label"], told["tags"], told["visibility"]) == ("before", ["a"], "private")
    told = await ask(hub, "PATCH", path, {"label": "after", "tags": [], "visibility": "organization"})
    assert (told["label"], told["tags"], told["visibility"]) == ("after", [], "organization")
    detail = await ask(hub, "GET", path)
    assert {name: detail[name] for name in told} == told
    assert await ask(hub, "PATCH", path, {}) == told
    await ask(hub, "PATCH", path, {"label": "x" * (MAX_LABEL_CHARS + 1)}, status=400)
    await ask(hub, "PATCH", path, {"metadata": {"large": "x" * MAX_METADATA_BYTES}}, status=413)
    await ask(hub, "POST", f"{path}/archive")
    assert (await ask(hub, "PATCH", path, {"label": "history"}))["label"] == "history"


async def test_a_call_that_is_repeated_is_a_success(hub: Served) -> None:
    path = f"/session/{(await create(hub))['sessionId']}"
    for _ in range(2):
        assert (await ask(hub, "POST", f"{path}/resume"))["resumed"] is True
    for _ in range(2):
        assert (await ask(hub, "POST", f"{path}/archive"))["status"] == "archived"
    assert (await ask(hub, "POST", f"{path}/resume", status=410))["code"] == "CODER_SESSION_ARCHIVED"


async def test_a_deleted_session_leaves_a_folder_with_unsaved_work(hub: Served) -> None:
    paths = [f"/session/{(await create(hub))['sessionId']}" for _ in range(2)]
    removed = hub.workspaces.removed
    before = len(removed)
    hub.workspaces.unsaved = True
    try:
        await ask(hub, "DELETE", paths[0])
    finally:
        hub.workspaces.unsaved = False
    assert len(removed) == before
    await ask(hub, "GET", paths[0], status=404)
    await ask(hub, "DELETE", paths[1])
    assert len(removed) == before + 1


async def test_the_same_idempotency_key_makes_one_session(hub: Served) -> None:
    headers = JSON | {"Idempotency-Key": "once"}
    made = [await hub.http.post("/api/hub/session", json={"task": "once"}, headers=headers) for _ in range(2)]
    assert made[0].json()["sessionId"] == made[1].json()["sessionId"]
