"""Where repositories come from."""

from typing import Protocol

from roost.model.forges import ForgeAccounts, ForgeRepositories


class Forge(Protocol):
    """A forge with a sign-in. Both raise ForgeNotConnected: it does not accept the sign-in; ForgeFailed."""

    async def accounts(self) -> ForgeAccounts: ...

    async def repositories(self, account: str) -> ForgeRepositories:
        """Of one of its accounts, by id. Raises: Missing: none has it."""
        ...
