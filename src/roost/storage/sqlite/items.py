"""The library in its table: few rows, each written and read by itself."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from roost.model.access import org_of
from roost.model.events import Principal
from roost.model.stored import Item
from roost.storage import rules
from roost.storage.sqlite.sql import SQL

_principal: Final = msgspec.json.Decoder(Principal)


def put_items(connection: sqlite3.Connection, items: Sequence[Item]) -> None:
    """All or none: nothing is written before everything is checked. Raises: StateConflict, NameTaken,
    LibraryFull."""
    for item in items:
        given = {"kind": item.kind, "id": item.id, "name": item.name, "of": item.of, "org": org_of(item.owner)}
        revision, taken, kept = connection.execute(SQL["item-admitted"], given).fetchone()
        rules.admit_item(item, revision, taken=bool(taken), kept=kept)
    for item in items:
        who = msgspec.json.encode(item.owner).decode()
        row = (
            item.kind, item.id, item.name, item.of, who, item.owner.user, org_of(item.owner), item.visibility,
            item.created_at, item.updated_at, item.revision, item.data,
        )  # fmt: skip
        connection.execute(SQL["put-item"], row)


def drop_item(connection: sqlite3.Connection, kind: str, item: str) -> bool:
    """Whether it was there."""
    gone = connection.execute(SQL["drop-item"], (kind, item)).rowcount > 0
    if gone:
        connection.execute(SQL["drop-items-of"], (item,))
    return gone


def read_item(connection: sqlite3.Connection, kind: str, item: str) -> Item | None:
    row = connection.execute(SQL["item"], (kind, item)).fetchone()
    return None if row is None else _item(row)


def read_items(
    connection: sqlite3.Connection, kind: str, *, visible_to: Principal | None, of: str | None
) -> list[Item]:
    seen = {"all": visible_to is None or visible_to.kind == "service", "user": "", "org": ""}
    if visible_to is not None:
        seen |= {"user": visible_to.user, "org": org_of(visible_to)}
    return [_item(row) for row in connection.execute(SQL["items"], {"kind": kind, "of": of, **seen})]


def _item(row: Sequence[Any]) -> Item:
    kind, item_id, name, of, who, visibility, created_at, updated_at, revision, data = row
    return Item(
        kind=kind,
        id=item_id,
        name=name,
        of=of,
        owner=_principal.decode(who),
        visibility=visibility,
        created_at=created_at,
        updated_at=updated_at,
        revision=revision,
        data=data,
    )
