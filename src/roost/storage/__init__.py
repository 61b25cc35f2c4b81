"""Where sessions are kept. Each folder here implements the `Store` of `ports/`; `open_store` picks one by name."""

from importlib import import_module
from pathlib import Path
from typing import Final, cast

from roost.model.errors import StorageUnavailable
from roost.ports import Store
from roost.storage.lock import FolderLock, lock_folder

__all__ = ["SCHEMES", "FolderLock", "lock_folder", "open_store"]

SCHEMES: Final[dict[str, str]] = {
    "memory": "roost.storage.memory.store:open_memory",
    "sqlite": "roost.storage.sqlite.store:open_sqlite",
}
"""Kind of store -> `module:function`, an async function of the data folder. Imported when first asked for."""


async def open_store(kind: str, data: Path) -> Store:
    """The store of this kind in the folder `data`; close it when done. One store at a time may be open on a folder:
    hold `lock_folder(data)` around it.

    Raises: StorageUnavailable: no such kind, or the file cannot be opened; SchemaTooNew.
    """
    if kind not in SCHEMES:
        raise StorageUnavailable(f"There is no store called {kind!r}; there are {', '.join(SCHEMES)}.")
    module, _, name = SCHEMES[kind].partition(":")
    return cast(Store, await getattr(import_module(module), name)(data))
