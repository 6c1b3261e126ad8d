"""The jars that a server runs from: resolved once by Maven from a pom, kept in the user's cache folder by its hash."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

TRIES = 5
_DIGITS = 16


class Missing(RuntimeError):
    """This machine cannot run the servers; the message says what it lacks."""


def lacking() -> str | None:
    """Why no server can run here; None where it can."""
    for command, package in (("java", "a Java 17 runtime"), ("mvn", "Maven")):
        if shutil.which(command) is None:
            return f"there is no {command}: install {package}"
    return None


def cache() -> Path:
    """Footfall's folder in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "footfall"


def version(pom: Path, artifact: str) -> str:
    """The version that a pom asks for."""
    found = re.search(rf"<artifactId>{re.escape(artifact)}</artifactId>\s*<version>([^<]+)<", pom.read_text("utf-8"))
    if found is None:
        raise Missing(f"{pom} names no {artifact}")
    return found[1]


def jars(pom: Path) -> Path:
    """The folder of all jars that the pom asks for. Two processes may ask at once; a torn download is no folder."""
    folder = cache() / f"{pom.parent.name}-{hashlib.sha256(pom.read_bytes()).hexdigest()[:_DIGITS]}"
    if folder.is_dir():
        return folder
    if reason := lacking():
        raise Missing(reason)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _resolve(pom, folder)
    return folder


def _resolve(pom: Path, folder: Path) -> None:
    beside = folder.with_suffix(".part")
    command = ["mvn", "-B", "-q", "-f", str(pom), "dependency:copy-dependencies", "-DincludeScope=runtime"]
    said = ""
    for attempt in range(1, TRIES + 1):
        shutil.rmtree(beside, ignore_errors=True)
        done = subprocess.run(
            [*command, f"-DoutputDirectory={beside}"],
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode == 0:
            beside.rename(folder)
            return
        said = (done.stdout + done.stderr)[-2_000:]
        print(f"{pom}: attempt {attempt} of {TRIES} failed", file=sys.stderr)
        time.sleep(attempt)
    raise Missing(f"Maven could not resolve {pom}:\n{said}")


def main() -> int:
    """Resolve the jars of every server, or say in one sentence why none can run here."""
    if reason := lacking():
        print(f"no real Kafka and Cassandra here: {reason}")
        return 1 if os.environ.get("CI") == "true" else 0
    for pom in sorted(Path(__file__).parents[1].glob("*/pom.xml")):
        jars(pom)
    return 0


if __name__ == "__main__":
    sys.exit(main())
