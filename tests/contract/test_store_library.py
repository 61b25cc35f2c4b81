"""The library in every store: kept as it was given, once by its name, changed by whoever read it last."""

from typing import Any

import pytest
from msgspec.structs import replace

from roost.core.decision import HUB
from roost.model.errors import LibraryFull, NameTaken, StateConflict
from roost.model.events import Principal
from roost.model.stored import AuditEntry, Deed, Item
from roost.ports import Store
from roost.storage.rules import MAX_ITEMS
from tests.contract.given import ANNA, NOON

BERT = Principal(user="bert")
DORA = Principal(user="dora", org="acme")


def item(item_id: str = "i", **changes: Any) -> Item:
    fields: dict[str, Any] = {
        "kind": "skill", "id": item_id, "name": item_id, "owner": ANNA, "created_at": NOON, "updated_at": NOON,
        "data": b'{"any": "bytes"}',
    }  # fmt: skip
    return Item(**fields | changes)


async def names(store: Store, kind: str = "skill", **query: Any) -> list[str]:
    return [each.id for each in await store.items(kind, **query)]


async def test_an_item_is_read_as_it_was_kept_and_its_next_revision_in_its_place(store: Store) -> None:
    first = item(owner=Principal(user="anna", org="acme", key="k"), visibility="organization", of="it")
    await store.put_items(first)
    assert await store.item("skill", "i") == first
    second = replace(first, revision=2, data=b"{}", name="other", visibility="private", updated_at=NOON + 1)
    await store.put_items(second)
    assert await store.item("skill", "i") == second
    assert await store.items("skill") == [second]
    assert await store.item("bucket", "i") is None


@pytest.mark.parametrize("revision", [1, 3])
async def test_whoever_changes_what_has_changed_meanwhile_is_told(store: Store, revision: int) -> None:
    await store.put_items(item())
    with pytest.raises(StateConflict):
        await store.put_items(item(revision=revision, data=b"late"))
    assert await store.item("skill", "i") == item()


async def test_a_first_revision_is_the_first(store: Store) -> None:
    with pytest.raises(StateConflict):
        await store.put_items(item(revision=2))


async def test_a_name_is_taken_once_in_its_kind(store: Store) -> None:
    await store.put_items(item("a", name="same"))
    with pytest.raises(NameTaken):
        await store.put_items(item("b", name="same"))
    await store.put_items(item("b", name="same", kind="bucket"))
    assert await names(store) == ["a"]


async def test_several_are_kept_together_or_not_at_all(store: Store) -> None:
    await store.put_items(item("a"))
    with pytest.raises(StateConflict):
        await store.put_items(item("b"), item("a"))
    assert await names(store) == ["a"]
    await store.put_items(item("b"), item("a", revision=2))
    assert await names(store) == ["a", "b"]


async def test_items_are_listed_oldest_first_by_what_they_belong_to_and_to_who_may_see_them(store: Store) -> None:
    await store.put_items(item("late", created_at=NOON + 1), item("private"))
    await store.put_items(item("shared", owner=BERT, visibility="organization"))
    await store.put_items(item("theirs", owner=DORA, visibility="organization", of="private"))
    assert await names(store) == ["private", "shared", "theirs", "late"]
    assert await names(store, visible_to=HUB) == ["private", "shared", "theirs", "late"]
    assert await names(store, visible_to=ANNA) == ["private", "shared", "late"]
    assert await names(store, visible_to=BERT) == ["shared"]
    assert await names(store, visible_to=DORA) == ["theirs"]
    assert await names(store, of="private") == ["theirs"]
    assert await names(store, "bucket") == []


async def test_what_belongs_to_an_item_goes_with_it(store: Store) -> None:
    await store.put_items(
        item("a"), item("b"), item("a.1", kind="version", of="a"), item("b.1", kind="version", of="b")
    )
    await store.drop_item("skill", "a")
    assert await names(store) == ["b"]
    assert await names(store, "version") == ["b.1"]
    await store.drop_item("skill", "a")
    await store.put_items(item("a"))


async def test_the_audit_has_what_people_did_in_the_library_and_only_if_it_was_done(store: Store) -> None:
    deed = Deed(action="skill-added", by=ANNA, at=5, details={"id": "i"})
    await store.put_items(item(), deed=deed)
    with pytest.raises(StateConflict):
        await store.put_items(item(), deed=deed)
    await store.put_items(item(revision=2), deed=replace(deed, by=HUB, action="skill-prepared"))
    for _ in range(2):
        await store.drop_item("skill", "i", replace(deed, action="skill-deleted"))
    entries = await store.audit()
    assert [entry.action for entry in entries] == ["skill-added", "skill-deleted"]
    assert entries[0] == AuditEntry(pos=entries[0].pos, at=5, by=ANNA, action="skill-added", details={"id": "i"})
    assert await store.feed() == []


async def test_an_organisation_keeps_so_many_of_a_kind_and_no_more(store: Store) -> None:
    await store.put_items(*(item(str(number)) for number in range(MAX_ITEMS)))
    with pytest.raises(LibraryFull):
        await store.put_items(item("more"))
    await store.put_items(item("0", revision=2))
    await store.put_items(item("more", owner=DORA), item("more", kind="bucket"), item("of", of="0"))
