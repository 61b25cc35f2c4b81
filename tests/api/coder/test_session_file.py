"""What is kept of a lead's session file, without a hub."""

import msgspec
import pytest

from roost.api.coder.session_file import MAX_FOLDER_CHARS, MAX_ID_CHARS, MAX_PATH_CHARS, followed, resume_of
from roost.model.errors import InvalidRequest
from roost.model.events import MAX_STATE_BYTES, AgentState

WIDEST = "\x01"
"""Six bytes of JSON."""


def wrote(path: str, **header: object) -> bytes:
    content = msgspec.json.encode({"type": "session"} | header).decode() + "\n{}"
    return msgspec.json.encode({"type": "session_write", "path": path, "content": content})


def test_another_file_is_another_session() -> None:
    first = followed({"other": 1}, wrote("/a", id="one", cwd="/srv"))
    assert resume_of(first) == {"sessionFile": "/a", "piSessionId": "one", "cwd": "/srv"}
    assert followed(first, wrote("/b")) == {"other": 1, "sessionFile": "/b"}


def test_what_is_kept_fits_and_what_would_not_is_left_out_or_refused() -> None:
    path, folder, name = WIDEST * MAX_PATH_CHARS, WIDEST * MAX_FOLDER_CHARS, WIDEST * MAX_ID_CHARS
    most = followed({}, wrote(path, id=name, cwd=folder))
    assert resume_of(most) == {"sessionFile": path, "piSessionId": name, "cwd": folder}
    assert len(msgspec.json.encode(AgentState(state=most).state)) <= MAX_STATE_BYTES
    assert followed({}, wrote("/a", id=name + "x", cwd=folder + "x")) == {"sessionFile": "/a"}
    with pytest.raises(InvalidRequest):
        followed({}, wrote(path + "x"))
