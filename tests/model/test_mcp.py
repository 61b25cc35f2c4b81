"""Servers of tools: what may be said of them, and what is not."""

import msgspec
import pytest
from msgspec.structs import replace

from roost.model.commands import McpRequest
from roost.model.errors import InvalidBody
from roost.model.mcp import MARK, MAX_SERVERS, check_servers, split_secrets, whole, without_secrets
from roost.model.values import McpServer

LOCAL = McpServer(name="files", command="files-server", args=("-v",), env={"TOKEN": "s3cret", "HOME": "/x"})
AWAY = McpServer(name="docs", type="http", url="https://example.org/mcp?key=k3y", headers={"Authorization": "Bearer b"})


def test_secrets_are_taken_out_and_put_back_and_what_is_logged_has_none_of_them() -> None:
    seen, secrets = split_secrets((LOCAL, AWAY))
    shown = msgspec.json.encode(seen).decode()
    assert not [secret for secret in ("s3cret", "/x", "k3y", "Bearer b") if secret in shown]
    assert seen[0].env == {"TOKEN": "***", "HOME": "***"}
    assert (seen[1].url, seen[1].headers) == ("https://example.org/mcp?***", {"Authorization": "***"})
    assert whole(seen, {"PATH": "/bin", **secrets}) == (LOCAL, AWAY)
    assert without_secrets({"PATH": "/bin", **secrets}) == {"PATH": "/bin"}
    assert all(name.startswith(MARK) for name in secrets)


def test_a_server_without_secrets_has_nothing_to_hide() -> None:
    plain = {"name": "x", "type": "sse", "url": "http://127.0.0.1:9/sse"}
    asked = msgspec.convert(plain, McpRequest)
    assert split_secrets((asked,)) == ((msgspec.convert(plain, McpServer),), {})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"name": "a b"}, "a name has"),
        ({"name": "x" * 65}, "a name has"),
        ({"name": "roost"}, "taken"),
        ({"command": msgspec.UNSET}, "has a `command`"),
        ({"url": "https://example.org"}, "neither `url`"),
        ({"type": "http"}, "no command"),
        ({"env": {"A=B": "1"}}, "names of variables"),
        ({"args": ("a\0b",)}, "NUL"),
    ],
)
def test_a_server_that_makes_no_sense_is_refused_with_what_is_wrong(change: dict[str, object], why: str) -> None:
    with pytest.raises(InvalidBody, match=why):
        check_servers((replace(LOCAL, **change),))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"url": "ftp://example.org"}, "begins with http"),
        ({"url": "https:///mcp"}, "begins with http"),
        ({"url": "https://u:p@example.org"}, "no password"),
        ({"headers": {"a b": "1"}}, "not a header"),
        ({"headers": {"a": "1\r\nb: 2"}}, "not a header"),
    ],
)
def test_an_address_is_plain_and_its_headers_are_headers(change: dict[str, object], why: str) -> None:
    with pytest.raises(InvalidBody, match=why):
        check_servers((replace(AWAY, **change),))  # pyright: ignore[reportArgumentType]


def test_there_are_so_many_servers_and_no_two_of_a_name() -> None:
    many = tuple(replace(LOCAL, name=f"s{number}") for number in range(MAX_SERVERS))
    check_servers(many)
    with pytest.raises(InvalidBody, match="at most"):
        check_servers((*many, LOCAL))
    with pytest.raises(InvalidBody, match="of its own"):
        check_servers((LOCAL, LOCAL))
