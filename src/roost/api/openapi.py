"""The OpenAPI 3.1 document: routes from the handlers' signatures, schemas from the types that encode and decode."""

from collections.abc import Iterator
from functools import cache
from inspect import cleandoc, getdoc
from typing import Annotated, Any, Final, cast, get_args

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.params import BodyKwarg, ParameterKwarg
from litestar.typing import FieldDefinition
from msgspec import NODEFAULT, Meta

from roost import __version__
from roost.api.call import MAX_KEY_CHARS
from roost.api.problems import Problem
from roost.api.rest import ROUTES, paths_of
from roost.model.envelope import BODIES, BY_TAG
from roost.model.info import Health

Json = dict[str, Any]
Schemas = dict[Any, Json]
REF: Final = "#/components/schemas/{name}"
SECURITY: Final[Json] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key: agc_..."},
    "header": {"type": "apiKey", "in": "header", "name": "x-roost-key"},
    "query": {"type": "apiKey", "in": "query", "name": "key", "description": "For event streams only."},
}
LAST_EVENT_ID: Final[Json] = {
    "name": "Last-Event-ID",
    "in": "header",
    "schema": {"type": "string"},
    "description": "For event streams: the cursor to continue from. Beats `after`.",
}
TYPES: Final[Json] = {
    "name": "types",
    "in": "query",
    "schema": {"type": "string"},
    "description": "For event streams: event types, separated by commas. Others are left out.",
}
IDEMPOTENCY_KEY: Final[Json] = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARS},
    "description": "The same key with the same body within 24 h gives the same answer and changes nothing.",
}

LIMITS: Final = ("ge", "le", "max_length")
BINARY: Final[Json] = {"type": "string", "format": "binary"}
BODY: Final = (
    "What happened, by its `type`: the bytes its producer wrote. A type that is not named here was written by a newer "
    "version."
)
METRICS: Final[Json] = {
    "operationId": "metrics",
    "summary": "The hub in numbers, for Prometheus",
    "description": "None is about one session or person. For keys without an organisation.",
    "responses": {
        "200": {"description": "Done.", "content": {"text/plain": {"schema": {"type": "string"}}}},
        "default": {"$ref": "#/components/responses/Problem"},
    },
}
ABOUT: Final = (
    "A self-hosted hub for coding-agent sessions. Beside these routes there is one socket for each session, "
    "`GET /v1/sessions/{session}/socket` upgraded to a WebSocket: it carries events (`Event`), commands (the bodies of "
    "the routes that act, with their name in `command`) and presence (`Participant`). Its messages, and event streams, "
    "are described in PROTOCOL.md, sections 3 and 9."
)


@cache
def document() -> bytes:
    """The document as JSON, made when first asked for."""
    return msgspec.json.encode(build())


def build() -> Json:
    wanted = dict.fromkeys([*(kind for handler in ROUTES for kind in _types(handler)), Problem, Health])
    found, components = msgspec.json.schema_components(wanted, ref_template=REF)
    schemas = dict(zip(wanted, found, strict=True))
    components = _bodies(components) | components
    paths: Json = {path: {"get": _open(path, schemas[Health])} for path in ("/healthz", "/readyz")}
    paths["/metrics"] = {"get": METRICS}
    for handler in ROUTES:
        method, path = paths_of(handler)
        paths.setdefault(path, {})[method.lower()] = _operation(handler, schemas)
    problem = {"description": "What went wrong.", "content": {"application/problem+json": {"schema": schemas[Problem]}}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Roost",
            "version": __version__,
            "license": {"name": "Apache-2.0"},
            "description": ABOUT,
        },
        "security": [{name: []} for name in SECURITY if name != "query"],
        "paths": paths,
        "components": {
            "schemas": {name: _tidy(schema) for name, schema in components.items()},
            "responses": {"Problem": problem},
            "securitySchemes": SECURITY,
        },
    }


def _bodies(taken: Json) -> Json:
    """Every type of event, what they consist of, and the union of them. One whose name is taken is called `..Event`."""
    _, components = msgspec.json.schema_components(BODIES, ref_template=REF)
    mapping: Json = {}
    for tag, kind in BY_TAG.items():
        schema = components.pop(kind.__name__)
        name = f"{kind.__name__}Event" if kind.__name__ in taken else kind.__name__
        components[name] = schema
        mapping[tag] = REF.format(name=name)
    newer = {"type": "string", "not": {"enum": list(mapping)}}
    components["NewerEvent"] = {
        "title": "NewerEvent",
        "type": "object",
        "properties": {"type": newer},
        "required": ["type"],
    }
    components["EventBody"] = {
        "title": "EventBody",
        "description": BODY,
        "oneOf": [*({"$ref": ref} for ref in mapping.values()), {"$ref": REF.format(name="NewerEvent")}],
        "discriminator": {"propertyName": "type", "mapping": mapping},
    }
    return components


def _types(handler: HTTPRouteHandler) -> Iterator[Any]:
    """Every type the route's schemas are made from."""
    if "gives" not in handler.opt:
        yield _answer(handler)
    for field in _fields(handler).values():
        yield _constrained(field)


def _answer(handler: HTTPRouteHandler) -> Any:
    """What the route answers with; a handler that encodes by itself says so in its `opt`."""
    return handler.opt.get("answer", handler.parsed_return_field.annotation)


def _fields(handler: HTTPRouteHandler) -> dict[str, FieldDefinition]:
    fields = handler.parsed_fn_signature.parameters
    return {name: field for name, field in fields.items() if name != "request"}


def _constrained(field: FieldDefinition) -> Any:
    """The field's type without None (a parameter is there or not), and its limits."""
    kinds = [kind for kind in get_args(field.annotation) if kind is not type(None)]
    kind = kinds[0] if field.is_optional else field.annotation
    limits = field.kwarg_definition
    if isinstance(limits, ParameterKwarg):
        told: Json = {name: limit for name in LIMITS if (limit := getattr(limits, name)) is not None}
        return cast(Any, Annotated)[kind, Meta(**told)] if told else kind
    return kind


def _operation(handler: HTTPRouteHandler, schemas: Schemas) -> Json:
    name = handler.fn.__name__
    summary, _, description = cleandoc(getdoc(handler.fn) or "").replace("\n", " ").partition(". ")
    content = _content(handler, schemas)
    streams = handler.opt.get("stream", False)
    if streams:
        content["text/event-stream"] = {"schema": {"type": "string"}}
    told: Json = {
        "operationId": name,
        "summary": summary.rstrip("."),
        "parameters": list(_parameters(handler, schemas)),
        "responses": {
            str(handler.status_code): {"description": "Done.", "content": content},
            **{str(status): {"description": why} for status, why in handler.opt.get("also", {}).items()},
            "default": {"$ref": "#/components/responses/Problem"},
        },
    }
    if description:
        told["description"] = description
    if streams:
        told["security"] = [{name: []} for name in SECURITY]
    body = _fields(handler).get("data")
    if body is not None:
        schema = {"application/json": {"schema": schemas[_constrained(body)]}}
        told["requestBody"] = {"required": not body.is_optional, "content": schema}
    if "takes" in handler.opt:
        told["requestBody"] = {"required": True, "content": {handler.opt["takes"]: {"schema": BINARY}}}
    return told


def _content(handler: HTTPRouteHandler, schemas: Schemas) -> Json:
    """What the route answers with: JSON of its type, or bytes."""
    if "gives" in handler.opt:
        return {handler.opt["gives"]: {"schema": BINARY}}
    return {"application/json": {"schema": schemas[_answer(handler)]}}


def _parameters(handler: HTTPRouteHandler, schemas: Schemas) -> Iterator[Json]:
    _, path = paths_of(handler)
    for name, field in _fields(handler).items():
        if isinstance(field.kwarg_definition, BodyKwarg):
            continue
        schema = schemas[_constrained(field)]
        if f"{{{name}}}" in path:
            yield {"name": name, "in": "path", "required": True, "schema": schema}
        else:
            default = {} if field.default in (None, NODEFAULT) else {"default": field.default}
            yield {"name": name, "in": "query", "schema": schema | default}
    if handler.opt.get("recorded"):
        yield IDEMPOTENCY_KEY
    if handler.opt.get("stream"):
        yield LAST_EVENT_ID
        if path != "/v1/feed":
            yield TYPES


def _open(path: str, schema: Json) -> Json:
    """The two routes that need no key and are answered before the framework."""
    summary = "The process serves" if path == "/healthz" else "Sessions are taken up and requests are answered"
    return {
        "operationId": path[1:],
        "summary": summary,
        "security": [],
        "responses": {
            "200": {"description": "It does.", "content": {"application/json": {"schema": schema}}},
            "default": {"$ref": "#/components/responses/Problem"},
        },
    }


def _tidy(schema: Json) -> Json:
    """A description on one line. A command's tag may be left out where the route says which command it is."""
    told = dict(schema)
    if told.get("title") == "Event":
        told["properties"] = told["properties"] | {"body": {"$ref": REF.format(name="EventBody")}}
    if "description" in told:
        told["description"] = " ".join(told["description"].split())
    if "command" in told.get("properties", {}):
        told["required"] = [name for name in told["required"] if name != "command"]
    return told
