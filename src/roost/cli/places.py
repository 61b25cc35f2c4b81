"""Where this face looks when nobody tells it."""

import os
from pathlib import Path


def default_config() -> Path:
    """The settings file that is read when none is named; it need not exist."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "roost" / "config.toml"
