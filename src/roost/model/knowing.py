"""What is known of a session beside its conversation: how its host does, and what went wrong."""

from msgspec import UNSET, Struct, UnsetType

from roost.model.events import Failure
from roost.model.ids import Epoch, RunId, Seq, SessionId

LOG_TAIL_BYTES = 64 * 1024
"""Of a host's log, unless asked for less or more;"""
MAX_LOG_TAIL_BYTES = 256 * 1024
"""and at most."""
LAST_RUNS = 20
"""Among so many runs the last errors are looked for."""


class HostInfo(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The last host that was started here. `alive`: its process runs; `linked`: it talks to the hub."""

    linked: bool
    alive: bool = False
    pid: int | UnsetType = UNSET
    epoch: Epoch | UnsetType = UNSET


class SeenError(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error in the log. Without a run: the session could not start."""

    error: Failure
    seq: Seq | UnsetType = UNSET
    at: int | UnsetType = UNSET
    run: RunId | UnsetType = UNSET


class Diagnostics(Struct, frozen=True, kw_only=True):
    """`log`: the end of what the last host, and the agent on its standard error, have written, with the values of the
    session's `env` masked. `log_bytes`: the size of the whole. `log_end`: where its last whole line ends, to go on
    with. `errors`: the newest first."""

    session: SessionId
    phase: str
    epoch: Epoch
    host: HostInfo
    log: str
    log_bytes: int
    log_end: int = 0
    errors: tuple[SeenError, ...]
