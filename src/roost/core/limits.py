"""How much one key may do and have open, and how large what is said about a session may be."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from math import ceil
from typing import Any, NamedTuple

import msgspec
from anyio import current_time
from msgspec import UNSET, UnsetType

from roost.model import commands as c
from roost.model.errors import BodyTooLarge, InvalidBody, RateLimited, TooManyStreams
from roost.model.events import Principal
from roost.model.mcp import check_servers, split_secrets


class _Bucket(NamedTuple):
    tokens: float
    at: float


class Limits:
    """Counted by key, and forgotten with the hub. `rate`: what a key may do in a second, and twice as much at once;
    0: without limit."""

    def __init__(self, *, max_streams: int, rate: float) -> None:
        self._max_streams = max_streams
        self._rate = rate
        self._most = max(1.0, 2 * rate)
        self._buckets: dict[str, _Bucket] = {}
        self._open: dict[str, int] = {}

    def act(self, by: Principal) -> None:
        """Something is about to be changed. Raises: RateLimited."""
        if self._rate <= 0:
            return
        now = current_time()
        tokens, at = self._buckets.get(_name(by), (self._most, now))
        tokens = min(self._most, tokens + (now - at) * self._rate)
        if tokens < 1:
            raise RateLimited(retry_after_seconds=ceil((1 - tokens) / self._rate))
        self._buckets[_name(by)] = _Bucket(tokens - 1, now)

    @contextmanager
    def stream(self, by: Principal) -> Generator[None]:
        """While the block runs, a stream or socket is open. Raises: TooManyStreams."""
        name = _name(by)
        if self._open.get(name, 0) >= self._max_streams:
            raise TooManyStreams(limit=self._max_streams)
        self._open[name] = self._open.get(name, 0) + 1
        try:
            yield
        finally:
            self._open[name] -= 1
            if not self._open[name]:
                del self._open[name]


def _name(by: Principal) -> str:
    return f"user {by.user}" if by.key is UNSET else by.key


def check_about(command: c.CreateSession) -> None:
    """What a new session is given along. Raises: InvalidBody, BodyTooLarge."""
    check_label(command.label)
    check_tags(command.tags)
    check_metadata(command.metadata)
    check_servers(command.mcp)
    check_env(command.env | split_secrets(command.mcp)[1])


def check_label(label: str | UnsetType) -> None:
    """Raises: InvalidBody."""
    if label is not UNSET and not (label.strip() and len(label) <= c.MAX_LABEL_CHARS):
        raise InvalidBody(f"label: 1 to {c.MAX_LABEL_CHARS} characters")


def check_tags(tags: Sequence[str] | UnsetType) -> None:
    """Raises: InvalidBody."""
    given = () if tags is UNSET else tags
    if len(given) > c.MAX_TAGS:
        raise InvalidBody(f"tags: at most {c.MAX_TAGS}")
    if any(not (tag.strip() and len(tag) <= c.MAX_TAG_CHARS) for tag in given):
        raise InvalidBody(f"tags: each 1 to {c.MAX_TAG_CHARS} characters")


def check_metadata(metadata: Mapping[str, Any]) -> None:
    """As a whole, after a change is merged. Raises: BodyTooLarge."""
    if len(msgspec.json.encode(metadata)) > c.MAX_METADATA_BYTES:
        limit = c.MAX_METADATA_BYTES
        raise BodyTooLarge(f"metadata: at most {limit} bytes, as JSON", limit_bytes=limit)


def check_env(env: Mapping[str, str]) -> None:
    """What a process can be given. Raises: InvalidBody, BodyTooLarge."""
    for name, value in env.items():
        if not name or "=" in name or "\0" in name + value:
            raise InvalidBody("env: names are not empty and hold no `=`, and nothing holds a NUL")
    if sum(len(name.encode()) + len(value.encode()) for name, value in env.items()) > c.MAX_ENV_BYTES:
        raise BodyTooLarge(
            f"env: at most {c.MAX_ENV_BYTES} bytes, names and values, with the secrets of `mcp`",
            limit_bytes=c.MAX_ENV_BYTES,
        )
