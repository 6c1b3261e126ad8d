"""Make `.venv`: the pinned requirements by hash, then every workspace package editable.

Run with the machine's own python3 by `make setup`. When nothing that matters has changed since the last time, it only
compares a digest (some 50 ms). Two calls at once wait for each other.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

from workspace import REQUIREMENTS, ROOT, packages

VENV = ROOT / ".venv"
STAMP = VENV / "footfall-setup"
PYTHON = VENV / "bin" / "python"
OLDEST = (3, 11)


def fingerprint() -> str:
    """Digest of all that decides what is in `.venv`: this interpreter, the requirements, the manifests."""
    inputs = [REQUIREMENTS / "dev.txt", Path(__file__), *packages().values()]
    content = [sys.version, str(ROOT), *(path.read_text(encoding="utf-8") for path in inputs)]
    return hashlib.sha256("\0".join(content).encode()).hexdigest()


def create() -> None:
    """Make a fresh environment, or keep one whose interpreter still runs and is this one."""
    if PYTHON.exists():
        asked = subprocess.run(
            [PYTHON, "-c", "import sys; print(sys.version)"], capture_output=True, text=True, check=False
        )
        if asked.stdout.strip() == sys.version:
            return
    venv.create(VENV, clear=True, with_pip=True)


def install() -> None:
    """The list is whole: pip resolves nothing, so that no newer release than ours is met (it would want its hash)."""
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    subprocess.run([*pip, "--no-deps", "--require-hashes", "--requirement", str(REQUIREMENTS / "dev.txt")], check=True)
    editables = [argument for manifest in packages().values() for argument in ("--editable", str(manifest.parent))]
    # Their requirements are all there by now, pinned; the build back end too, so nothing more is fetched.
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", *editables], check=True)


def main() -> int:
    """0 = ready, 1 = pip failed (it has said why), 2 = this machine's Python will not do."""
    lock = os.open(ROOT / "tools" / "setup", os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    wanted = fingerprint()
    if STAMP.exists() and STAMP.read_text(encoding="utf-8") == wanted:
        return 0
    print("setup: installing the Python environment into .venv, a minute at the first time", flush=True)
    try:
        create()
    except subprocess.CalledProcessError:
        sys.stderr.write("setup: python3 cannot make an environment; on Debian: apt-get install python3-venv\n")
        return 2
    try:
        install()
    except subprocess.CalledProcessError as failure:
        sys.stderr.write(f"setup: pip failed ({failure.returncode}); its own words are above\n")
        return 1
    STAMP.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    if sys.version_info < OLDEST:
        sys.exit("setup: Footfall needs Python 3.11 or later; name one with make PYTHON=python3.12")
    sys.exit(main())
