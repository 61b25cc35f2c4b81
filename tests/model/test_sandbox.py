"""What is asked of a sandbox, in whose words ever, and what of it is in force."""

from typing import Any

import pytest

from roost.model.errors import InvalidBody
from roost.model.sandbox import MIN_MEMORY_BYTES, cores_of, granted, merged, size_of, wished
from roost.model.values import Enclosure, SandboxSpec

GIB = 1024**3


@pytest.mark.parametrize(
    ("text", "size"), [("512Mi", 512 * 1024**2), ("2G", 2e9), ("1.5gib", 1.5 * GIB), ("1000", 1000), ("1 kB", 1000)]
)
def test_sizes_are_read_with_their_units(text: str, size: float) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "G", "-1", "1e9", "12 parsecs", "1MM"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(InvalidBody):
        size_of(text)


def test_cores_are_read_whole_or_in_thousandths() -> None:
    assert (cores_of("500m"), cores_of("2"), cores_of("0.25")) == (0.5, 2, 0.25)
    with pytest.raises(InvalidBody):
        cores_of("two")


def test_wishes_that_can_be_read_are_asked_for_and_others_are_not() -> None:
    wishes = {"resources": {"memory": "1Gi", "cpu": "500m", "disk": "5Gi"}, "network": {"enabled": False}}
    assert wished(wishes) == SandboxSpec(network="none", memory=GIB, cpus=0.5)
    assert wished({"resources": {"memory": "much"}, "network": "yes"}) == SandboxSpec()
    assert wished({"resources": {"memory": "1"}}).memory == MIN_MEMORY_BYTES, "the least that anything starts with"


IN_FORCE = Enclosure(kind="bubblewrap", network="none", memory=GIB, cpus=0.5)


@pytest.mark.parametrize(
    ("wish", "said", "enclosure", "expected"),
    [
        ("resources", {"memory": "1Gi", "cpu": "500m"}, IN_FORCE, True),
        ("resources", {"memory": "2Gi"}, IN_FORCE, False),
        ("resources", {"memory": "1Gi", "disk": "1Gi"}, IN_FORCE, False),
        ("resources", {"memory": "1Gi"}, Enclosure(kind="bubblewrap", memory=GIB, unapplied=("memory: why",)), False),
        ("resources", {"memory": "1Gi"}, Enclosure(), False),
        ("network", {"enabled": False}, IN_FORCE, True),
        ("network", {"enabled": False}, Enclosure(), False),
        ("network", {"enabled": False, "port": 80}, IN_FORCE, False),
        ("packages", {"jq": True}, IN_FORCE, False),
    ],
)
def test_a_wish_is_granted_if_all_of_it_is_in_force(
    wish: str, said: dict[str, Any], enclosure: Enclosure, expected: bool
) -> None:
    assert granted(wish, {wish: said}, enclosure) is expected


def test_who_says_something_first_is_heard() -> None:
    session, hub = SandboxSpec(memory=0, network="full"), SandboxSpec(kind="auto", memory=GIB, processes=9)
    assert merged(session, hub) == SandboxSpec(kind="auto", network="full", memory=0, processes=9)
