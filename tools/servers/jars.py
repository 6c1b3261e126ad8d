"""The jars that a server runs from: resolved once by Maven from a pom, kept in the user's cache folder by its hash."""

import hashlib
import re
import shutil
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from tools.servers.cache import Missing, cache, made_by, offered, once

POMS = tuple(sorted(Path(__file__).parents[1].glob("*/pom.xml")))
"""Of every server."""
TRIES = 5
SECONDS = 300.0
"""Of one try: Maven itself waits for a silent network for half an hour."""
_DIGITS = 16


def lacking(poms: Iterable[Path] = POMS) -> str | None:
    """Why servers of these poms cannot run here; None where they can. Maven is needed until their jars are here."""
    wanted = {"java": "a Java 17 runtime"}
    if not all(place(pom).is_dir() for pom in poms):
        wanted["mvn"] = "Maven"
    for command, package in wanted.items():
        if shutil.which(command) is None:
            return f"there is no {command}: install {package}"
    return None


def version(pom: Path, artifact: str) -> str:
    """The version that a pom asks for."""
    found = re.search(rf"<artifactId>{re.escape(artifact)}</artifactId>\s*<version>([^<]+)<", pom.read_text("utf-8"))
    if found is None:
        raise Missing(f"{pom} names no {artifact}")
    return found[1]


def place(pom: Path) -> Path:
    """Where its jars lie once they are resolved; another version has another place."""
    return cache() / f"{pom.parent.name}-{hashlib.sha256(pom.read_bytes()).hexdigest()[:_DIGITS]}"


def jars(pom: Path) -> Path:
    """The folder of all jars that the pom asks for. Two processes may ask at once; a torn download is no folder."""
    if reason := lacking([pom]):
        raise Missing(reason)
    return once(place(pom), lambda beside, lock: _resolve(pom, beside, lock))


def _resolve(pom: Path, beside: Path, lock: int) -> None:
    command = ["mvn", "-B", "-q", "-f", str(pom), "dependency:copy-dependencies", "-DincludeScope=runtime"]
    said = ""
    for attempt in range(1, TRIES + 1):
        shutil.rmtree(beside, ignore_errors=True)
        try:
            made_by([*command, f"-DoutputDirectory={beside}"], f"Maven could not resolve {pom}", SECONDS, lock)
        except Missing as error:
            said = str(error)
        else:
            return
        print(f"{pom}: attempt {attempt} of {TRIES} failed", file=sys.stderr)
        time.sleep(attempt)
    raise Missing(said)


if __name__ == "__main__":
    sys.exit(offered(lambda: [jars(pom) for pom in POMS], "real Kafka and Cassandra"))
