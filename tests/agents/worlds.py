"""What each real agent is given so that it works for the tests: files and variables by which it talks to the fake
model, and to nobody else."""

import json
import os
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Any, Final

import anyio
from msgspec import Struct

from roost.installs.places import FOLDER
from tests.agents.installed import CACHE, model_modules
from tests.interop.coder.packages import node

KEPT: Final = ("GIT_CONFIG", "HOME", "LANG", "LC_", "PATH", "PYTHON", "PYTEST", "ROOST_", "TERM", "TMPDIR")
"""Beginnings of variables that a hub sees. Agents heed hundreds of others, of whoever runs the tests."""
START_SECONDS: Final = 60


class World(Struct, frozen=True):
    """Of one agent: files by their paths in its HOME, and variables beside those of every agent."""

    env: dict[str, str]
    files: dict[str, str] = {}


def claude(model: str) -> World:
    off = ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "DISABLE_TELEMETRY", "DISABLE_ERROR_REPORTING")
    return World({"ANTHROPIC_BASE_URL": model, "ANTHROPIC_API_KEY": "sk-ant-fake", **dict.fromkeys(off, "1")})


def codex(model: str) -> World:
    config = f"""
model = "gpt-5"
model_provider = "fake"
check_for_update_on_startup = false
[model_providers.fake]
name = "fake"
base_url = "{model}/v1"
wire_api = "responses"
env_key = "FAKE_KEY"
supports_websockets = false
[analytics]
enabled = false
[features]
plugins = false
"""
    return World({"FAKE_KEY": "x"}, {".codex/config.toml": config})


def opencode(model: str) -> World:
    limits = {"limit": {"context": 100000, "output": 8000}, "cost": {"input": 1, "output": 2}}
    fake = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Fake",
        "options": {"baseURL": f"{model}/v1", "apiKey": "x"},
        "models": {"fake-1": {"name": "Fake 1", "tool_call": True, **limits}},
    }
    settings = {
        "model": "fake/fake-1",
        "small_model": "fake/fake-1",
        "enabled_providers": ["fake"],
        "autoupdate": False,
        "share": "disabled",
        "permission": {"edit": "ask", "bash": "ask"},
        "provider": {"fake": fake},
    }
    off = {f"OPENCODE_DISABLE_{name}": "1" for name in ("MODELS_FETCH", "LSP_DOWNLOAD", "DEFAULT_PLUGINS")}
    return World(off, {".config/opencode/opencode.json": json.dumps(settings)})


def gemini(model: str) -> World:
    settings: dict[str, Any] = {
        "general": {"enableAutoUpdate": False, "disableAutoUpdate": True},
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
        "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
        "model": {"name": "gemini-2.5-pro"},
    }
    env = {"GEMINI_API_KEY": "x", "GOOGLE_GEMINI_BASE_URL": model, "GEMINI_CLI_TRUST_WORKSPACE": "true"}
    return World(env, {".gemini/settings.json": json.dumps(settings)})


def pi(model: str) -> World:
    cost = {"input": 1, "output": 2, "cacheRead": 0, "cacheWrite": 0}
    fake = {"id": "fake-1", "name": "Fake 1", "reasoning": False, "input": ["text"], "cost": cost}
    provider = {"baseUrl": f"{model}/v1", "apiKey": "x", "api": "openai-completions"}
    models = {"providers": {"fake": {**provider, "models": [{**fake, "contextWindow": 100000, "maxTokens": 8000}]}}}
    chosen = {"defaultProvider": "fake", "defaultModel": "fake-1"}
    files = {".pi/agent/models.json": json.dumps(models), ".pi/agent/settings.json": json.dumps(chosen)}
    return World({"PI_OFFLINE": "1", "PI_TELEMETRY": "0"}, files)


WORLDS: Final[Mapping[str, Callable[[str], World]]] = {
    "claude": claude,
    "codex": codex,
    "gemini": gemini,
    "opencode": opencode,
    "pi": pi,
}


def furnish(name: str, folder: Path, model: str) -> dict[str, str]:
    """Make the home of this agent in `folder`; the variables that it is started with. Its HOME is not below its TMPDIR:
    Codex would not make its links there."""
    home, temporary = folder / "home", folder / "tmp"
    made = WORLDS[name](model)
    for each in (home, temporary):
        each.mkdir(parents=True)
    for path, text in made.files.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(text)
    return {"HOME": str(home), "TMPDIR": str(temporary), **made.env}


def settle(agent: str, folder: Path, model: str) -> tuple[Path, Path]:
    """A data folder in which the agents are installed, and a configuration with which this one works for a hub, whose
    user has the home `folder / "home"`."""
    data, config = folder / "data", folder / "config.toml"
    data.mkdir(parents=True)
    (data / FOLDER).symlink_to(CACHE)
    given = ", ".join(f"{name} = {json.dumps(value)}" for name, value in furnish(agent, folder, model).items())
    config.write_text(f"[agents.{agent}]\nenv = {{ {given} }}\nhosts = {json.dumps([model])}\n")
    return data, config


@contextmanager
def environment_of(home: Path) -> Generator[None]:
    """Of this process, and what it starts meanwhile: as of a user with this home, without what an agent would heed."""
    before = dict(os.environ)
    for name in before:
        if not name.startswith(KEPT):
            del os.environ[name]
    os.environ["HOME"] = str(home)
    try:
        yield
    finally:
        os.environ.update(before)


@asynccontextmanager
async def fake_model() -> AsyncGenerator[str]:
    """Its address."""
    script, modules = Path(__file__).with_name("fake_model.mjs"), model_modules()
    assert modules.exists(), "the fake model is not installed: run this by `make test-agents`"
    command = [str(node()), str(script), str(modules)]
    async with await anyio.open_process(command, stdin=DEVNULL, stdout=PIPE, stderr=None) as process:
        assert process.stdout is not None
        try:
            with anyio.fail_after(START_SECONDS):
                address = (await process.stdout.receive()).decode().strip()
            yield address
        finally:
            process.kill()
