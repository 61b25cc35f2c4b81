"""The OpenAPI document says what the routes do."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from roost.api.openapi import build
from roost.api.rest import ROUTES, paths_of
from roost.model.envelope import BY_TAG
from tests.api.served import Served

pytestmark = pytest.mark.anyio
OPEN = {("GET", "/healthz"), ("GET", "/readyz")}
READS = ["get_session", "list_sessions", "get_snapshot", "list_messages", "list_events", "list_pending", "list_feed"]


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def resolve(document: dict[str, Any], reference: str) -> Any:
    node: Any = document
    for name in reference.removeprefix("#/").split("/"):
        node = node[name]
    return node


async def test_it_is_served_to_whoever_has_a_key(api: Served) -> None:
    answer = await api.http.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.json() == msgspec.json.decode(msgspec.json.encode(build()))
    assert answer.json()["openapi"].startswith("3.1")


def test_every_route_is_in_it_once_with_its_own_operation_id() -> None:
    found = list(operations(build()))
    assert {(method, path) for method, path, _ in found} == {
        *map(paths_of, ROUTES),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/metrics"),
    }
    ids = [operation["operationId"] for _, _, operation in found]
    assert len(set(ids)) == len(ids)


def test_every_reference_leads_somewhere_and_every_schema_is_used() -> None:
    document = build()
    found = set(references(document))
    assert all(resolve(document, reference) for reference in found)
    assert {f"#/components/schemas/{name}" for name in document["components"]["schemas"]} <= found


def test_every_route_names_its_errors_its_parameters_and_its_key() -> None:
    for method, path, operation in operations(build()):
        assert operation["responses"]["default"] == {"$ref": "#/components/responses/Problem"}
        in_path = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "path"}
        assert in_path == {part[1:-1] for part in path.split("/") if part.startswith("{")}, (method, path)
        assert operation["summary"]
        assert (operation.get("security") == []) == (path in ("/healthz", "/readyz"))


def test_every_type_of_event_is_described_and_told_apart_by_its_type() -> None:
    schemas = build()["components"]["schemas"]
    assert schemas["Event"]["properties"]["body"] == {"$ref": "#/components/schemas/EventBody"}
    union = schemas["EventBody"]
    mapping = union["discriminator"]["mapping"]
    assert mapping.keys() == BY_TAG.keys()
    assert [entry["$ref"] for entry in union["oneOf"]] == [*mapping.values(), "#/components/schemas/NewerEvent"]
    for tag, reference in mapping.items():
        assert resolve(build(), reference)["properties"]["type"] == {"enum": [tag]}


def test_the_socket_is_described() -> None:
    assert "/v1/sessions/{session}/socket" in build()["info"]["description"]


async def test_each_event_fits_the_schema_of_its_type_alone(api: Served) -> None:
    session = await api.live(task="hello")
    page = (await api.http.get(f"/v1/sessions/{session.id}/events")).json()
    document = build()
    mapping = document["components"]["schemas"]["EventBody"]["discriminator"]["mapping"]
    assert len(page["events"]) == session.seq
    for event in page["events"]:
        fits(document, {"$ref": mapping[event["body"]["type"]]}, event["body"])


async def test_an_answer_has_the_fields_its_schema_names(api: Served) -> None:
    session = await api.live(task="hello")
    document = build()
    for name in [*READS, "list_agents"]:
        path, operation = next((p, o) for _, p, o in operations(document) if o["operationId"] == name)
        answer = (await api.http.get(path.replace("{session}", session.id))).json()
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        fits(document, schema, answer)


def fits(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    """Objects have what is required and nothing that is not described."""
    if "$ref" in schema:
        schema = resolve(document, schema["$ref"])
    if isinstance(value, dict) and "properties" in schema:
        assert set(schema.get("required", [])) <= value.keys(), schema["title"]
        if "title" in schema:
            assert value.keys() <= schema["properties"].keys(), schema["title"]
            for name, entry in value.items():
                fits(document, schema["properties"][name], entry)
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for entry in value:
            fits(document, schema["items"], entry)
