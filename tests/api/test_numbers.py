"""Numbers in queries: the largest that fits every client and the store is taken, one more is refused."""

import pytest

from roost.api.coder import data, history, users
from roost.api.coder import sessions as coder_sessions
from roost.api.v1 import sessions, shelf
from roost.model.natives import MAX_LISTED
from tests.api.served import Served

pytestmark = pytest.mark.anyio
MOST = {
    "/v1/natives?limit=": MAX_LISTED,
    "/api/hub/users?limit=": users.MAX_USERS,
    "/api/hub/users?offset=": users.MAX_USERS,
    "/v1/sessions?offset=": sessions.MAX_INT,
    "/v1/sessions?limit=": sessions.MAX_INT,
    "/v1/sessions/{session}/artifacts/report?version=": shelf.MAX_VERSION,
    "/api/hub/sessions?limit=": coder_sessions.MAX_INT,
    "/api/hub/sessions?offset=": coder_sessions.MAX_INT,
    "/api/hub/session/{session}/events/history?limit=": history.MAX_INT,
    "/api/hub/session/{session}/events/history?beforeId=": history.MAX_INT,
    "/api/hub/session/{session}/replay?limit=": data.MAX_INT,
    "/api/hub/session/{session}/replay?offset=": data.MAX_INT,
    "/api/hub/session/{session}/participants?limit=": data.MAX_INT,
}


async def test_the_largest_number_is_taken_and_one_more_is_refused(api: Served) -> None:
    session, found = await api.live(), dict[str, tuple[int, int]]()
    for path, most in MOST.items():
        asked = path.format(session=session.id)
        fits, refused = await api.http.get(f"{asked}{most}"), await api.http.get(f"{asked}{most + 1}")
        found[path] = fits.status_code, refused.status_code
    taken = {path: 404 if "version" in path else 200 for path in MOST}
    assert found == {path: (taken[path], 400) for path in MOST}
