"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_DATA = Path(".footfall")

Data = Annotated[Path, typer.Option("--data", metavar="DIR", help="The data directory of `footfall up`.")]
Tenant = Annotated[
    str | None,
    typer.Option("--tenant", metavar="ID", help="Its tenantId or GUID; may be left out when there is one tenant."),
]
Site = Annotated[
    str | None,
    typer.Option("--site", metavar="NAME", help="The site's name or GUID; may be left out when there is one site."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
