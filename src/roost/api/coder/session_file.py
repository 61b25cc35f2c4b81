"""The session file of a lead (hub-wire 10.4: `session_entry`, `session_write`): where it lies, and whose it is.

The file is the driver's own and stays beside it: what was said is in the log, and nothing of the published client reads
the file from a hub. What the next driver needs to take it up is kept in `agent-state`: `resume` of its `init`.
"""

from contextlib import suppress
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from roost.api.coder import frames
from roost.api.coder.shapes import Shape
from roost.model.errors import InvalidRequest
from roost.model.unreadable import UNREADABLE

MAX_PATH_CHARS: Final = 4096
MAX_FOLDER_CHARS: Final = 1024
MAX_ID_CHARS: Final = 200
"""However it is escaped, all three fit into one `agent-state`."""
FILE: Final = "sessionFile"
PI_SESSION: Final = "piSessionId"
FOLDER: Final = "cwd"
NAMES: Final = (FILE, PI_SESSION, FOLDER)
HEADER: Final = "session"


class _SessionFile(Struct, frozen=True):
    """`line`: one more of the file; `content`: all of it."""

    path: str
    line: str = ""
    content: str = ""


class _Header(Shape, frozen=True, kw_only=True):
    """The first line of Pi's session files."""

    type: str
    id: str | UnsetType = UNSET
    cwd: str | UnsetType = UNSET


def resume_of(state: dict[str, Any]) -> dict[str, str] | UnsetType:
    """From where a driver goes on; UNSET if the one before has named no file."""
    return {name: state[name] for name in NAMES if name in state} if FILE in state else UNSET


def followed(state: dict[str, Any], frame: bytes) -> dict[str, Any]:
    """`state` after a frame about the session file. Raises: InvalidBody, InvalidRequest: its path is too long."""
    told = frames.outlined(frame, _SessionFile)
    if len(told.path) > MAX_PATH_CHARS:
        raise InvalidRequest(f"path: at most {MAX_PATH_CHARS} characters")
    if state.get(FILE) != told.path:
        state = {name: value for name, value in state.items() if name not in NAMES} | {FILE: told.path}
    return state | _header(told.line or told.content.partition("\n")[0])


def _header(line: str) -> dict[str, str]:
    """What the first line says of the session; nothing, of any other line."""
    with suppress(*UNREADABLE):
        header = msgspec.json.decode(line, type=_Header)
        if header.type == HEADER:
            said = ((PI_SESSION, header.id, MAX_ID_CHARS), (FOLDER, header.cwd, MAX_FOLDER_CHARS))
            return {name: value for name, value, most in said if value is not UNSET and len(value) <= most}
    return {}
