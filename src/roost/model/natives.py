"""Sessions that agents have had by themselves, as they are listed and brought in."""

from msgspec import UNSET, Struct, UnsetType

from roost.model.ids import SessionId

MAX_LISTED = 500
"""Sessions in one list."""


class NativeInfo(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A session in an agent's own records. `id`: the agent's name for it; `folder`: where it was begun. `prompt`: what
    was asked first, the beginning of it; `messages`: absent if there are too many to count for a list; `bytes`: of its
    file, if it has one of its own. Times in ms. `session`: the session of this hub that is the same one, if there is
    one: it goes on with it, or was imported from it."""

    agent: str
    id: str
    changed_at: int
    folder: str | UnsetType = UNSET
    title: str | UnsetType = UNSET
    prompt: str | UnsetType = UNSET
    began_at: int | UnsetType = UNSET
    messages: int | UnsetType = UNSET
    bytes: int | UnsetType = UNSET
    session: SessionId | UnsetType = UNSET


class NativeList(Struct, frozen=True, kw_only=True):
    """The last changed first; `total` counts all that match."""

    natives: list[NativeInfo]
    total: int


class ImportNative(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Bring in a session of an agent. `folder`: where it goes on, if not where it was. `again`: also if it is here
    already."""

    agent: str
    id: str
    folder: str | UnsetType = UNSET
    again: bool = False
