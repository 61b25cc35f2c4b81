"""The library in memory."""

from collections.abc import Sequence

from roost.model.access import may_see, org_of
from roost.model.events import Principal
from roost.model.stored import Item
from roost.storage import rules


class Items:
    def __init__(self) -> None:
        self._items: dict[tuple[str, str], Item] = {}

    def put(self, items: Sequence[Item]) -> None:
        """All or none. Raises: StateConflict, NameTaken, LibraryFull."""
        for item in items:
            before = self._items.get((item.kind, item.id))
            others = [each for each in self._items.values() if each.kind == item.kind and each.id != item.id]
            like_it = [each for each in others if each.of == item.of and org_of(each.owner) == org_of(item.owner)]
            rules.admit_item(
                item,
                0 if before is None else before.revision,
                taken=any(each.name == item.name for each in others),
                kept=len(like_it),
            )
        for item in items:
            self._items[item.kind, item.id] = item

    def find(self, kind: str, item: str) -> Item | None:
        return self._items.get((kind, item))

    def all(self, kind: str, visible_to: Principal | None, of: str | None) -> list[Item]:
        found = [
            item
            for item in self._items.values()
            if item.kind == kind
            and (of is None or item.of == of)
            and (visible_to is None or may_see(item.visibility, item.owner, visible_to))
        ]
        return sorted(found, key=lambda item: (item.created_at, item.id))

    def drop(self, kind: str, item: str) -> bool:
        """Whether it was there."""
        if self._items.pop((kind, item), None) is None:
            return False
        self._items = {key: each for key, each in self._items.items() if each.of != item}
        return True
