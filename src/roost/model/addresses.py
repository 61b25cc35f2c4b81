"""Addresses of repositories to clone: which are taken, and what in them is secret.

An address is logged, shown and served; a password never is. The hub takes it out of the address and keeps it in the
session's `env`, which is write-only, under `CREDENTIALS`. Git is given it as a header (`with_credentials`), so that it
stands on no command line and in no file of the clone.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from msgspec import UNSET, UnsetType

from roost.model.errors import WorkspaceInvalid

CREDENTIALS: Final = "ROOST_CLONE_CREDENTIALS"
"""`user:password` for the repository that a session has cloned."""
MAX_ADDRESS_CHARS: Final = 2000
MAX_BASE_CHARS: Final = 250
WEB: Final = ("https", "http")
SCHEMES: Final = (*WEB, "ssh", "git", "file")

_HOST: Final = r"(?!-)(?:[\w.-]+|\[[0-9a-fA-F:.]+\])"
_AUTHORITY: Final = re.compile(rf"(?:[^/@]*@)?{_HOST}(?::\d*)?")
_SCP_LIKE: Final = re.compile(rf"(?:(?!-)[\w.~+-]+@)?{_HOST}:(?!:)(?![^/]*@).+")
_BASE: Final = re.compile(r"(?![-+^/])(?!.*\.\.)[^\x00-\x20\x7f~^:?*\[\\]+")
_SECRET: Final = re.compile(r"(?<=://)[^/\s]+@")


def check_address(address: str) -> None:
    """`https://`, `http://`, `ssh://`, `git://`, `file://`, `[user@]host:path` or an absolute path: nothing that git
    would take for an option or for the name of a program. Raises: WorkspaceInvalid."""
    scheme, apart, rest = address.partition("://")
    if apart:
        known = scheme in SCHEMES and (scheme == "file" or _AUTHORITY.fullmatch(rest.partition("/")[0]) is not None)
        known = known and not (scheme in WEB and re.search(r"[?#]", rest))  # where a token could hide
    else:
        known = address.startswith("/") or _SCP_LIKE.fullmatch(address) is not None
    if not known or not address.isprintable() or len(address) > MAX_ADDRESS_CHARS:
        raise WorkspaceInvalid(
            "this is no address that is cloned here: `url` is https://host/path, ssh://host/path, user@host:path, or a "
            "folder of the hub's machine, absolute"
        )


def check_base(base: str) -> None:
    """A branch, a tag, a commit or another ref of the remote repository. Raises: WorkspaceInvalid."""
    if not _BASE.fullmatch(base) or len(base) > MAX_BASE_CHARS:
        raise WorkspaceInvalid(f"{base[:MAX_BASE_CHARS]!r} is no name of a branch, tag or commit")


def split_credentials(address: str) -> tuple[str, str]:
    """The address without its credentials, and these as `user:password`; empty: it has none.

    Raises: WorkspaceInvalid.
    """
    check_address(address)
    scheme, apart, rest = address.partition("://")
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    if not apart or not at:
        return address, ""
    if scheme in WEB:
        name, _, password = user.partition(":")
        return f"{scheme}://{host}{slash}{path}", f"{unquote(name)}:{unquote(password)}"
    if ":" in user:
        raise WorkspaceInvalid("only http and https take a password in the address: ssh uses a key of the hub's user")
    return address, ""


def with_credentials(env: Mapping[str, str], address: str | UnsetType) -> dict[str, str]:
    """A session's environment as whoever runs git gets it: the credentials as the header that git sends to the host of
    this address, behind whatever else the environment configures."""
    given = {name: value for name, value in env.items() if name != CREDENTIALS}
    if CREDENTIALS not in env or address is UNSET:
        return given
    scheme, _, rest = address.partition("://")
    before = given.get("GIT_CONFIG_COUNT", "")
    number = int(before) if before.isascii() and before.isdecimal() else 0
    return given | {
        "GIT_CONFIG_COUNT": str(number + 1),
        f"GIT_CONFIG_KEY_{number}": f"http.{scheme}://{rest.partition('/')[0]}/.extraHeader",
        f"GIT_CONFIG_VALUE_{number}": f"Authorization: Basic {b64encode(env[CREDENTIALS].encode()).decode()}",
    }


def scrubbed(text: str) -> str:
    """What a program said, without the credentials in any address."""
    return _SECRET.sub("***@", text)
