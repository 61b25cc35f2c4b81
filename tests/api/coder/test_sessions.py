"""Sessions over the Coder wire: made, listed, read, changed, archived, woken, deleted."""

import pytest

from tests.api.coder.asking import ask, create
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
