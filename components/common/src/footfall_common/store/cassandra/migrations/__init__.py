"""Schema changes: the numbered `.cql` files of this package, applied in their order by `footfall migrate`.

Statements must be such that doing them again is harmless (IF NOT EXISTS): a runner may die between any two, and the
next one begins that file anew. A file that has been applied is never edited: write a new one instead.
"""

import hashlib
import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Final, NamedTuple

from footfall_common.errors import InvalidInput

_FILE: Final = re.compile(r"(\d{4})_[a-z0-9_]+\.cql")


class Migration(NamedTuple):
    """One file: its number, its name without ending, its statements, and a checksum of these."""

    number: int
    name: str
    statements: Sequence[str]
    checksum: str


def packaged() -> list[Migration]:
    """The files of this package, in the order of their numbers."""
    found = [entry for entry in files(__name__).iterdir() if entry.name.endswith(".cql")]
    return sorted(parse(entry.name, entry.read_text("utf-8")) for entry in found)


def parse(name: str, text: str) -> Migration:
    """A file as a migration. Comments and blanks may change later, statements may not."""
    matched = _FILE.fullmatch(name)
    if matched is None:
        raise InvalidInput(f"{name} is no name of a migration: write it like 0042_what_it_does.cql.", field=name)
    bare = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    statements = [" ".join(statement.split()) for statement in bare.split(";") if statement.strip()]
    checksum = hashlib.sha256(";\n".join(statements).encode()).hexdigest()
    return Migration(int(matched[1]), name.removesuffix(".cql"), statements, checksum)
