"""The sandboxes there are. Import strings: one that is not used is never imported."""

from importlib import import_module
from typing import Any, Final

SANDBOXES: Final[dict[str, str]] = {
    "none": "roost.sandboxes.none.sandbox:NoSandbox",
}


def load_sandbox(name: str) -> Any:
    """The class of this sandbox. Raises: KeyError: there is none."""
    module, _, found = SANDBOXES[name].partition(":")
    return getattr(import_module(module), found)
