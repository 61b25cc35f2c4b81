"""Sessions that build a custom agent: how they begin, what their agent may do, and that it is done once."""

from hashlib import sha256
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from msgspec import UNSET
from msgspec.json import encode

from roost.core.building import MESSAGE_CHARS, builder_of
from roost.core.decision import HUB, Decision
from roost.core.session import Session
from roost.model import library as lib
from roost.model.envelope import draft
from roost.model.events import ArtifactPublished, RuntimeReady, SessionArchived
from roost.model.library import MAX_PROPOSAL_BYTES
from tests.api.coder.asking import ask, create
from tests.api.served import Served

pytestmark = pytest.mark.anyio


async def began(hub: Served, **body: Any) -> Session:
    """A builder session, as if its host had said hello."""
    made = await ask(hub, "POST", "/session/builder", body, status=201)
    session = await hub.hub.find(made["sessionId"], HUB)
    await session.decide(lambda _: Decision([draft(RuntimeReady(epoch=session.epoch), by=HUB)]))
    session.linked = True
    return session


async def proposed(hub: Served, session: Session, action: str, text: str | None = None, **persona: Any) -> Any:
    """The agent proposes, and the hub answers; the builder as clients see it then."""
    said = encode({"action": action, "persona": persona}).decode() if text is None else text
    await hub.say(session, [draft(ArtifactPublished(key="proposal", mime=lib.PROPOSAL_MIME, text=said))])
    await answered(session, session.record_now.made.artifacts[-1].seq)
    return (await ask(hub, "GET", f"/session/{session.id}"))["builder"]


async def answered(session: Session, seq: int) -> None:
    with anyio.fail_after(10):
        while True:
            builder = builder_of(session.record_now)
            assert builder is not None
            if builder.last is not UNSET and builder.last.seq >= seq:
                return
            await checkpoint()


async def drafted(hub: Served, slug: str) -> Session:
    """A builder session that has made its draft."""
    session = await began(hub)
    told = await proposed(hub, session, "create_draft", slug=slug, display_name="Critic", instructions="Be strict.")
    assert told["lastAction"]["status"] == "completed", told
    return session


# --- how they begin ---------------------------------------------------------------------------------------------------


async def test_a_builder_of_a_new_agent_has_its_prompt_as_task(hub: Served) -> None:
    session = await began(hub, prompt="An agent that criticises", label="mine")
    told = await ask(hub, "GET", f"/session/{session.id}")
    assert (told["task"], told["label"], told["builder"]) == ("An agent that criticises", "mine", {"mode": "new"})
    instructions = session.record_now.kit.instructions
    assert instructions is not UNSET and lib.PROPOSAL_FILE in instructions.text
    assert (await began(hub)).record_now.label == "Agent builder"


async def test_a_builder_from_a_session_knows_what_that_did(hub: Served) -> None:
    source = await create(hub, task="count the teapots")
    session = await began(hub, sourceSessionId=source["sessionId"])
    told = (await ask(hub, "GET", f"/session/{session.id}"))["builder"]
    wanted = {"sessionId": source["sessionId"], "label": "count the teapots"}
    assert told == {"mode": "from_session", "sourceSession": wanted}
    instructions = session.record_now.kit.instructions
    assert instructions is not UNSET and "count the teapots" in instructions.text


async def test_a_builder_that_edits_knows_the_agent_by_id_or_slug(hub: Served) -> None:
    agent = {"slug": "edited", "displayName": "Edited", "instructions": "Do as before."}
    known = (await ask(hub, "POST", "/agents", agent))["agent"]
    for target in ({"targetAgentId": known["id"]}, {"targetAgentSlug": "edited", "mode": "edit"}):
        session = await began(hub, **target)
        told = (await ask(hub, "GET", f"/session/{session.id}"))["builder"]
        assert (told["mode"], told["targetAgent"]) == (
            "edit", {"agentId": known["id"], "slug": "edited", "displayName": "Edited"},
        )  # fmt: skip
        instructions = session.record_now.kit.instructions
        assert instructions is not UNSET and "Do as before." in instructions.text
    changed = await proposed(hub, session, "update_draft", instructions="Do better.")
    assert changed["lastAction"]["kind"] == "update_draft" and changed["targetAgent"]["slug"] == "edited"
    assert (await ask(hub, "GET", "/agents/edited"))["agent"]["instructions"] == "Do better."


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"mode": "edit"}, 400),
        ({"mode": "from_session"}, 400),
        ({"mode": "other"}, 400),
        ({"sourceSessionId": "codesess_0123456789ab"}, 404),
        ({"targetAgentId": "agent_no"}, 404),
        ({"targetAgentSlug": "no"}, 404),
    ],
)
async def test_a_builder_of_nothing_is_refused(hub: Served, body: dict[str, str], status: int) -> None:
    await ask(hub, "POST", "/session/builder", body, status=status)


# --- what they do -----------------------------------------------------------------------------------------------------


async def test_a_proposal_is_drafted_changed_and_published_in_its_owners_name(hub: Served) -> None:
    session = await began(hub)
    made = await proposed(
        hub, session, "create_draft", slug="built", display_name="Built", instructions="Build.", tools=["read"]
    )
    assert made["proposal"]["tools"] == ["read"] and made["proposal"]["savedSkills"] == []
    agent = (await ask(hub, "GET", "/agents/built"))["agent"]
    assert (agent["lifecycle"], agent["ownerUserId"], agent["tools"]) == ("draft", "owner", ["read"])
    assert made["durable"] == {"draftAgentId": agent["id"], "draftAgentSlug": "built"}
    await proposed(hub, session, "update_draft", description="Builds.", thinking="low")
    told = await proposed(hub, session, "publish")
    last = told["lastAction"]
    assert (last["kind"], last["status"], last["publishedVersion"]) == ("publish", "completed", 1)
    assert (last["agentId"], last["agentSlug"]) == (agent["id"], "built") and last["occurredAt"].endswith("Z")
    assert told["durable"]["lastPublishedVersion"] == 1
    assert (told["proposal"]["slug"], told["proposal"]["description"]) == ("built", "Builds.")
    published = (await ask(hub, "GET", "/agents/built"))["agent"]["published"]
    assert (published["description"], published["thinkingLevel"]) == ("Builds.", "low")
    listed = (await ask(hub, "GET", "/sessions"))["sessions"]["websocket"]
    (item,) = [each for each in listed if each["sessionId"] == session.id]
    assert item["builder"]["lastAction"] == last and "proposal" not in item["builder"]


@pytest.mark.parametrize(
    ("action", "persona", "why"),
    [
        ("publish", {}, "no draft"),
        ("update_draft", {"instructions": "x"}, "no draft"),
        ("create_draft", {"slug": "half"}, "needs more"),
        ("create_draft", {"slug": "Not A Slug", "display_name": "x", "instructions": "x"}, "slug"),
        ("create_draft", {"slug": "s", "display_name": "x", "instructions": "x", "skills": ["sk_no"]}, "sk_no"),
        ("destroy", {}, "cannot be read"),
    ],
)
async def test_a_proposal_that_cannot_be_carried_out_says_why(
    hub: Served, action: str, persona: dict[str, Any], why: str
) -> None:
    told = await proposed(hub, await began(hub), action, **persona)
    assert told["lastAction"]["status"] == "failed" and why in told["lastAction"]["message"]


async def test_what_is_no_proposal_is_refused_and_the_next_one_is_carried_out(hub: Served) -> None:
    session = await began(hub)
    for text in ("no json", "x" * (MAX_PROPOSAL_BYTES + 1)):
        assert (await proposed(hub, session, "", text=text))["lastAction"]["status"] == "failed"
    told = await proposed(hub, session, "create_draft", slug="at-last", display_name="x", instructions="x")
    assert told["lastAction"]["status"] == "completed"
    again = await proposed(hub, session, "create_draft", slug="another", display_name="x", instructions="x")
    assert again["lastAction"]["status"] == "failed" and again["durable"]["draftAgentSlug"] == "at-last"


async def test_proposals_may_be_as_large_as_they_may_and_never_stop_the_next_one(hub: Served) -> None:
    session = await began(hub)
    lists = dict.fromkeys(("tools", "service_tools", "companions"), ["x" * 200] * 100)
    long = "x" * (64 * 1024)
    for large in ({"instructions": long + "x"}, {"description": long}, {"display_name": long, "model": "x" * 30_000}):
        told = await proposed(hub, session, "create_draft", slug="large", **large)
        assert told["lastAction"]["status"] == "failed" and len(told["lastAction"]["message"]) <= MESSAGE_CHARS
    assert "proposal" not in told, "together they would not fit an event"
    whole = {"slug": "large", "display_name": "x", "instructions": long[:30_000]}
    told = await proposed(hub, session, "create_draft", **whole, **lists)
    assert told["lastAction"]["status"] == "completed", told["lastAction"]


async def test_an_artifact_of_another_session_or_type_is_no_proposal(hub: Served) -> None:
    text = encode(
        {"action": "create_draft", "persona": {"slug": "no", "display_name": "x", "instructions": "x"}}
    ).decode()
    plain = await hub.live()
    await hub.say(plain, [draft(ArtifactPublished(key="p", mime=lib.PROPOSAL_MIME, text=text))])
    session = await began(hub)
    await hub.say(session, [draft(ArtifactPublished(key="p", mime="text/plain", text=text))])
    await proposed(hub, session, "publish")
    await ask(hub, "GET", "/agents/no", status=404)


# --- once -------------------------------------------------------------------------------------------------------------


async def test_what_was_done_before_the_hub_died_is_not_done_again(hub: Served) -> None:
    """A hub that dies between doing and saying so leaves a proposal in the log that the next one finds unanswered."""
    session = await drafted(hub, "once")
    owner, personas = session.record_now.owner, hub.hub.library.personas
    next_seq = session.seq + 1
    await personas.publish("once", owner, f"{session.id}.{next_seq}")
    told = await proposed(hub, session, "publish")
    assert (told["lastAction"]["status"], told["lastAction"]["publishedVersion"]) == ("completed", 1)
    other = await began(hub)
    made = f"agent_{sha256(f'{other.id}.{other.seq + 1}'.encode()).hexdigest()[:16]}"
    wanted = lib.PersonaRequest(slug="twice", display_name="x", instructions="x")
    await personas.add(wanted, owner, made)
    told = await proposed(hub, other, "create_draft", slug="twice", display_name="x", instructions="x")
    assert (told["lastAction"]["status"], told["lastAction"]["agentId"]) == ("completed", made)


async def test_a_proposal_found_unanswered_is_answered(hub: Served) -> None:
    session = await began(hub)
    hub.hub._hosts.published = lambda _session: None
    text = encode({"action": "create_draft", "persona": {"slug": "late", "display_name": "x", "instructions": "x"}})
    try:
        await hub.say(session, [draft(ArtifactPublished(key="p", mime=lib.PROPOSAL_MIME, text=text.decode()))])
    finally:
        hub.hub._hosts.published = hub.hub.building.touch
    await ask(hub, "GET", "/agents/late", status=404)
    hub.hub.building.touch(session)
    await answered(session, session.record_now.made.artifacts[-1].seq)
    assert (await ask(hub, "GET", "/agents/late"))["agent"]["lifecycle"] == "draft"


async def test_a_session_that_is_archived_keeps_what_it_built(hub: Served) -> None:
    session = await drafted(hub, "kept")
    await session.decide(lambda _: Decision([draft(SessionArchived(), by=HUB)]))
    told = (await ask(hub, "GET", f"/session/{session.id}"))["builder"]
    assert told["durable"]["draftAgentSlug"] == "kept"
    assert (await ask(hub, "GET", "/agents/kept"))["agent"]["slug"] == "kept"
