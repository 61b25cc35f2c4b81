"""The sandboxes there are. Import strings: one that is not used is never imported."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from roost.model.sandbox import Availability

SANDBOXES: Final[dict[str, str]] = {
    "none": "roost.sandboxes.none.sandbox:NoSandbox",
    "bubblewrap": "roost.sandboxes.bubblewrap.sandbox:BubblewrapSandbox",
}
PROBES: Final[dict[str, str]] = {
    "bubblewrap": "roost.sandboxes.bubblewrap.probe:probe",
}
"""Which of them there may not be, and what finds that out."""


def load_sandbox(name: str) -> Any:
    """The class of this sandbox. Raises: KeyError: there is none."""
    return _load(SANDBOXES[name])


def load_probe(name: str) -> Callable[[], Availability]:
    """What finds out whether this sandbox can be had here; it blocks. Raises: KeyError."""
    return _load(PROBES[name])


def _load(place: str) -> Any:
    module, _, found = place.partition(":")
    return getattr(import_module(module), found)
