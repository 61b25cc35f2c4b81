"""Looking into JSON that somebody else has written: whatever it holds, what is asked for comes back as its type."""

from typing import Any, cast


def table(value: Any) -> dict[str, Any]:
    """An object; empty if it is none."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def tables(value: Any) -> list[dict[str, Any]]:
    """The objects of an array."""
    return [table(each) for each in cast("list[Any]", value) if isinstance(each, dict)] if _listed(value) else []


def _listed(value: Any) -> bool:
    return isinstance(value, list | tuple)
