"""What may be asked over the link, by `method`: its parameters and its result, as structs (PROTOCOL.md, "Calls").

A call is answered once or not at all: it is never repeated and never recorded. If the connection ends, or the hub sends
`cancel` with the id of the `ask`, whatever the call has begun is undone or killed.
"""

from msgspec import UNSET, Struct, UnsetType

from roost.link.frames import Answer, Ask
from roost.model.errors import RoostError
from roost.model.ids import Seq
from roost.model.workspace import DEFAULT_ENTRIES, Diff, FileEntry

CHUNK_BYTES = 512 * 1024
"""Files travel in pieces of this size, one at a time."""
MAX_CALLS = 32
"""So many calls a host carries out at once, and so many files it keeps open for them."""


class Params(Struct, frozen=True, kw_only=True):
    """What a method is given."""


class Nothing(Params, frozen=True, kw_only=True):
    """A method without parameters."""


class AtPath(Params, frozen=True, kw_only=True):
    """Host: `stat`, `remove_file`, `open_file`, `create_file` of this path."""

    path: str


class ListFiles(Params, frozen=True, kw_only=True):
    """Host: what is in this folder."""

    path: str = ""
    recursive: bool = False
    limit: int = DEFAULT_ENTRIES


class Opened(Struct, frozen=True, kw_only=True):
    """A file is open for reading. `data` is its beginning; `handle` reads on, and is absent if that was all."""

    entry: FileEntry
    data: bytes
    handle: str | UnsetType = UNSET


class OnHandle(Params, frozen=True, kw_only=True):
    """Host: `read_on` this file, `keep_file` what was written, `drop_file` whatever it is."""

    handle: str


class Piece(Struct, frozen=True, kw_only=True):
    """The next bytes; none: that was all."""

    data: bytes


class Created(Struct, frozen=True, kw_only=True):
    """A file is being written beside its place; `keep_file` puts it there."""

    handle: str


class KeepBlob(Params, frozen=True, kw_only=True):
    """Hub: `keep_blob`, what was written to this handle, for the session; the answer is a `Blob`."""

    handle: str
    mime: str


class ReadBlob(Params, frozen=True, kw_only=True):
    """Hub: `read_blob`, a piece of a blob that the session refers to; an empty one is its end."""

    hash: str
    offset: int = 0


class ReadLog(Params, frozen=True, kw_only=True):
    """Hub: `read_log`, the session's events after a cursor, as a JSON list in a piece; an empty one: these were all."""

    after: Seq = 0


class Changes(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to `diff`; without one, there is no repository."""

    diff: Diff | UnsetType = UNSET


class WriteOn(Params, frozen=True, kw_only=True):
    """Host: `write_on`, append to a file that was created. Hub: `write_blob`, the same for a blob that was begun."""

    handle: str
    data: bytes


class OpenView(Params, frozen=True, kw_only=True):
    """Host: `open_view`, look at the agent's screen with a terminal of this size; `writes`: and type. The answer is a
    `Created`. `read_view` waits for a `Piece`, an empty one is its end; `write_view` is a `WriteOn`; `drop_view`."""

    columns: int
    rows: int
    writes: bool = False


class ResizeView(Params, frozen=True, kw_only=True):
    """Host: `resize_view`, this terminal has another size now."""

    handle: str
    columns: int
    rows: int


def refusal(ask: Ask, error: RoostError) -> Answer:
    return Answer(id=ask.id, code=error.code, message=error.message, details=error.details)
