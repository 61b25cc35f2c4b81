"""The hub itself: its feed, its agents, its end."""

from collections.abc import Sequence
from typing import Annotated

from anyio import to_thread
from litestar import get, post
from litestar.params import FromQuery, QueryParameter
from msgspec import Struct

from roost.api.call import STREAM, Call
from roost.api.cursors import feed_cursor
from roost.model import access
from roost.model.agents import AgentList, without_places
from roost.model.ids import Pos
from roost.model.stored import FeedEntry


class FeedPage(Struct, frozen=True, kw_only=True):
    """Facts in order, without those that you may not see; go on after `pos`. `head` is the last position there is."""

    entries: Sequence[FeedEntry]
    pos: Pos
    head: Pos


class Stopping(Struct, frozen=True, kw_only=True):
    status: str


@get("/v1/feed", opt=STREAM)
async def list_feed(
    request: Call,
    after: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=5000)] = 500,
) -> FeedPage:
    """Facts of all sessions after a position (`now`: the present end); with `Accept: text/event-stream` all of them,
    and then as they come."""
    feed = request.hub.feed
    page = await feed.page(await feed_cursor(request.hub, after), request.by, limit)
    return FeedPage(entries=page.entries, pos=page.pos, head=await feed.head())


@get("/v1/agents")
async def list_agents(request: Call) -> AgentList:
    """The agents this hub can run: which are installed and signed in on its machine, and how to get the others."""
    found = await to_thread.run_sync(request.hub.survey)
    return AgentList(agents=tuple(found if access.may_see_machine(request.by) else map(without_places, found)))


@post("/v1/shutdown", status_code=202)
async def shut_down(request: Call) -> Stopping:
    """Pause all sessions, stop their hosts, stop the hub."""
    await request.hub.ending.shut_down(request.by)
    return Stopping(status="stopping")


routes = [list_feed, list_agents, shut_down]
