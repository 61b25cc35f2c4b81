"""GitHub over the Coder wire: not connected, connected, and who sees what the hub's sign-in sees."""

from pathlib import Path

import anyio
import pytest

from roost.core.forging import Forging
from roost.forges import forge_of
from roost.settings import GithubSettings, Settings
from tests.api.coder.asking import ask
from tests.api.served import Served, served
from tests.forges.github_double import TOKEN, github_double

pytestmark = pytest.mark.anyio


async def test_github_is_not_connected_until_it_is(hub: Served) -> None:
    for path in ("/github/accounts", "/github/repos"):
        told = await ask(hub, "GET", path, accountId="7", status=409)
        assert (told["code"], told["success"]) == ("forge_not_connected", False) and "GitHub" in told["error"]
    assert (await hub.http.get("/v1/github/accounts")).json()["code"] == "forge_not_connected"


async def test_accounts_and_repositories_are_listed_as_clients_read_them(tmp_path: Path) -> None:
    with anyio.fail_after(30):
        async with github_double() as github, served(tmp_path) as hub:
            hub.hub.forging = Forging(forge_of(Settings(github=GithubSettings(token=TOKEN, api_url=github.url))))
            told = await ask(hub, "GET", "/github/accounts")
            assert (told["connected"], told["username"], told["avatarUrl"]) == (True, "anna", "https://a.test/7")
            assert told["accounts"][1] == {
                "installationId": "token", "integrationId": "token", "accountId": "8", "accountName": "acme",
                "accountType": "Organization",
            }  # fmt: skip
            told = await ask(hub, "GET", "/github/repos", accountId="8")
            assert (told["accountId"], told["totalCount"], len(told["repositories"])) == ("8", 250, 250)
            assert told["repositories"][0] == {
                "id": 0, "name": "repo-000", "fullName": "acme/repo-000", "private": True, "archived": False,
                "cloneUrl": "https://g.test/acme/repo-000.git", "htmlUrl": "https://g.test/acme/repo-000",
                "disabled": False, "owner": {"login": "acme"}, "defaultBranch": "main", "visibility": "private",
            }  # fmt: skip
            await ask(hub, "GET", "/github/repos", accountId="9", status=404)
            await ask(hub, "GET", "/github/repos", status=400)
            github.broken = 503
            await ask(hub, "GET", "/github/accounts", status=502)
            accounts = (await hub.http.get("/v1/github/accounts")).json()
            assert accounts["code"] == "forge_failed"
