"""What each real agent is given so that it works for the tests: files and variables by which it talks to the fake
model, and to nobody else."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct


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
    for path, text in made.files.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(text)
    home.mkdir(exist_ok=True)
    temporary.mkdir()
    return {"HOME": str(home), "TMPDIR": str(temporary), **made.env}
