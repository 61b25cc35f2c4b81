"""One server from its start to its end, and the row that comes of it."""

import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from bench.peers.found import Amounts, Found
from bench.peers.measure import Measuring
from bench.peers.peer import About, NotHere, Peer, Place, free_port
from bench.peers.server import Server

ROOT: Final = Path(__file__).parents[2]
BUILD: Final = ROOT / "build"


class Row(Struct, frozen=True, kw_only=True):
    """One server. `found` is absent where it could not be installed or started: then `error` says what was tried."""

    name: str
    about: About
    versions: dict[str, str] = {}
    command: str = ""
    found: Found | None = None
    error: str = ""


def measure(peer: type[Peer], name: str, model: str, amounts: Amounts, say: Callable[[str], None]) -> Row:
    """Its row, whatever comes of it. Raises: RuntimeError: something of it is still there."""
    BUILD.mkdir(exist_ok=True)
    row = Row(name=name, about=peer.about)
    with tempfile.TemporaryDirectory(prefix=f"peer-{name}-", dir=BUILD) as folder:
        place = Place(folder=Path(folder), port=free_port(), model=model)
        try:
            with closing(peer(place)) as made:
                command = neutral(" ".join(made.launch().command), place)
                row = msgspec.structs.replace(row, versions=made.versions(), command=command)
                with Server(made, place) as server:
                    return neutral_row(msgspec.structs.replace(row, found=Measuring(server, amounts).all(say)), place)
        except NotHere as error:
            return msgspec.structs.replace(row, error=neutral(str(error), place))


def neutral(text: str, place: Place) -> str:
    """Without what only this machine has."""
    here = {sys.executable: "python", str(place.folder): "FOLDER", str(ROOT): ".", str(Path.home()): "HOME"}
    ports = {f"{before}{place.port}": f"{before}PORT" for before in (":", "--port ")}
    for found, told in {**here, **ports}.items():
        text = text.replace(found, told)
    return text


def neutral_row(row: Row, place: Place) -> Row:
    """The same of whatever a server said."""
    return msgspec.json.decode(neutral(msgspec.json.encode(row).decode(), place), type=Row)
