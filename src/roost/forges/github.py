"""GitHub through githubkit (ports.Forge; docs/adr/0014): with a token, or as a GitHub App.

The library is imported at the first call, and used for what is tedious: signing in as an app and as its installations,
renewing those sign-ins, timeouts. Answers are read by structs of ours, which want no more than we serve.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio
import msgspec
from anyio import to_thread
from msgspec import UNSET, Struct

from roost.model.errors import ForgeFailed, ForgeNotConnected, Missing
from roost.model.forges import ForgeAccount, ForgeAccounts, ForgeRepositories, ForgeRepository

if TYPE_CHECKING:
    from githubkit import GitHub

PER_PAGE: Final = 100
MAX_PAGES: Final = 50
"""5,000 accounts, or repositories of one: more are not shown."""
ASK_SECONDS: Final = 20.0
TOKEN: Final = "token"


class _Owner(Struct):
    id: int
    login: str
    type: str = "Organization"
    avatar_url: str | None = None


class _Installation(Struct):
    id: int
    account: _Owner


class _Repository(Struct):
    id: int
    name: str
    full_name: str
    clone_url: str
    html_url: str
    owner: _Owner
    default_branch: str | None = None
    visibility: str | None = None
    private: bool = False
    archived: bool = False
    disabled: bool = False


class _Installed(Struct):
    repositories: list[_Repository]


class GitHubForge:
    """With `token`, else as the app. A sign-in that GitHub refuses, or that cannot be used, is none."""

    def __init__(self, *, base_url: str, token: str | None, app_id: str | None, app_key: Path | None) -> None:
        self._base_url = base_url
        self._token = token
        self._app_id = app_id or ""
        self._app_key = app_key
        self._signed_in: GitHub[Any] | None = None

    async def accounts(self) -> ForgeAccounts:
        if self._token:
            return await self._accounts_of_token()
        installed = await self._all("app/installations", list[_Installation])
        found = tuple(_account(each.account, str(each.id)) for each in installed)
        return ForgeAccounts(accounts=found, integration=self._app_id)

    async def repositories(self, account: str) -> ForgeRepositories:
        known = next((each for each in (await self.accounts()).accounts if each.id == account), None)
        if known is None:
            raise Missing(f"GitHub shows this hub no account {account!r}")
        found = sorted(await self._repositories_of(known), key=lambda each: each.name.lower())
        return ForgeRepositories(account=account, repositories=tuple(map(_repository, found)))

    async def _accounts_of_token(self) -> ForgeAccounts:
        me = await self._ask(await self._github(), "user", _Owner)
        try:
            orgs = await self._all("user/orgs", list[_Owner])
        except ForgeNotConnected:
            orgs = []  # a token for some repositories alone may not see whose they are
        found = tuple(_account(each, TOKEN) for each in (me, *orgs))
        return ForgeAccounts(accounts=found, integration=TOKEN, user=me.login, avatar=me.avatar_url or UNSET)

    async def _repositories_of(self, account: ForgeAccount) -> list[_Repository]:
        if account.installation == TOKEN:
            own = "user/repos?affiliation=owner"
            return await self._all(own if account.kind == "User" else f"orgs/{account.name}/repos", list[_Repository])
        github = await self._github()
        installed = github.with_auth(github.auth.as_installation(int(account.installation)))
        return await self._all("installation/repositories", _Installed, installed)

    # --- asking -------------------------------------------------------------------------------------------------------

    async def _github(self) -> "GitHub[Any]":
        """Raises: ForgeNotConnected: the library is not installed; the app's key cannot be read."""
        if self._signed_in is None:
            key = "" if self._app_key is None else await _text_of(self._app_key)
            self._signed_in = await to_thread.run_sync(self._sign_in, key)
        return self._signed_in

    def _sign_in(self, key: str) -> "GitHub[Any]":
        """Imports the library, which takes a while."""
        try:
            from githubkit import AppAuthStrategy, GitHub, TokenAuthStrategy
            from githubkit.cache import MemCacheStrategy
        except ImportError:
            raise ForgeNotConnected("this hub was installed without GitHub: pip install 'roost[github]'") from None
        if not self._token:
            _check_key(key)
        auth = TokenAuthStrategy(self._token) if self._token else AppAuthStrategy(self._app_id, key)
        return GitHub(
            auth,
            base_url=self._base_url,
            timeout=ASK_SECONDS,
            cache_strategy=MemCacheStrategy(),  # else one for the whole process
            http_cache=False,
            auto_retry=False,
        )

    async def _all(self, path: str, form: Any, github: "GitHub[Any] | None" = None) -> list[Any]:
        """All pages of a list."""
        github, joint, found = github or await self._github(), "&" if "?" in path else "?", list[Any]()
        for number in range(1, MAX_PAGES + 1):
            page = await self._ask(github, f"{path}{joint}per_page={PER_PAGE}&page={number}", form)
            items = page.repositories if isinstance(page, _Installed) else page
            found += items
            if len(items) < PER_PAGE:
                break
        return found

    async def _ask(self, github: "GitHub[Any]", path: str, form: Any) -> Any:
        """Raises: ForgeNotConnected, ForgeFailed."""
        from githubkit.exception import GitHubException, RateLimitExceeded, RequestFailed

        try:
            answer = await github.arequest("GET", f"/{path}")  # pyright: ignore[reportUnknownMemberType]  # a plain dict
            return msgspec.json.decode(answer.content, type=form)
        except RateLimitExceeded as error:
            wait = round(error.retry_after.total_seconds())
            raise ForgeFailed("GitHub has been asked too much", retry_after_seconds=wait) from None
        except RequestFailed as error:
            status = error.response.status_code
            if status in (401, 403, 404):
                raise ForgeNotConnected(f"GitHub does not accept this hub's sign-in here ({status})") from None
            raise ForgeFailed(f"GitHub answered with {status}") from None
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise ForgeFailed("GitHub gave an answer that cannot be read") from None
        except GitHubException as error:
            raise ForgeFailed(f"GitHub could not be asked: {type(error).__name__}") from None


async def _text_of(key: Path) -> str:
    try:
        return await anyio.Path(key).read_text()
    except (OSError, UnicodeDecodeError):
        raise ForgeNotConnected(f"the key of the GitHub App cannot be read: {key}") from None


def _check_key(key: str) -> None:
    """Sign something with it: the library would take a key that is none for a connection that failed."""
    import jwt

    try:
        jwt.encode({}, key, algorithm="RS256")
    except (jwt.PyJWTError, ValueError):
        raise ForgeNotConnected("the key of the GitHub App is no RSA key in PEM") from None


def _account(owner: _Owner, installation: str) -> ForgeAccount:
    return ForgeAccount(
        id=str(owner.id),
        name=owner.login,
        kind=owner.type,
        installation=installation,
        avatar=owner.avatar_url or UNSET,
    )


def _repository(found: _Repository) -> ForgeRepository:
    return ForgeRepository(
        id=found.id,
        name=found.name,
        full_name=found.full_name,
        clone_url=found.clone_url,
        html_url=found.html_url,
        owner=found.owner.login,
        owner_avatar=found.owner.avatar_url or UNSET,
        default_branch=found.default_branch or UNSET,
        visibility=found.visibility or UNSET,
        private=found.private,
        archived=found.archived,
        disabled=found.disabled,
    )
