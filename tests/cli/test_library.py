"""`roost library`: things are kept, shown, prepared, published and deleted, and a session begins with them."""

import json
from pathlib import Path

import pytest

from roost.cli import codes
from roost.client import AsyncClient
from tests.cli.conftest import Roost

pytestmark = pytest.mark.anyio

PERSONA = {"slug": "critic", "display_name": "Critic", "instructions": "Be strict."}


async def test_a_template_is_kept_prepared_and_begun_with(roost: Roost, client: AsyncClient, tmp_path: Path) -> None:
    file = tmp_path / "template.json"
    file.write_text(json.dumps({"name": "api", "setup_script": "echo built > it"}))
    made = (await roost("library", "add", "template", str(file), "--json")).json
    assert (await roost("library", "refresh", made["id"])).out == f"{made['id']} is prepared\n"
    while (await client.library().template(made["id"])).preparation.status != "ready":
        continue
    listed = (await roost("library", "list", "template")).out
    assert made["id"] in listed and "ready" in listed and listed.endswith("api\n")
    run = await roost("run", "--template", made["id"], 'script: [{"bash": {"command": "cat it"}}]')
    assert run.code == codes.OK and "built" in run.out
    assert (await roost("library", "rm", "template", made["id"])).out == f"{made['id']} deleted\n"
    gone = await roost("library", "show", "template", made["id"])
    assert gone.code == codes.NOT_FOUND and "roost library" in gone.err


async def test_a_persona_is_drafted_published_and_archived(roost: Roost) -> None:
    made = await roost("library", "add", "persona", "-", "--json", stdin=json.dumps(PERSONA))
    assert made.json["lifecycle"] == "draft"
    assert (await roost("library", "publish", "critic")).code == codes.OK
    assert "published 1" in (await roost("library")).out
    assert (await roost("library", "show", "persona", "critic")).json["published"]["version"] == 1
    assert (await roost("library", "archive", "persona", "critic")).out.endswith("archived\n")
    assert "critic" not in (await roost("library", "list", "persona")).out


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "skill"), ("rm", "persona", "critic"), ("add", "skill", "/no/such/file"), ("list", "thing"),
        ("add", "skill", "-"),
    ],
)  # fmt: skip
async def test_what_makes_no_sense_is_a_usage_error(roost: Roost, arguments: tuple[str, ...]) -> None:
    assert (await roost("library", *arguments, stdin="[]")).code == codes.USAGE
