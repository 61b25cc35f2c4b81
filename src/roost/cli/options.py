"""Options that many commands share."""

from pathlib import Path
from typing import Annotated

import typer

from roost.cli.completing import complete_session

Json = Annotated[bool, typer.Option("--json", help="Print JSON: one object a line; errors on stderr.")]
Url = Annotated[
    str | None, typer.Option("--url", metavar="URL", help="The hub's address. Else ROOST_URL, else the data folder's.")
]
Data = Annotated[
    Path | None, typer.Option("--data", metavar="FOLDER", help="The data folder of a hub on this machine.")
]
OneSession = Annotated[
    str, typer.Argument(metavar="SESSION", help="Which session.", autocompletion=complete_session, show_default=False)
]
ManySessions = Annotated[
    list[str],
    typer.Argument(metavar="SESSION...", help="Which sessions.", autocompletion=complete_session, show_default=False),
]
