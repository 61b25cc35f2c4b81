"""The routes of version 1 as one ASGI app."""

from typing import Final

from litestar.handlers import HTTPRouteHandler

from roost.api.problems import problem
from roost.api.routing import Routing, paths_of
from roost.api.v1 import (
    abilities,
    bundles,
    decisions,
    forges,
    history,
    hub,
    knowing,
    library,
    loops,
    natives,
    people,
    runs,
    sessions,
    shelf,
    workspace,
)

ROUTES: Final[list[HTTPRouteHandler]] = [
    *sessions.routes,
    *history.routes,
    *runs.routes,
    *decisions.routes,
    *abilities.routes,
    *loops.routes,
    *knowing.routes,
    *workspace.routes,
    *shelf.routes,
    *bundles.routes,
    *natives.routes,
    *library.routes,
    *forges.routes,
    *people.routes,
    *hub.routes,
]
"""Every route of version 1, in the order in which the reference lists them."""
REST: Final = Routing(ROUTES, problem)

__all__ = ["REST", "ROUTES", "paths_of"]
