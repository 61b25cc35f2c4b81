"""What a host may append is taken as it is; everything else is kept as `native`, with the reason."""

import pytest

from roost.core.fitting import as_native, unfit
from roost.model import events as e
from roost.model.envelope import draft


def state(size: int) -> e.AgentState:
    """One whose body has so many bytes."""
    empty = len(draft(e.AgentState(state={"x": ""})).raw)
    return e.AgentState(state={"x": "x" * (size - empty)})


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (state(e.MAX_STATE_BYTES), None),
        (state(e.MAX_STATE_BYTES + 1), "body_too_large: 32769 bytes, at most 32768"),
        (e.Native(raw="x" * e.MAX_STATE_BYTES), None),
        (e.Native(raw="x" * e.MAX_BODY_BYTES), "body_too_large"),
        (e.SessionArchived(), "forbidden: only the hub writes this"),
    ],
)
def test_what_a_host_says_is_taken_or_named_unfit(body: e.Body, reason: str | None) -> None:
    said = draft(body)
    found = unfit(said)
    assert found == reason if reason is None else found and found.startswith(reason)
    assert unfit(as_native(said, found or "")) is None
