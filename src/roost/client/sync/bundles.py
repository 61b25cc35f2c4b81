"""Made from roost/client/bundles.py (make docs): do not edit.

Sessions as one file, from Python.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import cast

from roost.client.bundles import AsyncExporting
from roost.client.sync.portal import Twin


class Exporting(Twin):
    """What of a session handle gives its session away (AsyncSession)."""

    @property
    def _async(self) -> AsyncExporting:
        return cast(AsyncExporting, self._twin)

    @contextmanager
    def export(self) -> Generator[Generator[bytes]]:
        """The session as a bundle, piece by piece: `with session.export() as pieces: for piece in pieces`.
        `Client.import_session` takes it."""
        with self._portal.enter(self._async.export()) as given:
            yield self._portal.iterate(given)
