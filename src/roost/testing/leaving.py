"""Nothing is left of a test: the hosts of a data folder end with it."""

from pathlib import Path

from roost.model.ids import SessionId
from roost.runtimes import load_runtime


async def end_hosts(data: Path) -> None:
    """Kill every host that was started for this data folder, with everything it started."""
    runtime = load_runtime("process", data)
    for mark in sorted((data / "hosts").glob("*.mark")):  # made before a host is
        await runtime.kill(SessionId(mark.stem))
