"""The forms in which Coder's clients send a key. Every form is good for every key.

What they say about an organisation beside it (`x-agentuity-orgid`, `orgId`, `org_id`) is not read: a key has its own.
"""

from typing import Final

from roost.api.asgi import Scope, header_of, query_of

HEADERS: Final = (b"x-agentuity-auth-api-key", b"x-roost-key")
QUERY: Final = ("api_key", "token", "apiKey")
"""For event streams and sockets, where a client may not be able to send headers."""


def key_of(scope: Scope, *, in_query: bool) -> str | None:
    """The first key that the request carries: a bearer token, a header, or (`in_query`) a parameter."""
    scheme, _, token = (header_of(scope, b"authorization") or "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    for header in HEADERS:
        if given := header_of(scope, header):
            return given
    named = (query_of(scope, name) for name in QUERY) if in_query else ()
    return next(filter(None, named), None)
