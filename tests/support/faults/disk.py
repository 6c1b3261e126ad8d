"""A disk of a fixed size that can be filled and freed: a sized tmpfs."""

import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

_CHUNK = bytes(65_536)


def impossible() -> str | None:
    """Why no disk can be mounted here; None where it can."""
    if os.geteuid() != 0:
        return "mounting a sized tmpfs needs root"
    if shutil.which("mount") is None:
        return "there is no mount command"
    return None


class Disk:
    """Mounted at `folder` while the block lasts; what is on it goes with it."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        self._size = f"size={megabytes}m,mode=700"
        self._filler = folder / "filler"

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", self._size, "tmpfs", self.folder], check=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        subprocess.run(["umount", "--lazy", self.folder], check=True)

    def fill(self) -> None:
        """Take all the room there is."""
        with self._filler.open("wb", buffering=0) as file:
            size = len(_CHUNK)
            while size:
                try:
                    file.write(_CHUNK[:size])
                except OSError:
                    size //= 2  # down to the last byte

    def free(self) -> None:
        """Give it back."""
        self._filler.unlink(missing_ok=True)
