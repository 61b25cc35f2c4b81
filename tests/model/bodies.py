"""Bodies of every kind for Hypothesis, made from the structs themselves: a new event is generated as soon as it exists.

Ids come from small pools, so that events meet: the same message twice, a tool that ends before it starts.
"""

from functools import cache
from typing import Any

from hypothesis import strategies as st
from msgspec import inspect

from roost.model import events as e
from roost.model.envelope import BODIES

POOLS: dict[str, list[str]] = {
    "message": ["msg_1", "msg_2", "msg_3", "msg_4"],
    "part": ["part_1", "part_2", "part_3"],
    "call": ["call_1", "call_2"],
    "tool": ["bash", "edit"],
    "task": ["task_1"],
    "request": ["req_1", "req_2"],
}
TEXTS = st.sampled_from(["", "a", "be", "ten chars.", 'q"\\\n', "Größe 🦉", "{}"])
JSON = st.sampled_from([{}, {"a": 1}, ["x", 2.5, True], "text", 0])
COUNTS = st.integers(0, 1000)


@cache
def bodies(kind: type[e.Body]) -> st.SearchStrategy[e.Body]:
    """Bodies of this kind, with any of their optional fields."""
    return _structs(kind)


@cache
def full_bodies(kind: type[e.Body]) -> st.SearchStrategy[e.Body]:
    return _structs(kind, full=True)


any_body = st.sampled_from(BODIES).flatmap(bodies)


def _structs(kind: type[Any], *, full: bool = False) -> st.SearchStrategy[Any]:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    values = {field.name: _values(field.type, field.name, full) for field in info.fields}
    needed = {name: values.pop(name) for name in [f.name for f in info.fields if f.required or full]}
    return st.fixed_dictionaries(needed, optional=values).map(lambda given: kind(**given))


def _values(kind: inspect.Type, name: str, full: bool) -> st.SearchStrategy[Any]:
    match kind:
        case inspect.StrType():
            return st.sampled_from(POOLS[name]) if name in POOLS else TEXTS
        case inspect.LiteralType():
            return st.sampled_from(kind.values)
        case inspect.StructType():
            return _structs(kind.cls, full=full)
        case inspect.UnionType():
            return st.one_of([_values(option, name, full) for option in kind.types])
        case inspect.VarTupleType():
            return st.lists(_values(kind.item_type, name, full), max_size=2).map(tuple)
        case inspect.DictType():
            return st.dictionaries(TEXTS, JSON if isinstance(kind.value_type, inspect.AnyType) else TEXTS, max_size=2)
        case inspect.IntType():
            return COUNTS
        case inspect.FloatType():
            return st.sampled_from([0.0, 0.25, 1.5])
        case inspect.BoolType():
            return st.booleans()
        case inspect.AnyType():
            return JSON
        case _:
            raise AssertionError(f"no values for {kind} of {name}")
