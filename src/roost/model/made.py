"""What a session has made, as far as its record keeps it: files it has changed, artifacts it has published."""

from typing import Final

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from roost.model.events import ArtifactPublished, Blob, FileChange, FilesChanged
from roost.model.ids import RunId, Seq

MAX_CHANGED: Final = 500
MAX_ARTIFACTS: Final = 500
"""Versions that are listed; the oldest are forgotten first, but for the newest of each key."""


class Artifact(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A published result: the event at `seq` holds its text, or `blob` names its content. Versions of a key count
    from 1. `size` in bytes; `at` in ms."""

    key: str
    version: int
    mime: str
    size: int
    seq: Seq
    at: int
    run: RunId | UnsetType = UNSET
    blob: Blob | UnsetType = UNSET


class Made(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`changed`: files that the agent says it has changed, the last 500. `artifacts`: all versions, oldest first."""

    changed: tuple[FileChange, ...] = ()
    artifacts: tuple[Artifact, ...] = ()


def with_files(made: Made, body: FilesChanged) -> Made:
    """By path, as it was last said."""
    new = {change.path: change for change in body.files}
    kept = [change for change in made.changed if change.path not in new]
    return replace(made, changed=(*kept, *new.values())[-MAX_CHANGED:])


def with_artifact(made: Made, body: ArtifactPublished, seq: Seq, at: int, run: RunId | UnsetType) -> Made:
    """The next version of this key, whatever the agent has counted."""
    newest = max((each.version for each in made.artifacts if each.key == body.key), default=0)
    size = body.blob.size if body.blob is not UNSET else len(("" if body.text is UNSET else body.text).encode())
    fresh = Artifact(
        key=body.key, version=newest + 1, mime=body.mime, size=size, seq=seq, at=at, run=run, blob=body.blob
    )
    return replace(made, artifacts=_fitting((*made.artifacts, fresh)))


def _fitting(artifacts: tuple[Artifact, ...]) -> tuple[Artifact, ...]:
    if len(artifacts) <= MAX_ARTIFACTS:
        return artifacts
    newest = {each.key: each.version for each in artifacts}
    drop = next((each for each in artifacts if newest[each.key] != each.version), artifacts[0])
    return tuple(each for each in artifacts if each is not drop)


def find_artifact(made: Made, key: str, version: int | None) -> Artifact | None:
    """This version, or the newest."""
    found = [each for each in made.artifacts if each.key == key and version in (None, each.version)]
    return found[-1] if found else None
