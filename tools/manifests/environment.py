"""The environment of the programs that read manifests: apart from .venv, since checkov holds back what others need.

Kept in the user's cache folder by the hash of its requirements; 400 MB, a minute at the first time.
"""

import hashlib
import shutil
import sys
import venv
from pathlib import Path
from typing import Final

from tools.servers.cache import cache, made_by, once

REQUIREMENTS: Final = Path(__file__).parents[2] / "requirements" / "manifests.txt"
SECONDS: Final = 600.0
_DIGITS: Final = 16


def place() -> Path:
    """Where it lies once it is made; another interpreter or another requirement has another place."""
    digest = hashlib.sha256(sys.version.encode() + b"\0" + REQUIREMENTS.read_bytes()).hexdigest()
    return cache() / f"manifests-{digest[:_DIGITS]}"


def environment() -> Path:
    """Its folder of programs. Raises `Missing` where it cannot be made."""
    return once(place(), _make) / "bin"


def _make(beside: Path, lock: int) -> None:
    """Programs name their interpreter by its whole path, so what is moved into place is run by the interpreter."""
    shutil.rmtree(beside, ignore_errors=True)
    venv.create(beside, with_pip=True)
    command = [str(beside / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    whole = [*command, "--no-deps", "--require-hashes", "--requirement", str(REQUIREMENTS)]
    made_by(whole, f"pip could not install {REQUIREMENTS.name}", SECONDS, lock)
