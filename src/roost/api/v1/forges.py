"""Accounts and repositories of GitHub, to pick one for a session."""

from litestar import get
from litestar.params import FromPath

from roost.api.call import Call
from roost.model.forges import ForgeAccounts, ForgeRepositories


@get("/v1/github/accounts")
async def list_accounts(request: Call) -> ForgeAccounts:
    """What the hub's sign-in for GitHub gives access to. Without one: `forge_not_connected`."""
    return await request.hub.forging.accounts(request.by)


@get("/v1/github/accounts/{account:str}/repositories")
async def list_repositories(request: Call, account: FromPath[str]) -> ForgeRepositories:
    """Repositories of one of these accounts, by name, at most 5,000. `clone_url` is what a workspace may clone."""
    return await request.hub.forging.repositories(account, request.by)


routes = [list_accounts, list_repositories]
