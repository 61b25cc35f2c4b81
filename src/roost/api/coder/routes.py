"""Every route of the Coder view but its streams (app.py)."""

from typing import Final

from litestar.handlers import HTTPRouteHandler

from roost.api.coder import agents, bootstrap, builder, data, github, history, sessions, skills, users, workspaces
from roost.api.coder.envelope import envelope
from roost.api.routing import Routing

ROUTES: Final[list[HTTPRouteHandler]] = [
    *sessions.routes,
    *data.routes,
    *history.routes,
    *bootstrap.routes,
    *skills.routes,
    *workspaces.routes,
    *agents.routes,
    *builder.routes,
    *users.routes,
    *github.routes,
]
CODER: Final = Routing(ROUTES, envelope)
