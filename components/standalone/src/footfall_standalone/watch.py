"""Which manifest files changed: a pure comparison, and the reading that feeds it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from footfall_common.manifest import MAX_BYTES

Contents = Mapping[Path, bytes | None]
"""What each file holds, as far as a manifest may be long; None = it cannot be read."""


class Look(NamedTuple):
    """What was seen at one look, and what of it has been acted on."""

    seen: Contents
    acted: Contents


def changed(look: Look, now: Contents) -> tuple[Look, tuple[Path, ...]]:
    """The next state, and the files to act on.

    A file acts once two looks in a row saw the same content, so that none is read while an editor writes it, and once
    a content.
    """
    due = tuple(path for path, content in now.items() if look.seen.get(path) == content != look.acted[path])
    return Look(now, {**look.acted, **{path: now[path] for path in due}}), due


def contents(paths: Sequence[Path]) -> Contents:
    """What the files hold now."""
    return {path: _content(path) for path in paths}


def _content(path: Path) -> bytes | None:
    try:
        if not path.is_file():  # opening a pipe would wait for whoever writes to it
            return None
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)  # what is longer is refused, whatever its rest says
    except OSError:
        return None
