"""One kind of thing in the library, between structs and the store's items: who may see it, who may change it."""

from collections.abc import Callable, Sequence
from secrets import token_hex
from typing import Final, Generic, TypeVar

import msgspec

from roost.model.access import is_owner, may_see
from roost.model.errors import Forbidden, NotInLibrary, StateConflict
from roost.model.events import Principal
from roost.model.library import Saved
from roost.model.stored import Deed, Item
from roost.ports import Clock, Store

T = TypeVar("T", bound=Saved)
PREFIX: Final[dict[str, str]] = {"skill": "sk_", "bucket": "bucket_", "template": "ws_", "persona": "agent_"}
"""What ids begin with, by kind."""


class Catalog(Generic[T]):
    """`name_of`: what no two of this kind may share; without it, nothing."""

    def __init__(
        self, store: Store, clock: Clock, kind: str, form: type[T], name_of: Callable[[T], str] | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._kind = kind
        self._form = form
        self._name_of = name_of

    def new_id(self) -> str:
        return PREFIX[self._kind] + token_hex(8)

    def now(self) -> int:
        return self._clock.now_ms()

    async def all(self, by: Principal | None) -> list[T]:
        """What this principal may see (None: everything), oldest first."""
        return [self._decode(item) for item in await self._store.items(self._kind, visible_to=by)]

    async def find(self, name: str, by: Principal) -> T:
        """By its id. Raises: NotInLibrary."""
        return self._decode(await self._find(name, by))

    async def add(self, thing: T, verb: str = "added") -> T:
        """By its owner. Raises: NameTaken, LibraryFull."""
        await self._put([self._item(thing, 1)], thing.owner, verb)
        return thing

    async def change(
        self, name: str, by: Principal, how: Callable[[T], T], verb: str = "changed",
        along: Callable[[T], Sequence[Item]] = lambda _: (),
    ) -> T:  # fmt: skip
        """Change it as `how` says, and keep what goes `along` with what it becomes. `how` may be called again, if
        somebody else was faster. Raises: NotInLibrary; Forbidden: it is somebody else's; NameTaken; LibraryFull; what
        `how` raises."""
        while True:
            item = await self._find(name, by)
            _check_owner(item, by)
            thing = how(self._decode(item))
            if thing == self._decode(item):
                return thing
            try:
                await self._put([self._item(thing, item.revision + 1), *along(thing)], by, verb)
            except StateConflict:
                continue
            return thing

    async def delete(self, name: str, by: Principal) -> T:
        """And what belongs to it. Raises: NotInLibrary; Forbidden: somebody else's."""
        item = await self._find(name, by)
        _check_owner(item, by)
        await self._store.drop_item(self._kind, name, self._deed(item, by, "deleted"))
        return self._decode(item)

    async def _find(self, name: str, by: Principal) -> Item:
        item = await self._store.item(self._kind, name)
        if item is None or not may_see(item.visibility, item.owner, by):
            raise NotInLibrary(f"the library has no {self._kind} {name!r}", kind=self._kind, id=name)
        return item

    async def _put(self, items: Sequence[Item], by: Principal, verb: str) -> None:
        await self._store.put_items(*items, deed=self._deed(items[0], by, verb))

    def _deed(self, item: Item, by: Principal, verb: str) -> Deed:
        return Deed(action=f"{self._kind}-{verb}", by=by, at=self.now(), details={"kind": self._kind, "id": item.id})

    def _decode(self, item: Item) -> T:
        return msgspec.json.decode(item.data, type=self._form)

    def _item(self, thing: T, revision: int) -> Item:
        return Item(
            kind=self._kind,
            id=thing.id,
            name=thing.id if self._name_of is None else self._name_of(thing),
            owner=thing.owner,
            visibility=thing.visibility,
            created_at=thing.created_at,
            updated_at=thing.updated_at,
            revision=revision,
            data=msgspec.json.encode(thing),
        )


def _check_owner(item: Item, by: Principal) -> None:
    if not is_owner(item.owner, by):
        raise Forbidden(f"Only its owner may change this {item.kind}.")


def name_within(*parts: str) -> str:
    """One name of several parts, whatever they hold."""
    return msgspec.json.encode(parts).decode()
