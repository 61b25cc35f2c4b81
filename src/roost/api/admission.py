"""Who may knock, and when: the Host and Origin of a request, and the key it carries, by its headers alone; and whether
the hub takes anybody in now.

Host is checked against DNS rebinding, where a foreign name is made to point here; Origin against pages of other sites
that use a visitor's browser. A Host names no port that matters: ports may be forwarded, names may not.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address
from typing import Final, NamedTuple

from roost.api.asgi import Scope, header_of, headers_of, query_of
from roost.core.hub import Hub
from roost.model.errors import HostRefused, HubStopping, OriginRefused, Unavailable

DEFAULT_PORTS: Final[dict[str, int]] = {"http": 80, "https": 443}
_AUTHORITY: Final = re.compile(r"(?:(?P<name>[A-Za-z0-9._-]+)|\[(?P<v6>[0-9A-Fa-f:.]+)\])(?::(?P<port>[0-9]{1,5}))?")


class Authority(NamedTuple):
    """A name, lower case (an address in its shortest form), and the port if one was given."""

    name: str
    port: int | None


def authority(text: str) -> Authority | None:
    """`name`, `name:port`, `[v6]`, `[v6]:port`; None for anything else."""
    found = _AUTHORITY.fullmatch(text)
    if found is None:
        return None
    name, v6, port = found.group("name", "v6", "port")
    if port is not None and int(port) > 65535:
        return None
    try:
        return Authority(str(IPv6Address(v6)) if v6 else name.lower(), int(port) if port else None)
    except ValueError:
        return None


def check_up(hub: Hub) -> None:
    """Raises: HubStopping; Unavailable: it has not yet taken up its sessions."""
    if hub.stopping.is_set():
        raise HubStopping
    if not hub.ready:
        raise Unavailable("The hub is taking up its sessions; try again in a moment.")


def check_host(scope: Scope, bound: str, allowed: Sequence[str]) -> Authority:
    """The Host of this request: loopback, the address the hub is bound to, or an allowed one (with a port: only there).

    Raises: HostRefused: another one, several, or none.
    """
    given = headers_of(scope, b"host")
    host = authority(given[0].decode("latin-1")) if len(given) == 1 else None
    if host is None:
        raise HostRefused("the request names no host, or more than one")
    if _is_loopback(host.name) or host.name == _plain(bound):
        return host
    for entry in allowed:
        wanted = authority(entry) or authority(f"[{entry}]")  # an IPv6 address may be listed bare
        if wanted and wanted.name == host.name and wanted.port in (None, host.port):
            return host
    raise HostRefused(f"this hub does not serve {host.name}; add it to allowed_hosts if it should")


def check_origin(scope: Scope, host: Authority, allowed: Sequence[str]) -> None:
    """No Origin, the hub's own (it names what Host names), or an allowed one.

    Raises: OriginRefused: another one, several, or `null`.
    """
    given = headers_of(scope, b"origin")
    if not given:
        return
    origin = _origin(given[0].decode("latin-1")) if len(given) == 1 else None
    if origin is None:
        raise OriginRefused
    scheme, name, port = origin
    if name == host.name and port == (host.port or DEFAULT_PORTS[scheme]):
        return
    if origin not in [_origin(entry.rstrip("/")) for entry in allowed]:
        raise OriginRefused(f"this hub does not trust {scheme}://{name}:{port}; add it to allowed_origins if it should")


def key_of(scope: Scope, *, in_query: bool) -> str | None:
    """The API key: a bearer token, `x-roost-key`, or (`in_query`, for event streams) `?key=`."""
    scheme, _, token = (header_of(scope, b"authorization") or "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return header_of(scope, b"x-roost-key") or (query_of(scope, "key") if in_query else None)


def _origin(text: str) -> tuple[str, str, int] | None:
    scheme, _, rest = text.partition("://")
    scheme = scheme.lower()
    named = authority(rest)
    if scheme not in DEFAULT_PORTS or named is None:
        return None
    return scheme, named.name, named.port or DEFAULT_PORTS[scheme]


def _plain(name: str) -> str:
    try:
        return str(ip_address(name))
    except ValueError:
        return name.lower()


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    return address.is_loopback and getattr(address, "ipv4_mapped", None) is None  # Python 3.13 calls those loopback too
