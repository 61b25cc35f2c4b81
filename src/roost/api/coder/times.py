"""Times as REST objects of Coder write them."""

from datetime import UTC, datetime


def iso(ms: int) -> str:
    """A time in ms as ISO-8601, in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
