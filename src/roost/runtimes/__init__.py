"""The runtimes there are, by name. Import strings: a runtime that is not used is never imported."""

from importlib import import_module
from pathlib import Path
from typing import Final

from roost.ports import Runtime

RUNTIMES: Final[dict[str, str]] = {
    "process": "roost.runtimes.process.runtime:ProcessRuntime",
}


def load_runtime(name: str, data: Path) -> Runtime:
    """The runtime of this name for the data folder `data`. Raises: KeyError: there is none."""
    module, _, cls = RUNTIMES[name].partition(":")
    return getattr(import_module(module), cls)(data)
