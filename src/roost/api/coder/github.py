"""Accounts and repositories of GitHub."""

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter
from msgspec import UNSET, UnsetType

from roost.api.call import Call
from roost.api.coder.shapes import Shape
from roost.model.forges import ForgeAccounts, ForgeRepository


class AccountShape(Shape, frozen=True, kw_only=True):
    installation_id: str
    integration_id: str
    account_id: str
    account_name: str
    account_type: str
    avatar_url: str | UnsetType = UNSET


class AccountsAnswer(Shape, frozen=True, kw_only=True):
    connected: bool
    accounts: list[AccountShape]
    username: str | UnsetType = UNSET
    avatar_url: str | UnsetType = UNSET


class OwnerShape(Shape, frozen=True, kw_only=True):
    login: str
    avatar_url: str | UnsetType = UNSET


class RepositoryShape(Shape, frozen=True, kw_only=True):
    id: int
    name: str
    full_name: str
    clone_url: str
    html_url: str
    private: bool
    archived: bool
    disabled: bool
    owner: OwnerShape
    default_branch: str | UnsetType = UNSET
    visibility: str | UnsetType = UNSET


class RepositoriesAnswer(Shape, frozen=True, kw_only=True):
    account_id: str
    total_count: int
    repositories: list[RepositoryShape]


@get("/api/hub/github/accounts")
async def list_coder_accounts(request: Call) -> AccountsAnswer:
    """What the hub's sign-in for GitHub gives access to; 409 without one."""
    return accounts_of(await request.hub.forging.accounts(request.by))


@get("/api/hub/github/repos")
async def list_coder_repositories(
    request: Call, account: Annotated[str, QueryParameter(name="accountId")]
) -> RepositoriesAnswer:
    """Repositories of one of these accounts, by name."""
    found = [
        _repository_of(each) for each in (await request.hub.forging.repositories(account, request.by)).repositories
    ]
    return RepositoriesAnswer(account_id=account, total_count=len(found), repositories=found)


def accounts_of(found: ForgeAccounts) -> AccountsAnswer:
    accounts = [
        AccountShape(
            installation_id=each.installation,
            integration_id=found.integration,
            account_id=each.id,
            account_name=each.name,
            account_type=each.kind,
            avatar_url=each.avatar,
        )
        for each in found.accounts
    ]
    return AccountsAnswer(connected=True, accounts=accounts, username=found.user, avatar_url=found.avatar)


def _repository_of(found: ForgeRepository) -> RepositoryShape:
    return RepositoryShape(
        id=found.id,
        name=found.name,
        full_name=found.full_name,
        clone_url=found.clone_url,
        html_url=found.html_url,
        private=found.private,
        archived=found.archived,
        disabled=found.disabled,
        owner=OwnerShape(login=found.owner, avatar_url=found.owner_avatar),
        default_branch=found.default_branch,
        visibility=found.visibility,
    )


routes = [list_coder_accounts, list_coder_repositories]
