"""`make demo` keeps what it promises, and leaves nothing behind."""

import importlib.util
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest

from roost.processes import HOST_MARK, marked
from tests.house.conftest import ROOT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the demo makes its folders."""
    return tmp_path


def start(folder: Path, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "demo/run.py"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def sessions_of(printed: str) -> set[str]:
    return set(re.findall(r"codesess_[0-9a-f]{12}", printed))


def nothing_is_left(folder: Path, printed: str) -> bool:
    hubs = [pid for pid in re.findall(r"pid (\d+)", printed) if psutil.pid_exists(int(pid))]
    sessions = sessions_of(printed)
    hosts = marked(HOST_MARK, lambda mark: mark.partition(".")[0] in sessions)
    return not hubs and not hosts and not list(folder.iterdir())


@pytest.mark.fire
def test_the_demo_keeps_every_promise_and_leaves_nothing(folder: Path) -> None:
    demo = start(folder)
    printed, _ = demo.communicate(timeout=90)
    assert demo.returncode == 0, printed

    lines = printed.splitlines()
    claims = [line for line in lines if line.startswith("  ✓ ")]
    assert not [line for line in lines if "✗" in line]
    counts = re.findall(r"observer (\d) has (\d+) of (\d+) events, 1\.\.(\d+), each once", "\n".join(claims))
    assert [number for number, *_ in counts] == ["1", "2"]
    assert {len(set(numbers)) for _, *numbers in counts} == {1}
    assert [line for line in claims if "the failing test passes" in line and line.endswith("OK")]
    assert [line for line in lines if "its tests say: FAILED (failures=1)" in line]
    assert "The agent is a script" in printed
    assert "with a real agent" in printed
    assert len(set(re.findall(r"hub +up.*pid (\d+)", printed))) == 2
    assert nothing_is_left(folder, printed)


@pytest.mark.fire
def test_ctrl_c_clears_everything_away(folder: Path) -> None:
    demo = start(folder, PYTHONUNBUFFERED="1")
    assert demo.stdout is not None
    printed = ""
    while "killed with -9" not in printed:
        line = demo.stdout.readline()
        assert line, printed
        printed += line
    demo.send_signal(signal.SIGINT)
    rest, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert "everything is cleared away" in rest
    assert nothing_is_left(folder, printed + rest)


@pytest.fixture
def run() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo_run", ROOT / "demo/run.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["demo_run"] = module  # dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


def test_a_claim_that_does_not_hold_fails_the_demo(run: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    screen: Any = run.Screen()
    screen.claim(True, "this holds")
    assert not screen.failed
    screen.claim(False, "this does not")
    screen.claim(True, "this does")
    assert screen.failed
    assert "✗ this does not" in capsys.readouterr().out


def test_an_observer_with_a_hole_or_a_repeat_is_found_out(run: ModuleType) -> None:
    def has_each_once(*seqs: int) -> bool:
        observer = run.Observer("observer", Path(tempfile.gettempdir()))
        observer.events = [type("Event", (), {"seq": seq}) for seq in seqs]
        return observer.has_each_once()

    assert has_each_once(1, 2, 3)
    assert not has_each_once()
    assert not has_each_once(1, 3)
    assert not has_each_once(1, 2, 2, 3)
    assert not has_each_once(2, 1, 3)
