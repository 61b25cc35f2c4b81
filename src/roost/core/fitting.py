"""What a host says, as the log can take it. Pure."""

import msgspec

from roost.model.envelope import Draft
from roost.model.events import MAX_BODY_BYTES, MAX_STATE_BYTES, AgentState, Body, Native
from roost.model.lifecycle import FROM_HOST


def unfit(draft: Draft) -> str | None:
    """Why a host may not append this as it is."""
    if len(draft.raw) > MAX_BODY_BYTES:
        return f"body_too_large: {len(draft.raw)} bytes, at most {MAX_BODY_BYTES}"
    if type(draft.body) is AgentState and len(draft.raw) > MAX_STATE_BYTES:
        return f"body_too_large: {len(draft.raw)} bytes, at most {MAX_STATE_BYTES}"
    if type(draft.body) not in FROM_HOST and isinstance(draft.body, Body):
        return "forbidden: only the hub writes this"
    return None


def as_native(draft: Draft, reason: str) -> Draft:
    """The draft as `native`: its content as text if it is small enough, else the beginning of it."""
    text = draft.raw.decode(errors="replace")
    raw = text if len(draft.raw) <= MAX_BODY_BYTES // 8 else text[:1024]
    body = Native(raw=raw, reason=reason, source="host")
    return Draft(body=body, raw=msgspec.json.encode(body), by=draft.by)
