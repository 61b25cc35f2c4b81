"""Who may see and do what over the Coder wire: every pair of principals on every route of a session."""

import re
from typing import Any, Final

import httpx
import pytest

from roost.api.coder.routes import ROUTES
from roost.api.routing import paths_of
from tests.api.coder.asking import JSON
from tests.api.served import Served
from tests.api.test_people import VISIBILITIES, annas, everybody, expected

pytestmark = pytest.mark.anyio
STREAM: Final = ("GET", "/api/hub/session/{session}/events")
OF_SESSIONS: Final = [*(route for route in map(paths_of, ROUTES) if "{session}" in route[1]), STREAM]
GONE: Final = ("DELETE", "/api/hub/session/{session}")


async def refused(http: httpx.AsyncClient, method: str, path: str) -> str | None:
    """Our code of the refusal, if it is one of those that say "not you"."""
    content = None if method == "GET" else b"{"
    async with http.stream(method, path, headers=JSON, content=content) as answer:
        if answer.status_code not in (403, 404):
            return None
        await answer.aread()
        code: str = answer.json()["details"]["code"]
    return code if code in ("session_not_found", "forbidden") else None


@pytest.mark.parametrize("visibility", VISIBILITIES)
async def test_every_route_lets_through_whom_it_may_and_nobody_else(hub: Served, visibility: str) -> None:
    wrong: list[Any] = []
    async with everybody(hub) as clients:
        session = await annas(hub, clients["owner"], visibility)
        for name, http in clients.items():
            for method, path in OF_SESSIONS:
                as_in_v1 = (method, path.replace("/api/hub/session/", "/v1/sessions/"))
                wanted = expected(name, visibility, *as_in_v1)
                if (method, path) == GONE and wanted is None:
                    continue  # it would be gone
                told = await refused(http, method, re.sub(r"\{\w+\}", "x", path.replace("{session}", session.id)))
                if told != wanted:
                    wrong.append((name, method, path, told, wanted))
    assert wrong == []


async def test_lists_show_what_may_be_seen_with_totals_of_that(hub: Served) -> None:
    async with everybody(hub) as clients:
        mine = {(await annas(hub, clients["owner"], visibility)).id: visibility for visibility in VISIBILITIES}
        for name, http in clients.items():
            listed = (await http.get("/api/hub/sessions?includeArchived=true&search=anna")).json()
            seen = {item["sessionId"] for item in listed["sessions"]["websocket"]}
            may = {session for session, visibility in mine.items() if expected(name, visibility, "GET", "") is None}
            assert seen & mine.keys() == may, name
            assert listed["total"] == len(listed["sessions"]["websocket"])
