"""Who may knock: Host, Origin and keys as tables of cases."""

import pytest

from roost.api.admission import Authority, authority, check_host, check_origin, key_of
from roost.model.errors import HostRefused, OriginRefused

Headers = list[tuple[bytes, bytes]]


def scope(*headers: tuple[str, str], query: str = "") -> dict[str, object]:
    return {
        "headers": [(name.encode(), value.encode()) for name, value in headers],
        "query_string": query.encode(),
    }


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("localhost", Authority("localhost", None)),
        ("LOCALHOST:7878", Authority("localhost", 7878)),
        ("127.0.0.1:1", Authority("127.0.0.1", 1)),
        ("[::1]", Authority("::1", None)),
        ("[0:0:0:0:0:0:0:1]:80", Authority("::1", 80)),
        ("roost.example.com", Authority("roost.example.com", None)),
        ("", None),
        (":80", None),
        ("a:", None),
        ("a:b", None),
        ("a:99999", None),
        ("a:80:90", None),
        ("::1", None),
        ("[::1", None),
        ("[::1]x", None),
        ("[localhost]", None),
        ("[1.2.3.4]", None),
        ("user@a", None),
        ("a/b", None),
        ("a?b", None),
        ("a b", None),
        ("a,b", None),
        ("a\n", None),
        ("bücher", None),
    ],
)
def test_an_authority_is_a_name_and_a_port_or_nothing(text: str, meant: Authority | None) -> None:
    assert authority(text) == meant


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:7878",
        "LocalHost:1",
        "127.0.0.1",
        "127.0.0.1:7878",
        "127.8.9.10",
        "[::1]:7878",
        "[0::1]",
        "10.0.0.7:7878",
        "roost.example.com",
        "Roost.Example.com:443",
        "only.example.com:8443",
        "[fd00::2]:1",
        "[fd00::3]:1",
    ],
)
def test_loopback_the_bind_address_and_allowed_hosts_are_served(host: str) -> None:
    allowed = ["roost.example.com", "only.example.com:8443", "fd00::2", "[fd00::3]"]
    assert check_host(scope(("host", host)), "10.0.0.7", allowed) == authority(host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:7878",
        "localhost.evil.example",
        "localhost.",
        "127.0.0.1.evil.example",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0.0.0.0",
        "10.0.0.8",
        "[::2]",
        "[::ffff:127.0.0.1]",
        "only.example.com",
        "only.example.com:443",
        "user@localhost",
        "localhost/",
        "",
    ],
)
def test_every_other_host_is_refused(host: str) -> None:
    with pytest.raises(HostRefused):
        check_host(scope(("host", host)), "10.0.0.7", ["only.example.com:8443"])


def test_a_request_without_host_or_with_two_is_refused() -> None:
    with pytest.raises(HostRefused):
        check_host(scope(), "127.0.0.1", [])
    with pytest.raises(HostRefused):
        check_host(scope(("host", "localhost"), ("host", "localhost")), "127.0.0.1", [])


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:7878", "http://localhost:7878"),
        ("LOCALHOST:7878", "http://LocalHost:7878"),
        ("[::1]:7878", "http://[0::1]:7878"),
        ("roost.example.com", "https://roost.example.com"),
        ("roost.example.com", "http://roost.example.com"),
        ("roost.example.com:443", "https://roost.example.com"),
        ("roost.example.com", "https://roost.example.com:443"),
        ("localhost:7878", "https://app.example.com"),
        ("localhost:7878", "https://app.example.com:443"),
        ("localhost:7878", "http://dev.example.com:3000"),
    ],
)
def test_the_hubs_own_origin_and_allowed_ones_are_trusted(host: str, origin: str) -> None:
    allowed = ["https://APP.example.com/", "http://dev.example.com:3000"]
    named = authority(host)
    assert named is not None
    check_origin(scope(("origin", origin)), named, allowed)


def test_a_request_without_origin_is_not_a_browsers_and_passes() -> None:
    check_origin(scope(), Authority("localhost", 7878), [])


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://evil.example",
        "http://localhost",
        "http://localhost:3000",
        "http://127.0.0.1:7878",
        "https://localhost:7879",
        "http://localhost:7878.evil.example",
        "http://localhost:7878@evil.example",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://sub.app.example.com",
        "file://localhost:7878",
        "localhost:7878",
    ],
)
def test_every_other_origin_is_refused(origin: str) -> None:
    with pytest.raises(OriginRefused):
        check_origin(scope(("origin", origin)), Authority("localhost", 7878), ["https://app.example.com", "null"])


def test_two_origins_are_refused() -> None:
    twice = scope(("origin", "http://localhost:7878"), ("origin", "http://localhost:7878"))
    with pytest.raises(OriginRefused):
        check_origin(twice, Authority("localhost", 7878), [])


@pytest.mark.parametrize(
    ("headers", "query", "in_query", "key"),
    [
        ([("authorization", "Bearer agc_1")], "", False, "agc_1"),
        ([("authorization", "bearer  agc_1 ")], "", False, "agc_1"),
        ([("x-roost-key", "agc_2")], "", False, "agc_2"),
        ([("authorization", "Bearer agc_1"), ("x-roost-key", "agc_2")], "key=agc_3", True, "agc_1"),
        ([("authorization", "Basic agc_1")], "", False, None),
        ([], "key=agc_3", True, "agc_3"),
        ([], "key=agc_3", False, None),
        ([], "", True, None),
    ],
)
def test_the_key_is_taken_from_headers_and_for_streams_from_the_query(
    headers: list[tuple[str, str]], query: str, in_query: bool, key: str | None
) -> None:
    assert key_of(scope(*headers, query=query), in_query=in_query) == key
