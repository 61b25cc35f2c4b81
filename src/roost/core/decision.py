"""What is decided about a session, before it is committed. Pure."""

from collections.abc import Sequence
from typing import Final, Literal

from msgspec import UNSET, Struct, UnsetType

from roost.model import events as e
from roost.model.envelope import Draft
from roost.model.ids import RunId

HUB: Final = e.Principal(user="roost", kind="service")
"""Who acts when the hub itself does."""


class Decision(Struct, frozen=True):
    """Drafts to commit together, the run they make or concern, and what to do once they are committed: `start` a host,
    `stop` the one there is."""

    drafts: Sequence[Draft] = ()
    run: RunId | UnsetType = UNSET
    then: Literal["start", "stop", None] = None
