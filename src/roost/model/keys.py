"""API keys and people as they are served: never the key itself, but once, when it is made."""

from msgspec import UNSET, Struct, UnsetType

from roost.model.access import Scope

MAX_NAME_CHARS = 64
"""Of a user or an organisation."""
MAX_KEY_LABEL_CHARS = 200
MAX_KEYS = 1000
"""Keys that are not revoked."""


class AddKey(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A new key. `org`: absent, that of whoever adds it. `expires_at`: ms since the epoch; absent: never."""

    user: str
    org: str | UnsetType = UNSET
    scope: Scope = "controller"
    label: str = ""
    expires_at: int | UnsetType = UNSET


class KeyInfo(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A key by its public id. `own`: it is the one that asks."""

    id: str
    user: str
    scope: Scope
    created_at: int
    org: str | UnsetType = UNSET
    label: str = ""
    expires_at: int | UnsetType = UNSET
    revoked_at: int | UnsetType = UNSET
    own: bool = False


class NewKey(Struct, frozen=True, kw_only=True):
    """`secret` is the key. It is shown this once and cannot be read again."""

    key: KeyInfo
    secret: str


class KeyList(Struct, frozen=True, kw_only=True):
    keys: tuple[KeyInfo, ...]


class User(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody who has a key that works. `scope`: the most that one of them allows."""

    user: str
    scope: Scope
    keys: int
    org: str | UnsetType = UNSET


class Colleague(Struct, frozen=True, kw_only=True):
    """Somebody of the same organisation. In ms: when the oldest and the newest key that works was made."""

    user: str
    since: int
    key_at: int


class UserList(Struct, frozen=True, kw_only=True):
    users: tuple[User, ...]
