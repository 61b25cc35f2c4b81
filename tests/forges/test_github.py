"""GitHub over real HTTP: with a token, as an app, not connected, out of order."""

import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from msgspec import UNSET

from roost.core.forging import Forging
from roost.forges import forge_of
from roost.forges.github import GitHubForge
from roost.model.errors import ForgeFailed, ForgeNotConnected, Missing
from roost.model.events import Principal
from roost.model.forges import ForgeAccount
from roost.settings import GithubSettings, Settings
from tests.forges.github_double import TOKEN, GitHubDouble, github_double

pytestmark = pytest.mark.anyio

OWNER = Principal(user="owner")


@pytest.fixture
async def github() -> AsyncGenerator[GitHubDouble]:
    with anyio.fail_after(30):
        async with github_double() as double:
            yield double


def signed_in(github: GitHubDouble, **more: Any) -> GitHubForge:
    settings: dict[str, Any] = {"api_url": github.url, "token": TOKEN} | more
    forge = forge_of(Settings(github=GithubSettings(**settings)))
    assert isinstance(forge, GitHubForge)
    return forge


@pytest.fixture(scope="module")
def app_key(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The file of a private key, and the public one."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    file = tmp_path_factory.mktemp("app") / "key.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )  # fmt: skip
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip
    return file, public.decode()


# --- with a token -----------------------------------------------------------------------------------------------------


async def test_a_token_shows_its_user_and_their_organisations(github: GitHubDouble) -> None:
    found = await signed_in(github).accounts()
    assert (found.user, found.avatar, found.integration) == ("anna", "https://a.test/7", "token")
    assert found.accounts == (
        ForgeAccount(id="7", name="anna", kind="User", installation="token", avatar="https://a.test/7"),
        ForgeAccount(id="8", name="acme", kind="Organization", installation="token"),
    )


async def test_a_token_that_may_not_see_organisations_shows_its_user(github: GitHubDouble) -> None:
    github.may_see_orgs = False
    assert [each.name for each in (await signed_in(github).accounts()).accounts] == ["anna"]


async def test_repositories_come_from_all_pages_by_name(github: GitHubDouble) -> None:
    github.repositories.reverse()
    found = await signed_in(github).repositories("8")
    assert [each.id for each in found.repositories] == list(range(250))
    first = found.repositories[0]
    assert (first.full_name, first.clone_url) == ("acme/repo-000", "https://g.test/acme/repo-000.git")
    assert (first.owner, first.owner_avatar, first.default_branch, first.private) == ("acme", UNSET, "main", True)
    (own,) = (await signed_in(github).repositories("7")).repositories
    assert own.owner == "anna"
    with pytest.raises(Missing):
        await signed_in(github).repositories("9")


# --- as an app --------------------------------------------------------------------------------------------------------


async def test_an_app_shows_its_installations_and_what_they_may_see(
    github: GitHubDouble, app_key: tuple[Path, str]
) -> None:
    file, github.public_key = app_key
    forge = signed_in(github, token=None, app_id="12", app_key_file=str(file))
    found = await forge.accounts()
    assert (found.integration, found.user) == ("12", UNSET)
    assert found.accounts == (ForgeAccount(id="8", name="acme", kind="Organization", installation="42"),)
    assert len((await forge.repositories("8")).repositories) == 250
    assert len((await forge.repositories("8")).repositories) == 250
    assert github.asked.count("/app/installations/42/access_tokens") == 1, "it is kept until it expires"


@pytest.mark.parametrize("key", [None, "no key"])
async def test_an_app_whose_key_is_none_is_not_connected(github: GitHubDouble, tmp_path: Path, key: str | None) -> None:
    if key is not None:
        (tmp_path / "key.pem").write_text(key)
    forge = signed_in(github, token=None, app_id="12", app_key_file=str(tmp_path / "key.pem"))
    with pytest.raises(ForgeNotConnected, match="key of the GitHub App"):
        await forge.accounts()


# --- not connected, out of order --------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [{}, {"app_id": "12"}, {"app_key_file": "/nowhere"}])
async def test_without_a_sign_in_there_is_no_forge(given: dict[str, Any]) -> None:
    assert forge_of(Settings(github=GithubSettings(**given))) is None
    with pytest.raises(ForgeNotConnected):
        await Forging(None).accounts(OWNER)


async def test_a_sign_in_that_github_refuses_is_none(github: GitHubDouble) -> None:
    with pytest.raises(ForgeNotConnected, match="401"):
        await signed_in(github, token="ghp_bad").accounts()


async def test_users_of_organisations_that_share_the_hub_do_not_see_what_its_owner_does(github: GitHubDouble) -> None:
    forging = Forging(signed_in(github))
    for ask in (forging.accounts(guest := Principal(user="guest", org="acme")), forging.repositories("7", guest)):
        with pytest.raises(ForgeNotConnected):
            await ask
    assert (await forging.accounts(OWNER)).user == "anna"


async def test_a_github_out_of_order_says_so_and_is_asked_again(github: GitHubDouble) -> None:
    forge = signed_in(github)
    github.broken = 500
    with pytest.raises(ForgeFailed, match="500"):
        await forge.accounts()
    github.broken, github.garbage = None, True
    with pytest.raises(ForgeFailed, match="cannot be read"):
        await forge.accounts()
    github.garbage = False
    assert (await forge.accounts()).user == "anna"


async def test_a_github_that_is_not_there_says_so() -> None:
    forge = forge_of(Settings(github=GithubSettings(api_url="http://127.0.0.1:1/", token=TOKEN)))
    assert forge is not None
    with pytest.raises(ForgeFailed):
        await forge.accounts()


def test_the_library_is_imported_when_it_is_used() -> None:
    check = (
        "import sys; from roost.forges import forge_of; from roost.settings import GithubSettings, Settings;"
        " forge_of(Settings(github=GithubSettings(token='x'))); print('githubkit' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
