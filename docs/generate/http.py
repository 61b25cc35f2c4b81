"""The page of all routes and types, from the OpenAPI document."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from roost.api.openapi import build

Json = dict[str, Any]
INTRO: Final = """# HTTP routes

Made by `make docs` from the OpenAPI document that every hub serves at `/openapi.json`. How keys, errors, idempotency
and event streams work is in [PROTOCOL.md](../../PROTOCOL.md), sections 1 to 3; error codes are in
[errors.md](errors.md).

Every route but `/healthz` and `/readyz` needs an API key. Whatever is refused is answered with a [Problem](#problem).
"""

TYPES: Final = "A field that is not required and has no default may be absent; no field is ever `null`."


def page() -> str:
    document = build()
    routes = [(method.upper(), path, told) for path, ways in document["paths"].items() for method, told in ways.items()]
    lines = [INTRO, "| Method | Path | |", "|---|---|---|"]
    lines += [
        f"| `{method}` | [`{path}`](#{told['operationId']}) | {told['summary']} |" for method, path, told in routes
    ]
    for method, path, told in routes:
        lines += ["", *_route(method, path, told)]
    lines += [
        "",
        "# Types",
        "",
        "A field that is not required and has no default may be absent; no field is ever `null`.",
    ]
    schemas: Json = document["components"]["schemas"]
    bodies = {schema["$ref"].rpartition("/")[2] for schema in schemas["EventBody"]["oneOf"]}
    for name, schema in sorted(schemas.items()):
        if name in bodies:
            continue  # they have a page of their own
        lines += ["", *_type(name, schema)]
    return "\n".join(lines) + "\n"


def _route(method: str, path: str, told: Json) -> Iterator[str]:
    yield f"## {told['operationId']}"
    yield ""
    yield f"`{method} {path}`"
    yield ""
    yield f"{told['summary']}. {told.get('description', '')}".strip()
    if told.get("parameters"):
        yield ""
        yield "| Parameter | In | Type | |"
        yield "|---|---|---|---|"
        for given in told["parameters"]:
            yield f"| `{given['name']}` | {given['in']} | {_kind(given['schema'])} | {_note(given)} |"
    if "requestBody" in told:
        optional = "" if told["requestBody"]["required"] else ", or none"
        yield ""
        yield f"Body: {_content(told['requestBody']['content'])}{optional}."
    yield ""
    answers = [_answer(status, answer) for status, answer in told["responses"].items() if status != "default"]
    yield f"Answers: {'; '.join(answers)}."


def _answer(status: str, answer: Json) -> str:
    content = answer.get("content", {})
    if not content:
        return f"`{status}`, {answer['description'].rstrip('.')}"
    streamed = ", or an event stream" if "text/event-stream" in content else ""
    return f"`{status}` {_content(content)}{streamed}"


def _content(content: Json) -> str:
    """JSON of a type, or bytes."""
    if "text/plain" in content:
        return "text"
    return _kind(content["application/json"]["schema"]) if "application/json" in content else "the bytes"


def _type(name: str, schema: Json) -> Iterator[str]:
    yield f"## {name}"
    if schema.get("description"):
        yield ""
        yield schema["description"]
    if "oneOf" in schema:
        yield ""
        yield "The types and their fields are in [events.md](events.md)."
    if "enum" in schema:
        yield ""
        yield f"One of {_kind(schema)}."
    if schema.get("properties"):
        required = schema.get("required", [])
        yield ""
        yield "| Field | Type | |"
        yield "|---|---|---|"
        for field, told in schema["properties"].items():
            yield f"| `{field}` | {_kind(told)} | {'required' if field in required else _default(told)} |"


def _note(given: Json) -> str:
    limits = {"minimum": "at least", "maximum": "at most"}
    notes = [f"{words} {given['schema'][limit]}" for limit, words in limits.items() if limit in given["schema"]]
    told = given.get("description", "").rstrip(".")
    return "; ".join(filter(None, [told, *notes, _default(given["schema"])]))


def _default(schema: Json) -> str:
    """What a field that is left out means."""
    if "default" not in schema or schema["default"] in ((), [], {}):
        return ""
    value = schema["default"]
    return f"default `{str(value).lower() if isinstance(value, bool) else value}`"


def _kind(schema: Json) -> str:
    """A type in words: a link, a list, a choice."""
    match schema:
        case {"$ref": ref}:
            name = ref.rpartition("/")[2]
            return f"[{name}](#{name.lower()})"
        case {"enum": values}:
            return ", ".join(f"`{value}`" for value in values)
        case {"anyOf": kinds}:
            return " or ".join(map(_kind, kinds))
        case {"type": "array", "items": {} as items} if items:
            return f"list of {_kind(items)}"
        case {"type": "array"}:
            return "list"
        case {"type": "object", "additionalProperties": {} as values} if values:
            return f"object of {_kind(values)}"
        case {"type": kind}:
            return str(kind)
        case _:
            return "anything"


PAGES: Final[dict[str, Callable[[], str]]] = {"docs/reference/http.md": page}
