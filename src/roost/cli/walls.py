"""What is said on the command line about a session's sandbox, and how what is in force is shown."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from msgspec import UNSET, UnsetType

if TYPE_CHECKING:
    from roost.model.sandbox import Enclosure, SandboxRequest

Kind = Literal["auto", "bubblewrap", "none"]
Reach = Literal["auto", "none", "model", "full"]
Sandbox = Annotated[Kind | None, typer.Option("--sandbox", help="What encloses the agent. Else the hub's.")]
Network = Annotated[
    Reach | None,
    typer.Option("--network", help="What is reached from inside. `model`: its model hosts alone. Else the hub's."),
]
Memory = Annotated[str | None, typer.Option("--memory", help="Of everything inside together, as 2G; 0: any.")]
Cpus = Annotated[float | None, typer.Option("--cpus", help="Cores for everything inside; 0: all.")]
Processes = Annotated[int | None, typer.Option("--processes", help="Inside at a time; 0: any.")]


def sandbox_of(
    kind: Kind | None, network: Reach | None, memory: str | None, cpus: float | None, processes: int | None
) -> "SandboxRequest":
    """Raises: UsageWrong: something that is not there to choose."""
    import msgspec

    from roost.cli.problems import UsageWrong
    from roost.model.errors import InvalidBody
    from roost.model.sandbox import SandboxRequest, size_of

    said = {"kind": kind, "network": network, "cpus": cpus, "processes": processes}
    given = {name: value for name, value in said.items() if value is not None}
    try:
        size = {} if memory is None else {"memory": int(size_of(memory))}
        request = msgspec.convert(given | size, SandboxRequest)
        request.settled()
    except (msgspec.ValidationError, InvalidBody) as error:
        raise UsageWrong(f"--memory, --cpus or --processes: {error}") from None
    return request


def enclosure_words(enclosure: "Enclosure | UnsetType") -> Iterator[tuple[str, str]]:
    """For `roost show`: in one line, and one for each limit that is not in force; nothing before there was a host."""
    from roost.cli.words import size

    if enclosure is UNSET:
        return
    if enclosure.kind == "none":
        yield "sandbox", "none" + (f": {enclosure.reason} (roost doctor)" if enclosure.reason else "")
        return
    words = [enclosure.kind, f"network {enclosure.network}"]
    if enclosure.memory is not UNSET:
        words.append(f"memory {size(enclosure.memory)}")
    if enclosure.processes is not UNSET:
        words.append(f"{enclosure.processes} processes")
    if enclosure.cpus is not UNSET:
        words.append(f"cpu {enclosure.cpus:g}")
    yield "sandbox", "\n".join([", ".join(words), *(f"not limited: {limit}" for limit in enclosure.unapplied)])
