"""The records of `make prove`: one must stand for each proof, and it says which code it was made with.

`python -m bench.kit.records` fails where a record is missing or says that something was lost or doubled, and warns
where the code has changed since: a proof takes too long to run it at each change.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
COVERS = ("components",)
"""What a proof is about, unless it names other paths."""
_BARE = ("-c", "core.autocrlf=false", "-c", "core.safecrlf=false", "-c", "advice.addEmbeddedRepo=false")


class Judged(NamedTuple):
    """What is wrong, a sentence each."""

    errors: tuple[str, ...]
    warnings: tuple[str, ...]


def trees(paths: Sequence[str], root: Path = ROOT) -> dict[str, str]:
    """The git tree hash of each folder as it is on disk, ignored files left out.

    Once committed it is what `git rev-parse HEAD:<path>` prints. It needs git, and no repository: nothing of one is
    read or written.
    """
    with tempfile.TemporaryDirectory(prefix="footfall-tree-") as scratch:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environ = kept | {"GIT_DIR": scratch, "GIT_WORK_TREE": str(root), "GIT_CONFIG_NOSYSTEM": "1"}

        def git(*words: str) -> str:
            run = subprocess.run(
                ["git", *_BARE, *words], cwd=root, env=environ, capture_output=True, text=True, check=True
            )
            return run.stdout.strip()

        git("init", "--quiet")
        git("add", "--", *paths)
        return {path: git("write-tree", f"--prefix={path}/") for path in paths}


def judge(root: Path = ROOT) -> Judged:
    """Look at the newest record of each proof in `bench/prove`."""
    errors: list[str] = []
    warnings: list[str] = []
    for proof in sorted((root / "bench" / "prove").glob("[a-z]*.py")):
        record = root / "bench" / "results" / f"prove-{proof.stem}.jsonl"
        again = f"make prove NAME={proof.stem} ARGS=--keep"
        newest = _newest(record)
        if newest is None:
            errors.append(f"{record.relative_to(root)} holds no record: {again} makes it.")
            continue
        if bad := [name for name in ("lost", "double") if newest["figures"].get(name)]:
            errors.append(f"{record.relative_to(root)}: the newest record says {' and '.join(bad)} events.")
        if short := _short(newest["figures"]):
            warnings.append(f"{record.relative_to(root)}: {short}; {again}.")
        if changed := _changed(newest.get("tree", {}), root):
            warnings.append(f"{record.relative_to(root)} is of {newest['date']} and older code: {changed}; {again}.")
    return Judged(tuple(errors), tuple(warnings))


def _short(figures: Mapping[str, Any]) -> str:
    """What the proof did not do, though it lost and doubled nothing; "" where it did all."""
    done, of, failed = (figures.get(name, 0) for name in ("scenarios", "of", "failed"))
    if failed:
        return f"{failed} of its scenarios did not end as they should"
    return f"it is of {done} scenarios of {of}" if done < of else ""


def _newest(record: Path) -> dict[str, Any] | None:
    lines = record.read_text().splitlines() if record.exists() else []
    return json.loads(lines[-1]) if lines else None


def _changed(recorded: Mapping[str, str], root: Path) -> str:
    """Which of the covered paths are no longer what they were; "" when none."""
    if not recorded:
        return "it does not say of which"
    there = [path for path in recorded if (root / path).is_dir()]
    now = trees(there, root) if there else {}
    return ", ".join(f"{path} has changed" for path, tree in recorded.items() if now.get(path) != tree)


def main() -> int:
    """Print what is wrong; 1 for an error, 0 for a warning."""
    judged = judge()
    for warning in judged.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for error in judged.errors:
        print(f"error: {error}", file=sys.stderr)
    return 1 if judged.errors else 0


if __name__ == "__main__":
    raise SystemExit(main())
