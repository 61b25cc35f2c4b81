"""Accounts and repositories of a forge (GitHub), as far as somebody picks one for a session."""

from msgspec import UNSET, Struct, UnsetType


class ForgeAccount(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A user or an organisation. `installation`: of the app that gives access to it, else `token`."""

    id: str
    name: str
    kind: str
    installation: str
    avatar: str | UnsetType = UNSET


class ForgeAccounts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`user`: whose sign-in it is, unless it is an app's. `integration`: the app, else `token`."""

    accounts: tuple[ForgeAccount, ...]
    integration: str
    user: str | UnsetType = UNSET
    avatar: str | UnsetType = UNSET


class ForgeRepository(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`clone_url`: what `workspace.url` of a session may be."""

    id: int
    name: str
    full_name: str
    clone_url: str
    html_url: str
    owner: str
    owner_avatar: str | UnsetType = UNSET
    default_branch: str | UnsetType = UNSET
    visibility: str | UnsetType = UNSET
    private: bool = False
    archived: bool = False
    disabled: bool = False


class ForgeRepositories(Struct, frozen=True, kw_only=True):
    """By name."""

    account: str
    repositories: tuple[ForgeRepository, ...]
