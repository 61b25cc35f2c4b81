"""What a hub tells of the agents on its machine, and to whom."""

from roost.core.decisions import HUB
from roost.model.agents import Agent
from roost.model.keys import AddKey
from tests.api.served import Served


async def test_where_an_agent_lies_is_told_to_keys_without_an_organisation_alone(api: Served) -> None:
    found = Agent(name="mine", where="path", path="/opt/mine", logged_in=True, login="/srv/anna/.mine/auth.json")
    api.hub.survey = lambda: (found,)
    watcher = await api.hub.keys.add(AddKey(user="prometheus", scope="observer"), HUB)
    member = await api.hub.keys.add(AddKey(user="somebody", org="acme", scope="admin"), HUB)
    told: dict[str, dict[str, object]] = {}
    for key in (watcher, member):
        async with api.client(Authorization=f"Bearer {key.secret}") as http:
            (told[key.key.user],) = (await http.get("/v1/agents")).json()["agents"]
    hidden = {"path": "/opt/mine", "login": "/srv/anna/.mine/auth.json"}
    assert told["prometheus"] == told["somebody"] | hidden
    assert not hidden.keys() & told["somebody"].keys()
    assert told["somebody"]["logged_in"] is True
