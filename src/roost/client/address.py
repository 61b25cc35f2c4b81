"""Where the hub is, and which key opens it: arguments, environment, or what a hub wrote into its data folder.

A hub that starts again may listen on another port, so the data folder is read anew whenever the hub is lost.
"""

import os
from ipaddress import ip_address
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from roost.model.errors import HubUnreachable

DEFAULT_DATA = "~/.local/share/roost"
"""The data folder of a hub that was told nothing else."""


class HubFile(Struct, frozen=True):
    """DATA/hub.json, written by a hub once it listens."""

    url: str
    pid: int = 0

    @property
    def alive(self) -> bool:
        """Whether the hub that wrote this may still run. Who listens on a dead hub's port must not be sent a key."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        try:
            state = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
        except OSError:
            return True  # no /proc here
        return state.split()[0] not in "ZX"  # dead, and not yet taken note of by its parent


class Address(Struct, frozen=True):
    """One answer to "where is it": `api_key` is None where no key was found; the hub will then refuse."""

    url: str
    api_key: str | None = None


class Finder(Struct, frozen=True, kw_only=True):
    """How to find a hub: a fixed `url`, or the `data` folder of one on this machine."""

    url: str | None
    data: Path
    api_key: str | None = None

    @classmethod
    def of(cls, url: str | None = None, api_key: str | None = None, data: str | os.PathLike[str] | None = None) -> Self:
        """Arguments first, then `ROOST_URL`, `ROOST_API_KEY` and `ROOST_DATA`, then the default data folder. Naming a
        data folder means the hub of that folder, whatever the environment says."""
        if data is None:
            url = url or os.environ.get("ROOST_URL") or None
            api_key = api_key or os.environ.get("ROOST_API_KEY") or None
        folder = Path(data or os.environ.get("ROOST_DATA") or DEFAULT_DATA).expanduser()
        return cls(url=url.rstrip("/") if url else None, data=folder, api_key=api_key)

    def find(self) -> Address:
        """Raises: HubUnreachable: the data folder names no hub, or one that was killed."""
        if self.url:
            return Address(self.url, self.api_key or (self._local_key() if is_loopback(self.url) else None))
        hub = self.hub_file()
        if not hub.alive:
            raise HubUnreachable(f"The hub of {self.data} was killed (process {hub.pid}).", data=str(self.data))
        return Address(hub.url.rstrip("/"), self.api_key or self._local_key())

    def hub_file(self) -> HubFile:
        """Raises: HubUnreachable: there is none, or it cannot be read."""
        path = self.data / "hub.json"
        try:
            return msgspec.json.decode(path.read_bytes(), type=HubFile)
        except FileNotFoundError:
            raise HubUnreachable(f"No hub runs on {self.data}.", data=str(self.data)) from None
        except (OSError, msgspec.MsgspecError) as error:
            raise HubUnreachable(f"{path} cannot be read: {error}", data=str(self.data)) from None

    def _local_key(self) -> str | None:
        try:
            return (self.data / "api_key").read_text(encoding="utf-8").strip() or None
        except OSError:
            return None


def is_loopback(url: str) -> bool:
    """Whether the URL names this machine. Only there is the key of the data folder sent without being asked for."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
