"""Asking a hub over the Coder wire."""

from typing import Any

import httpx

from tests.api.served import Served

JSON = {"Content-Type": "application/json"}
"""The client sends it also where it sends no body."""


async def ask(
    hub: Served, method: str, path: str, body: Any = None, *, status: int | None = None,
    http: httpx.AsyncClient | None = None, **params: Any,
) -> Any:  # fmt: skip
    """The answer below `/api/hub`; any 2xx is good unless a `status` is wanted."""
    content = {} if body is None else {"json": body}
    answer = await (http or hub.http).request(method, f"/api/hub{path}", params=params, headers=JSON, **content)
    good = answer.is_success if status is None else answer.status_code == status
    assert good, (answer.status_code, answer.text)
    assert answer.headers["content-type"].startswith("application/json")
    return answer.json()


async def create(hub: Served, **body: Any) -> Any:
    return await ask(hub, "POST", "/session", {"task": "hello"} | body, status=201)
