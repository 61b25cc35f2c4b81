"""Forges, by the settings that sign in to them. A forge that is not used is never imported."""

from pathlib import Path

from roost.ports import Forge
from roost.settings import Settings


def forge_of(settings: Settings) -> Forge | None:
    """GitHub, if there is a token or an app for it. Reads the app's key when it is first used."""
    github = settings.github
    if not github.token and not (github.app_id and github.app_key_file):
        return None
    from roost.forges.github import GitHubForge

    key = Path(github.app_key_file).expanduser() if github.app_key_file else None
    return GitHubForge(base_url=github.api_url, token=github.token, app_id=github.app_id, app_key=key)
