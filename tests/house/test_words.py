"""Nothing in the repository points at one machine, one workplace or one package registry."""

import re

from tests.house.conftest import Checkout

# Written in pieces, so that this file does not find itself.
FORBIDDEN = [
    "/wo" + "rk/",
    "/fa" + "rm/",
    "farm" + "-studio",
    r"/\.lib" + "rary",
    "/opt/" + "pypi",
    r"registry\." + r"(npm|yarn)",
    r"files\.python" + "hosted",
    r"(test\.)?py" + r"pi\.org",
    r"deb\." + "debian",
    r"archive\." + "ubuntu",
    r"/(home|Users)/" + r"[a-z]+/",
    r"/ro" + r"ot/",
    r"/tmp/" + r"v/",
    r"BEGIN " + r"[A-Z ]*PRIVATE KEY",
]


def test_no_file_names_a_place_that_only_one_machine_has(checkout: Checkout) -> None:
    pattern = re.compile("|".join(FORBIDDEN))
    found: list[str] = []
    for path in checkout.files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        rows = enumerate(text.splitlines(), 1)
        found += [
            f"{checkout.name(path)}:{number}: {line.strip()[:100]}" for number, line in rows if pattern.search(line)
        ]
    assert found == []


def test_locks_hold_no_address(checkout: Checkout) -> None:
    locks = checkout.files(".txt", under="locks")
    assert [checkout.name(path) for path in locks] == ["locks/dev.txt", "locks/runtime.txt"]
    assert [checkout.name(path) for path in locks if "://" in path.read_text(encoding="utf-8")] == []
