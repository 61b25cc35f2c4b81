"""The servers of tools that a session was given, and what of them is secret.

What a session was given is logged, shown and served; a token never is. The hub takes values of `env` and `headers`, and
addresses with a query, out of the servers, and keeps them in the session's `env`, which is write-only, a name for each;
its host puts them back (`whole`) and gives them to no other process (`without_secrets`). Pure.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec import UNSET
from msgspec.structs import asdict, replace

from roost.model.errors import InvalidBody
from roost.model.values import McpServer

MARK: Final = "ROOST_MCP/"
"""Begins the names in a session's `env`: SERVER/env/NAME, SERVER/headers/NAME, SERVER/url."""
MASK: Final = "***"
MAX_SERVERS: Final = 50
OWN: Final = "roost"
"""What Roost's own server of tools is called."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def check_servers(servers: Sequence[McpServer]) -> None:
    """Raises: InvalidBody."""
    if len(servers) > MAX_SERVERS:
        raise InvalidBody(f"mcp: at most {MAX_SERVERS} servers")
    names = [server.name for server in servers]
    if len(set(names)) < len(names) or OWN in names:
        raise InvalidBody(f"mcp: each server has a name of its own, and `{OWN}` is taken")
    for server in servers:
        _check(server)


def _check(server: McpServer) -> None:
    where = f"mcp: {server.name[:64]!r}"
    if not _NAME.fullmatch(server.name):
        raise InvalidBody(f"{where}: a name has 1 to 64 letters, digits, `-`, `_` and `.`")
    if server.type == "stdio":
        if not server.command or server.url is not UNSET or server.headers:
            raise InvalidBody(f"{where}: a server of type `stdio` has a `command`, and neither `url` nor `headers`")
    elif server.url is UNSET or server.command is not UNSET or server.args or server.env:
        raise InvalidBody(f"{where}: a server of type `{server.type}` has a `url`, and no command, args or env")
    else:
        _check_url(where, server.url)
    texts = (*server.args, *server.env, *server.env.values(), *server.headers.values(), server.command or "")
    if any("\0" in text for text in texts) or any("=" in name or not name for name in server.env):
        raise InvalidBody(f"{where}: names of variables hold no `=`, and nothing holds a NUL")
    if any(not _HEADER.fullmatch(name) for name in server.headers) or any(
        "\r" in value or "\n" in value for value in server.headers.values()
    ):
        raise InvalidBody(f"{where}: not a header")


def _check_url(where: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        known, parts = False, urlsplit("")
    if not known or not url.isprintable():
        raise InvalidBody(f"{where}: `url` begins with http:// or https://")
    if "@" in parts.netloc:
        raise InvalidBody(f"{where}: no password in a `url`: give it in `headers`")


def split_secrets(servers: Sequence[McpServer]) -> tuple[tuple[McpServer, ...], dict[str, str]]:
    """The servers as they may be seen, and what has to be hidden, for the session's `env`."""
    secrets: dict[str, str] = {}
    for server in servers:
        for field in ("env", "headers"):
            given: dict[str, str] = getattr(server, field)
            secrets |= {f"{MARK}{server.name}/{field}/{name}": value for name, value in given.items()}
        if server.url is not UNSET and "?" in server.url:
            secrets[f"{MARK}{server.name}/url"] = server.url
    return tuple(map(masked, servers)), secrets


def masked(server: McpServer) -> McpServer:
    """As it may be seen."""
    url = server.url if server.url is UNSET or "?" not in server.url else f"{server.url.partition('?')[0]}?{MASK}"
    shown = {"env": dict.fromkeys(server.env, MASK), "headers": dict.fromkeys(server.headers, MASK), "url": url}
    plain: dict[str, Any] = asdict(server) | shown
    return McpServer(**plain)


def whole(servers: Sequence[McpServer], env: Mapping[str, str]) -> tuple[McpServer, ...]:
    """The servers with their secrets again, from the session's `env`."""

    def fill(server: McpServer) -> McpServer:
        def found(field: str, names: Mapping[str, str]) -> dict[str, str]:
            return {name: env.get(f"{MARK}{server.name}/{field}/{name}", "") for name in names}

        url = env.get(f"{MARK}{server.name}/url", server.url)
        return replace(server, env=found("env", server.env), headers=found("headers", server.headers), url=url)

    return tuple(map(fill, servers))


def without_secrets(env: Mapping[str, str]) -> dict[str, str]:
    """The environment as any process may have it."""
    return {name: value for name, value in env.items() if not name.startswith(MARK)}
