"""A registry for each test, and one folder of agents for each module: Node is large."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.installs.registry import Registry, running_registry


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data") / "agents"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Registry]:
    """npm asks it, and does not ask twice."""
    with running_registry() as running:
        own = {"registry": running.url, "fetch_retries": "0", "userconfig": str(tmp_path / "npmrc")}
        for name, value in own.items():
            monkeypatch.setenv(f"npm_config_{name}", value)
        yield running
