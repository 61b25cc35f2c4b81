"""The library, from Python: skills, buckets, templates, personas; and repositories to pick from."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from roost.client.absent import as_struct
from roost.client.wire import Wire, new_key
from roost.model.events import Kit
from roost.model.forges import ForgeAccounts, ForgeRepositories
from roost.model.info import SessionInfo
from roost.model.library import (
    Bucket,
    BucketRequest,
    BuilderRequest,
    Dependencies,
    KitRequest,
    PersonaChange,
    PersonaInfo,
    PersonaRequest,
    PersonaVersion,
    SavedSkill,
    SavedTemplate,
    SkillRequest,
    TemplateChange,
    TemplateRequest,
)

T = TypeVar("T")


class AsyncLibrary:
    """The library of a hub (AsyncClient.library). What is asked for may be a dict of the same fields.

    Every method may raise HubUnreachable, Unauthorized, NotInLibrary; what changes something also Forbidden: it is
    somebody else's, InvalidBody, LibraryFull.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def kit(self, wanted: KitRequest | Mapping[str, Any]) -> Kit:
        """What a session would be given for this. Raises: PersonaUnpublished."""
        return await self._ask("POST", "kit", Kit, as_struct(wanted, KitRequest))

    # --- skills ---

    async def skills(self) -> list[SavedSkill]:
        """Those you may see, oldest first, as all lists here."""
        return await self._list("skills", SavedSkill)

    async def skill(self, skill: str) -> SavedSkill:
        return await self._ask("GET", f"skills/{_part(skill)}", SavedSkill)

    async def save_skill(self, wanted: SkillRequest | Mapping[str, Any]) -> SavedSkill:
        """The same repository and skill again is the same entry."""
        return await self._ask("POST", "skills", SavedSkill, as_struct(wanted, SkillRequest))

    async def delete_skill(self, skill: str) -> SavedSkill:
        """Sessions that were given it keep their copy."""
        return await self._ask("DELETE", f"skills/{_part(skill)}", SavedSkill)

    async def buckets(self) -> list[Bucket]:
        return await self._list("buckets", Bucket)

    async def bucket(self, bucket: str) -> Bucket:
        return await self._ask("GET", f"buckets/{_part(bucket)}", Bucket)

    async def add_bucket(self, wanted: BucketRequest | Mapping[str, Any]) -> Bucket:
        """Name several saved skills."""
        return await self._ask("POST", "buckets", Bucket, as_struct(wanted, BucketRequest))

    async def delete_bucket(self, bucket: str) -> Bucket:
        """Its skills stay saved."""
        return await self._ask("DELETE", f"buckets/{_part(bucket)}", Bucket)

    # --- templates ---

    async def templates(self) -> list[SavedTemplate]:
        return await self._list("templates", SavedTemplate)

    async def template(self, template: str) -> SavedTemplate:
        """Its `preparation` says how far its folder is."""
        return await self._ask("GET", f"templates/{_part(template)}", SavedTemplate)

    async def add_template(self, wanted: TemplateRequest | Mapping[str, Any]) -> SavedTemplate:
        """Save a workspace."""
        return await self._ask("POST", "templates", SavedTemplate, as_struct(wanted, TemplateRequest))

    async def change_template(
        self, template: str, change: TemplateChange | Mapping[str, Any]
    ) -> SavedTemplate:  # fmt: skip
        """What is present is replaced. A folder that was made from something else goes."""
        return await self._ask(
            "PATCH", f"templates/{_part(template)}", SavedTemplate, as_struct(change, TemplateChange)
        )

    async def refresh_template(self, template: str) -> SavedTemplate:
        """Prepare its folder anew, in the background."""
        return await self._ask("POST", f"templates/{_part(template)}/refresh", SavedTemplate)

    async def delete_template(self, template: str) -> SavedTemplate:
        """Sessions that were made from it stay as they are."""
        return await self._ask("DELETE", f"templates/{_part(template)}", SavedTemplate)

    async def packages(self, packages: Sequence[str]) -> Dependencies:
        """Which of these Debian packages, `name` or `name=version`, there are. Raises: TimedOut."""
        return await self._ask("POST", "packages", Dependencies, {"packages": packages})

    # --- personas ---

    async def personas(self, *, archived: bool = False) -> list[PersonaInfo]:
        """Your own, and those that were published in your organisation. `archived`: those too."""
        return await self._list("personas", PersonaInfo, params={"archived": archived})

    async def persona(self, persona: str) -> PersonaInfo:
        """By its id or slug, here and below."""
        return await self._ask("GET", f"personas/{_part(persona)}", PersonaInfo)

    async def add_persona(self, wanted: PersonaRequest | Mapping[str, Any]) -> PersonaInfo:
        """A draft. Raises: NameTaken: its slug."""
        return await self._ask("POST", "personas", PersonaInfo, as_struct(wanted, PersonaRequest))

    async def change_persona(self, persona: str, change: PersonaChange | Mapping[str, Any]) -> PersonaInfo:
        """Its draft; what is published stays."""
        return await self._ask("PATCH", f"personas/{_part(persona)}", PersonaInfo, as_struct(change, PersonaChange))

    async def publish_persona(self, persona: str) -> PersonaInfo:
        """The draft becomes the next version, for your whole organisation."""
        return await self._ask("POST", f"personas/{_part(persona)}/publish", PersonaInfo)

    async def archive_persona(self, persona: str) -> PersonaInfo:
        """Off the lists, and not for new sessions any more."""
        return await self._ask("POST", f"personas/{_part(persona)}/archive", PersonaInfo)

    async def versions(self, persona: str) -> list[PersonaVersion]:
        """What was published of it, newest first."""
        return await self._list("versions", PersonaVersion, path=f"personas/{_part(persona)}/versions")

    async def build_persona(self, wanted: BuilderRequest | Mapping[str, Any], *, key: str | None = None) -> SessionInfo:
        """A session whose agent builds a persona. Raises: SessionNotFound: its source."""
        body = as_struct(wanted, BuilderRequest)
        answer = await self._wire.request("POST", "/v1/library/builder", body=body, key=key or new_key())
        return msgspec.json.decode(answer, type=SessionInfo)

    # --- repositories ---

    async def accounts(self) -> ForgeAccounts:
        """What the hub's sign-in for GitHub gives access to. Raises: ForgeNotConnected, ForgeFailed."""
        return msgspec.json.decode(await self._wire.request("GET", "/v1/github/accounts"), type=ForgeAccounts)

    async def repositories(self, account: str) -> ForgeRepositories:
        """Of one of these accounts, by its id. Raises: ForgeNotConnected, ForgeFailed, Missing."""
        path = f"/v1/github/accounts/{_part(account)}/repositories"
        return msgspec.json.decode(await self._wire.request("GET", path), type=ForgeRepositories)

    # --- inside ---

    async def _ask(self, method: str, path: str, form: type[T], body: object = None) -> T:
        return msgspec.json.decode(await self._wire.request(method, f"/v1/library/{path}", body=body), type=form)

    async def _list(
        self, name: str, form: type[T], *, path: str | None = None, params: Mapping[str, Any] | None = None
    ) -> list[T]:
        answer = await self._wire.request("GET", f"/v1/library/{path or name}", params=params)
        return msgspec.json.decode(answer, type=dict[str, list[form]])[name]


def _part(name: str) -> str:
    """A name as one part of a path."""
    return quote(name, safe="")
