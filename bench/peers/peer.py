"""What the harness asks of every server it measures, Roost among them, and the words in which the answers come."""

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol

import httpx
from msgspec import Struct

from bench.peers.watch import Block

PATIENCE_SECONDS: Final = 60.0
SOON_SECONDS: Final = 1.0


class NotHere(Exception):
    """A server cannot be measured on this machine; the message says what was tried, and what came of it."""


class About(Struct, frozen=True, kw_only=True):
    """What the page says of a server beside its numbers: in a few words, and of the version that is pinned."""

    title: str
    agent: str
    """Who works in its sessions."""
    stream: str
    """How somebody observes, and by what a stream is taken up again."""
    event: str
    """What one event is."""
    keeps: str
    """What is on the disk, and from when on."""
    first: str
    """What the first event is that a newcomer gets."""


class Place(Struct, frozen=True, kw_only=True):
    """Of one server. `folder` is its own, on a disk; `model`: the address of the model that counts."""

    folder: Path
    port: int
    model: str


class Launch(Struct, frozen=True, kw_only=True):
    """How it is started. `env`: beside PATH and LANG, all that it sees."""

    command: Sequence[str]
    env: Mapping[str, str] = {}
    cwd: Path


class Task(Struct, frozen=True, kw_only=True):
    """An answer of this many words, numbered from 0; `per_second` of them, 0: as fast as they are taken."""

    words: int
    per_second: int = 0

    @property
    def text(self) -> str:
        """The prompt for whoever asks the model."""
        return "TASK=pace" if self.per_second else "TASK=flood"


class Said(Struct, frozen=True, kw_only=True):
    """What an event says to us: more of the answer, or all of it once more; where it stands; that the run is over."""

    more: str = ""
    whole: str = ""
    cursor: str = ""
    ended: bool = False


class Peer(Protocol):
    """One server at its place; it may be started there several times. Calls raise httpx.HTTPError, KeyError or
    ValueError where the server does not answer as expected."""

    about: ClassVar[About]
    lacks: ClassVar[Mapping[str, str]]
    """What it is not asked (`measure.STEPS`), and why."""

    def __init__(self, place: Place) -> None:
        """Raises: NotHere."""
        ...

    def versions(self) -> dict[str, str]: ...

    def close(self) -> None:
        """Lets go of its connections."""
        ...

    def launch(self) -> Launch: ...

    def is_ready(self) -> bool:
        """Whether it answers a request that needs all of it; False, too, while nobody listens."""
        ...

    def create(self) -> str:
        """A new session that a prompt can be sent to."""
        ...

    def settle(self, session: str) -> None:
        """Returns when nothing of its creation is still going on."""
        ...

    def listed(self) -> int:
        """How many sessions its list says there are."""
        ...

    def prompt(self, session: str, task: Task) -> None:
        """Returns once it is taken, not when it is answered."""
        ...

    def request(self, session: str, cursor: str) -> bytes:
        """The bytes that open its stream: from this cursor on; empty: as somebody comes for the first time."""
        ...

    def said(self, session: str, block: Block) -> Said: ...

    marks: ClassVar[tuple[bytes, ...]]
    """One of them is somewhere in the event that ends a run, and in no other."""

    def state(self, session: str) -> str:
        """In its own words."""
        ...

    def history(self, session: str) -> str:
        """The text of the conversation as it can be read afterwards."""
        ...


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


class Api:
    """JSON over HTTP with a server on this machine."""

    def __init__(self, place: Place, key: str = "") -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        url = f"http://127.0.0.1:{place.port}"
        self._http = httpx.Client(base_url=url, headers=headers, timeout=PATIENCE_SECONDS, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def call(self, method: str, path: str, json: Any = None, **params: Any) -> Any:
        """Raises: httpx.HTTPError, with what the server said."""
        answer = self._http.request(method, path, json=json, params=params or None)
        if answer.is_error:
            said = " ".join(answer.text.split())[:300]
            raise httpx.HTTPStatusError(
                f"{method} {path}: {answer.status_code} {said}", request=answer.request, response=answer
            )
        return answer.json() if answer.content else None

    def answers(self, path: str) -> bool:
        """Soon: one that is starting may take a request and never answer it."""
        try:
            return self._http.get(path, timeout=SOON_SECONDS).is_success
        except httpx.TransportError:
            return False
