"""The published client, CLI and terminal UI, unmodified, against a hub with the scripted agent.

The packages are installed while other tests run: whoever collects these tests begins with it.
"""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL

import pytest

from roost.core.forging import Forging
from roost.forges import forge_of
from roost.settings import GithubSettings, Settings
from roost.testing import RunningHub, running_hub
from tests.forges.github_double import TOKEN, GitHubDouble, github_double
from tests.interop.coder import packages
from tests.interop.coder.published import Published, published

HERE = Path(__file__).parent


TEST_SECONDS = packages.INSTALL_SECONDS + 60
"""The first test of a worker waits for the packages. Whatever it waits for after that has a bound of its own."""
INSTALLER = pytest.StashKey["subprocess.Popen[bytes]"]()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.process)
            item.add_marker(pytest.mark.timeout(TEST_SECONDS))


def pytest_collection_finish(session: pytest.Session) -> None:
    if any(HERE in item.path.parents for item in session.items):
        command = [sys.executable, "-m", packages.__name__]
        session.config.stash[INSTALLER] = subprocess.Popen(
            command, cwd=packages.ROOT, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True
        )


def pytest_sessionfinish(session: pytest.Session) -> None:
    if installer := session.config.stash.get(INSTALLER, None):
        with suppress(ProcessLookupError):
            os.killpg(installer.pid, signal.SIGTERM)
        installer.wait()


@pytest.fixture(scope="session")
def installed() -> Path:
    """The folder of the published packages. Without them there is nothing to prove: the tests fail, in one line."""
    try:
        return packages.install()
    except packages.Unreachable as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="module")
async def hub() -> AsyncGenerator[RunningHub]:
    async with running_hub(rate_per_second=0) as running:
        yield running


@pytest.fixture(scope="module")
async def sdk(installed: Path, hub: RunningHub) -> AsyncGenerator[Published]:
    async with published(hub.url, key_of(hub.data)) as client:
        yield client


def key_of(data: Path) -> str:
    return (data / "api_key").read_text(encoding="ascii").strip()


@pytest.fixture
async def github(hub: RunningHub) -> AsyncGenerator[GitHubDouble]:
    """The hub has a sign-in for this GitHub."""
    assert hub.hub is not None
    before = hub.hub.forging
    async with github_double() as double:
        hub.hub.forging = Forging(forge_of(Settings(github=GithubSettings(token=TOKEN, api_url=double.url))))
        yield double
        hub.hub.forging = before
