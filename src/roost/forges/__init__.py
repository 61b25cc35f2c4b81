"""Forges, by the settings that sign in to them. A forge that is not used is never imported."""

from pathlib import Path

from roost.ports import Forge
from roost.settings import Settings


def forge_of(settings: Settings) -> Forge | None:
    """GitHub, if there is a token or an app for it. Reads the app's key when it is first used."""
    if not settings.github_token and not (settings.github_app_id and settings.github_app_key_file):
        return None
    from roost.forges.github import GitHubForge

    key = Path(settings.github_app_key_file).expanduser() if settings.github_app_key_file else None
    return GitHubForge(
        base_url=settings.github_api_url, token=settings.github_token, app_id=settings.github_app_id, app_key=key
    )  # fmt: skip
