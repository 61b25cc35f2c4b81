"""The people of the caller's organisation."""

from typing import Annotated, Final

from litestar import get
from litestar.params import QueryParameter
from msgspec import UNSET, UnsetType

from roost.api.call import Call
from roost.api.coder.shapes import Shape
from roost.api.coder.times import iso
from roost.model.keys import Colleague

MAX_USERS: Final = 2**31
PROVIDER: Final = "roost"


class UserShape(Shape, frozen=True, kw_only=True):
    """A hub knows people by their keys alone. `email`: the name, if it is one. `last_login_at`, `last_seen_at`: when
    the newest key was made."""

    user_id: str
    display_name: str
    email: str
    provider: str
    last_login_at: str
    last_seen_at: str
    created_at: str


class UsersAnswer(Shape, frozen=True, kw_only=True):
    """`total`: all that match. `limit`: if one was asked for."""

    users: list[UserShape]
    total: int
    offset: int
    limit: int | UnsetType = UNSET


@get("/api/hub/users")
async def list_coder_users(
    request: Call,
    search: Annotated[str, QueryParameter(max_length=200)] = "",
    limit: Annotated[int | None, QueryParameter(ge=0, le=MAX_USERS)] = None,
    offset: Annotated[int, QueryParameter(ge=0, le=MAX_USERS)] = 0,
) -> UsersAnswer:
    """Who has a key in your organisation, you among them, by name. `search`: a substring of it, whatever its case."""
    wanted = search.casefold()
    found = [user_of(each) for each in request.hub.keys.colleagues(request.by) if wanted in each.user.casefold()]
    page = found[offset : None if limit is None else offset + limit]
    return UsersAnswer(users=page, total=len(found), offset=offset, limit=UNSET if limit is None else limit)


def user_of(known: Colleague) -> UserShape:
    return UserShape(
        user_id=known.user,
        display_name=known.user,
        email=known.user if "@" in known.user else "",
        provider=PROVIDER,
        last_login_at=iso(known.key_at),
        last_seen_at=iso(known.key_at),
        created_at=iso(known.since),
    )


routes = [list_coder_users]
