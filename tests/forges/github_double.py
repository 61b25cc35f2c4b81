"""GitHub as far as we ask it, on a port of this machine: it wants a sign-in, pages its lists, and can fail."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import jwt
import uvicorn
from anyio.abc import TaskStatus
from msgspec.json import encode

TOKEN = "ghp_good"
INSTALLED = "ghs_installed"
ME = {"id": 7, "login": "anna", "type": "User", "avatar_url": "https://a.test/7"}
ORG = {"id": 8, "login": "acme", "avatar_url": None}


def repository(number: int, owner: dict[str, Any] = ORG, **more: Any) -> dict[str, Any]:
    name = f"repo-{number:03}"
    at = f"{owner['login']}/{name}"
    return {
        "id": number, "name": name, "full_name": at, "clone_url": f"https://g.test/{at}.git",
        "html_url": f"https://g.test/{at}", "owner": owner, "private": True, "archived": False, "disabled": False,
        "default_branch": "main", "visibility": "private", "more": {"than": "we read"},
    } | more  # fmt: skip


class GitHubDouble:
    """`asked`: paths, with their queries. `broken`: the status that everything is answered with. `may_see_orgs`: else
    the token is for some repositories alone. `public_key`: of the app."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []
        self.broken: int | None = None
        self.garbage = False
        self.may_see_orgs = True
        self.public_key = ""
        self.repositories = [repository(number) for number in range(250)]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"].removeprefix("/api/v3")
        query = dict(pair.split("=") for pair in scope["query_string"].decode().split("&") if pair)
        self.asked.append(path)
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        status, body = self._answer(scope["method"], path, query, headers.get("authorization", ""))
        start = {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]}
        await send(start)
        await send({"type": "http.response.body", "body": b"<html>" if self.garbage else encode(body)})

    def _answer(self, method: str, path: str, query: dict[str, str], sign_in: str) -> tuple[int, Any]:
        if self.broken:
            return self.broken, {"message": "broken"}
        answers: dict[tuple[str, str], Callable[[], Any]] = {
            ("token", "/user"): lambda: ME,
            ("token", "/user/orgs"): lambda: [ORG],
            ("token", "/user/repos"): lambda: self._page([repository(1, ME)], query),
            ("token", "/orgs/acme/repos"): lambda: self._page(self.repositories, query),
            ("app", "/app/installations"): lambda: [{"id": 42, "account": ORG | {"type": "Organization"}}],
            ("app", "/app/installations/42/access_tokens"): lambda: {
                "token": INSTALLED, "expires_at": "2099-01-01T00:00:00Z", "permissions": {},
            },
            ("installed", "/installation/repositories"): lambda: {
                "total_count": len(self.repositories), "repositories": self._page(self.repositories, query),
            },
        }  # fmt: skip
        who = self._who(sign_in)
        if who is None:
            return 401, {"message": "Bad credentials"}
        if path == "/user/orgs" and not self.may_see_orgs:
            return 403, {"message": "Resource not accessible"}
        answer = answers.get((who, path))
        return (404, {"message": "Not Found"}) if answer is None else (201 if method == "POST" else 200, answer())

    def _who(self, sign_in: str) -> str | None:
        _, _, secret = sign_in.partition(" ")
        if secret in (TOKEN, INSTALLED):
            return "token" if secret == TOKEN else "installed"
        try:
            return "app" if jwt.decode(secret, self.public_key, algorithms=["RS256"])["iss"] == "12" else None
        except jwt.InvalidTokenError:
            return None

    def _page(self, items: list[Any], query: dict[str, str]) -> list[Any]:
        size, number = int(query["per_page"]), int(query["page"])
        return items[(number - 1) * size : number * size]


@asynccontextmanager
async def github_double() -> AsyncGenerator[GitHubDouble]:
    double = GitHubDouble()
    config = uvicorn.Config(double, host="127.0.0.1", port=0, log_config=None, lifespan="off")
    server = uvicorn.Server(config)

    async def serve(*, task_status: TaskStatus[int] = anyio.TASK_STATUS_IGNORED) -> None:
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup()
        task_status.started(server.servers[0].sockets[0].getsockname()[1])
        await server.main_loop()
        await server.shutdown()

    async with anyio.create_task_group() as tasks:
        port = await tasks.start(serve)
        double.url = f"http://127.0.0.1:{port}/api/v3"
        yield double
        server.should_exit = True
