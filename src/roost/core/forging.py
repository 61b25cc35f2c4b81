"""Who may look into the hub's forge: those whose hub it is, since all see what its one sign-in shows."""

from roost.model.access import org_of
from roost.model.errors import ForgeNotConnected
from roost.model.events import Principal
from roost.model.forges import ForgeAccounts, ForgeRepositories
from roost.ports import Forge


class Forging:
    """`forge`: None without a sign-in."""

    def __init__(self, forge: Forge | None) -> None:
        self._forge = forge

    async def accounts(self, by: Principal) -> ForgeAccounts:
        """Raises: ForgeNotConnected, ForgeFailed."""
        return await self._of(by).accounts()

    async def repositories(self, account: str, by: Principal) -> ForgeRepositories:
        """Raises: ForgeNotConnected, ForgeFailed, Missing."""
        return await self._of(by).repositories(account)

    def _of(self, by: Principal) -> Forge:
        """The sign-in is the hub's own: users of organisations that share the hub have none."""
        if self._forge is None or (by.kind != "service" and org_of(by)):
            raise ForgeNotConnected
        return self._forge
