"""What encloses an agent and its tools: what is asked for, what is in force, what an agent needs through the walls."""

import re
from typing import Any, Final, Literal

from msgspec import UNSET, Struct, UnsetType

from roost.model.errors import InvalidBody
from roost.model.values import Enclosure as Enclosure
from roost.model.values import SandboxSpec as SandboxSpec

MIN_MEMORY_BYTES: Final = 32 * 1024 * 1024
MIN_PROCESSES: Final = 8
MIN_CPUS: Final = 0.05
"""With less than these nothing starts, the walls included."""
_UNITS: Final = {
    "": 1,
    "k": 10**3,
    "m": 10**6,
    "g": 10**9,
    "t": 10**12,
    "ki": 2**10,
    "mi": 2**20,
    "gi": 2**30,
    "ti": 2**40,
}

Network = Literal["none", "model", "full"]


class SandboxRequest(SandboxSpec, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How a session is to be enclosed. What it means: `events.SandboxSpec`."""

    def settled(self) -> SandboxSpec:
        """Raises: InvalidBody: a limit that nothing could start with."""
        for name, least in (("memory", MIN_MEMORY_BYTES), ("processes", MIN_PROCESSES), ("cpus", MIN_CPUS)):
            value = getattr(self, name)
            if value is not UNSET and value != 0 and not value >= least:
                raise InvalidBody(f"sandbox: {name} is 0 (no limit), or at least {least}")
        return SandboxSpec(**{name: getattr(self, name) for name in SandboxSpec.__struct_fields__})


class Needs(Struct, frozen=True, kw_only=True):
    """What an agent needs through the walls. `credentials`: files, relative to HOME, that it shares with its user and
    may write; `configuration`: such that it gets copies of. `hosts`: where its models are, `HOST` or `HOST:PORT`.
    `variables`: names that it inherits. `programs`: what it is started by. `paths`: what else it may read. `network`:
    what `auto` means for it."""

    credentials: tuple[str, ...] = ()
    configuration: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    network: Network = "full"


class Enclosed(Struct, frozen=True, kw_only=True):
    """How a command is started so that it runs inside: these words, with exactly this environment. `home`: where its
    `HOME` lies outside, if that is another folder."""

    command: tuple[str, ...]
    env: dict[str, str]
    home: str = ""


class Availability(Struct, frozen=True, kw_only=True):
    """Whether there can be a sandbox here. `reason`: why not; `todo`: what to do about it; both empty if there can be.
    `limits`: what can be limited for everything inside together."""

    reason: str = ""
    todo: str = ""
    limits: tuple[str, ...] = ()


def size_of(text: str) -> float:
    """`512Mi`, `2G`, `1000000`: in bytes. Raises: InvalidBody."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgt]i?)?b?", text.strip(), re.IGNORECASE)
    if found is None:
        raise InvalidBody(f"{text!r} is no size: write 512Mi or 2G")
    return float(found[1]) * _UNITS[(found[2] or "").lower()]


def cores_of(text: str) -> float:
    """`500m` is half a core. Raises: InvalidBody."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(m?)", text.strip())
    if found is None:
        raise InvalidBody(f"{text!r} is no number of cores: write 0.5 or 500m")
    return float(found[1]) / (1000 if found[2] else 1)


def wished(wishes: dict[str, Any]) -> SandboxSpec:
    """What wishes about the runtime say of this: `resources` (`memory`, `cpu`), `network` (`enabled`). What cannot be
    read is not wished."""
    resources, network = _table(wishes, "resources"), _table(wishes, "network")
    memory, cpus = _read(size_of, resources.get("memory")), _read(cores_of, resources.get("cpu"))
    return SandboxSpec(
        network="none" if network.get("enabled") is False else UNSET,
        memory=UNSET if memory is UNSET else max(int(memory), MIN_MEMORY_BYTES),
        cpus=UNSET if cpus is UNSET else max(cpus, MIN_CPUS),
    )


def granted(wish: str, wishes: dict[str, Any], enclosure: Enclosure | UnsetType) -> bool:
    """Whether this wish is in force, all of it."""
    asked, given = _table(wishes, wish), wished(wishes)
    if enclosure is UNSET or not asked:
        return False
    if wish == "network":
        return asked.keys() == {"enabled"} and (given.network is UNSET or enclosure.network == "none")
    if wish == "resources":
        inside = {"memory": enclosure.memory == given.memory, "cpu": enclosure.cpus == given.cpus}
        set_here = {limit.partition(":")[0] for limit in enclosure.unapplied}
        return not set_here & {"memory", "cpus"} and all(inside.get(name, False) for name in asked)
    return False


def merged(*specs: SandboxSpec) -> SandboxSpec:
    """What each says, the first that says something."""
    said = {name: [value for spec in specs if (value := getattr(spec, name)) is not UNSET] for name in _FIELDS}
    return SandboxSpec(**{name: values[0] for name, values in said.items() if values})


_FIELDS: Final = SandboxSpec.__struct_fields__


def _table(wishes: dict[str, Any], name: str) -> dict[str, Any]:
    found = wishes.get(name)
    return found if isinstance(found, dict) else {}  # pyright: ignore[reportUnknownVariableType]  # JSON


def _read(reader: Any, text: object) -> float | UnsetType:
    try:
        return reader(text) if isinstance(text, str) else UNSET
    except InvalidBody:
        return UNSET
