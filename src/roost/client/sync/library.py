"""Made from roost/client/library.py (make docs): do not edit.

The library, from Python: skills, buckets, templates, personas; and repositories to pick from.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from roost.client.library import AsyncLibrary
from roost.client.sync.portal import Twin
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


class Library(Twin):
    """The library of a hub (AsyncClient.library). What is asked for may be a dict of the same fields.

    Every method may raise HubUnreachable, Unauthorized, NotInLibrary; what changes something also Forbidden: it is
    somebody else's, InvalidBody, LibraryFull.
    """

    @property
    def _async(self) -> AsyncLibrary:
        return cast(AsyncLibrary, self._twin)

    def kit(self, wanted: KitRequest | Mapping[str, Any]) -> Kit:
        """What a session would be given for this. Raises: PersonaUnpublished."""
        return self._portal.call(self._async.kit, wanted)

    def skills(self) -> list[SavedSkill]:
        """Those you may see, oldest first, as all lists here."""
        return self._portal.call(self._async.skills)

    def skill(self, skill: str) -> SavedSkill:
        return self._portal.call(self._async.skill, skill)

    def save_skill(self, wanted: SkillRequest | Mapping[str, Any]) -> SavedSkill:
        """The same repository and skill again is the same entry."""
        return self._portal.call(self._async.save_skill, wanted)

    def delete_skill(self, skill: str) -> SavedSkill:
        """Sessions that were given it keep their copy."""
        return self._portal.call(self._async.delete_skill, skill)

    def buckets(self) -> list[Bucket]:
        return self._portal.call(self._async.buckets)

    def bucket(self, bucket: str) -> Bucket:
        return self._portal.call(self._async.bucket, bucket)

    def add_bucket(self, wanted: BucketRequest | Mapping[str, Any]) -> Bucket:
        """Name several saved skills."""
        return self._portal.call(self._async.add_bucket, wanted)

    def delete_bucket(self, bucket: str) -> Bucket:
        """Its skills stay saved."""
        return self._portal.call(self._async.delete_bucket, bucket)

    def templates(self) -> list[SavedTemplate]:
        return self._portal.call(self._async.templates)

    def template(self, template: str) -> SavedTemplate:
        """Its `preparation` says how far its folder is."""
        return self._portal.call(self._async.template, template)

    def add_template(self, wanted: TemplateRequest | Mapping[str, Any]) -> SavedTemplate:
        """Save a workspace."""
        return self._portal.call(self._async.add_template, wanted)

    def change_template(self, template: str, change: TemplateChange | Mapping[str, Any]) -> SavedTemplate:
        """What is present is replaced. A folder that was made from something else goes."""
        return self._portal.call(self._async.change_template, template, change)

    def refresh_template(self, template: str) -> SavedTemplate:
        """Prepare its folder anew, in the background."""
        return self._portal.call(self._async.refresh_template, template)

    def delete_template(self, template: str) -> SavedTemplate:
        """Sessions that were made from it stay as they are."""
        return self._portal.call(self._async.delete_template, template)

    def packages(self, packages: Sequence[str]) -> Dependencies:
        """Which of these Debian packages, `name` or `name=version`, there are. Raises: TimedOut."""
        return self._portal.call(self._async.packages, packages)

    def personas(self, *, archived: bool = False) -> list[PersonaInfo]:
        """Your own, and those that were published in your organisation. `archived`: those too."""
        return self._portal.call(self._async.personas, archived=archived)

    def persona(self, persona: str) -> PersonaInfo:
        """By its id or slug, here and below."""
        return self._portal.call(self._async.persona, persona)

    def add_persona(self, wanted: PersonaRequest | Mapping[str, Any]) -> PersonaInfo:
        """A draft. Raises: NameTaken: its slug."""
        return self._portal.call(self._async.add_persona, wanted)

    def change_persona(self, persona: str, change: PersonaChange | Mapping[str, Any]) -> PersonaInfo:
        """Its draft; what is published stays."""
        return self._portal.call(self._async.change_persona, persona, change)

    def publish_persona(self, persona: str) -> PersonaInfo:
        """The draft becomes the next version, for your whole organisation."""
        return self._portal.call(self._async.publish_persona, persona)

    def archive_persona(self, persona: str) -> PersonaInfo:
        """Off the lists, and not for new sessions any more."""
        return self._portal.call(self._async.archive_persona, persona)

    def versions(self, persona: str) -> list[PersonaVersion]:
        """What was published of it, newest first."""
        return self._portal.call(self._async.versions, persona)

    def build_persona(self, wanted: BuilderRequest | Mapping[str, Any], *, key: str | None = None) -> SessionInfo:
        """A session whose agent builds a persona. Raises: SessionNotFound: its source."""
        return self._portal.call(self._async.build_persona, wanted, key=key)

    def accounts(self) -> ForgeAccounts:
        """What the hub's sign-in for GitHub gives access to. Raises: ForgeNotConnected, ForgeFailed."""
        return self._portal.call(self._async.accounts)

    def repositories(self, account: str) -> ForgeRepositories:
        """Of one of these accounts, by its id. Raises: ForgeNotConnected, ForgeFailed, Missing."""
        return self._portal.call(self._async.repositories, account)
