"""What the agent of a builder session wants done, in a file of its workspace: every agent can write one.

The file is read when a run ends, and becomes what an agent that publishes artifacts would have said itself
(PROTOCOL.md, "The library"). What came of it is the first thing that the agent is told in its next run.
"""

import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
from anyio import to_thread
from msgspec import UNSET
from msgspec.structs import replace

from roost.host.inside import Inside
from roost.model.errors import FileMissing, RoostError
from roost.model.events import ArtifactPublished, Blob, InputPart, Kit, TextInput
from roost.model.library import MAX_PROPOSAL_BYTES, PROPOSAL_FILE, PROPOSAL_MIME, Builder, BuilderAction

MAX_TEXT_BYTES = 32 * 1024
"""A longer one is kept beside the log."""

log = logging.getLogger("roost.host.proposals")


class Proposals:
    """Of one session; nothing is done in one that builds no persona."""

    def __init__(self, kit: Kit) -> None:
        self.keep: Callable[[bytes, str], Awaitable[Blob]]
        """Has content kept beside the log."""
        self.workspace: Path | None = None
        """Once it is there."""
        self._builds = kit.builder is not UNSET
        self._outcome: BuilderAction | None = None
        self.updated(kit)

    def updated(self, kit: Kit) -> None:
        """What came of a proposal is in the kit: the agent is told of it in its next run."""
        last = None if kit.builder is UNSET else _last(kit.builder)
        if last is not None:
            self._outcome = last

    def news(self) -> tuple[InputPart, ...]:
        """What the run that begins now is told first; each outcome once."""
        outcome, self._outcome = self._outcome, None
        return () if outcome is None else (TextInput(text=_words(outcome)),)

    async def taken(self) -> list[ArtifactPublished]:
        """What a run that ends proposes: the file, which is gone after this. One that cannot be taken stays."""
        if not self._builds or self.workspace is None:
            return []
        try:
            content = await to_thread.run_sync(_take, self.workspace)
        except FileMissing:
            return []
        except RoostError as error:
            log.warning("%s is no proposal: %s", PROPOSAL_FILE, error)
            return []
        about = ArtifactPublished(key="proposal", mime=PROPOSAL_MIME)
        if len(content) <= MAX_TEXT_BYTES:
            return [replace(about, text=content.decode(errors="replace"))]
        return [replace(about, blob=await self.keep(content, PROPOSAL_MIME))]


def _take(workspace: Path) -> bytes:
    """Of one that is too long, as much as shows it. Raises: FileMissing, NotAFile, PathOutside."""
    inside = Inside(workspace)
    parts = inside.parts(PROPOSAL_FILE, follow=False)
    descriptor, _ = inside.open(parts)
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(MAX_PROPOSAL_BYTES + 1)
    inside.remove(parts)
    return content


def _last(builder: dict[str, Any]) -> BuilderAction | None:
    last = msgspec.convert(builder, Builder).last
    return None if last is UNSET else last


def _words(outcome: BuilderAction) -> str:
    if outcome.status == "failed":
        code = "" if outcome.code is UNSET else f" ({outcome.code})"
        return (
            f"Your proposal {outcome.action!r} was refused{code}: {outcome.message or 'no reason was given'}\n"
            f"Nothing was changed. Write a better one to {PROPOSAL_FILE}."
        )
    version = f", as version {outcome.version}" if outcome.version else ""
    return f"Your proposal {outcome.action!r} was carried out: {outcome.slug or outcome.persona}{version}."
