"""Compile `requirements/*.txt` from the manifests, or check without network that they are still true to them.

    python tools/setup/requirements.py compile [--upgrade]
    python tools/setup/requirements.py check

Each file starts with a digest of the dependency lists it was compiled from; `check` compares that line only, so it
needs neither a network nor a resolver. The files name no index: where packages come from is the machine's own setting.
"""

import hashlib
import json
import subprocess
import sys

from workspace import REQUIREMENTS, ROOT, dependencies, group, packages

DIGEST_LINE = "# compiled by `make requirements` from dependency lists with sha256 "
# Those in environments of their own, which are not held to the versions of the others.
APART = {"manifests", "node"}
# Universal files serve every Python from this one on.
OLDEST_PYTHON = "3.11"


def wanted() -> dict[str, set[str]]:
    """File stem -> what it is compiled from. `dev` comes first: the others are held to its versions."""
    known = packages()
    needs = {path.parent.name: dependencies(path, known) for path in known.values()}
    everything = set[str]().union(*needs.values())
    deployables = {folder: requirements for folder, requirements in needs.items() if folder != "common"}
    groups = {name: group(name) for name in ("build", *sorted(APART))}
    return {"dev": everything | group("dev"), **groups, **deployables}


def digest(requirements: set[str]) -> str:
    return hashlib.sha256(json.dumps(sorted(requirements)).encode()).hexdigest()


def compile_file(stem: str, requirements: set[str], *, upgrade: bool) -> None:
    target = REQUIREMENTS / f"{stem}.txt"
    command = [
        *("uv", "pip", "compile", "-", "--output-file", str(target), "--quiet"),
        *("--generate-hashes", "--universal", "--python-version", OLDEST_PYTHON),
        *("--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"),
        *(["--upgrade"] if upgrade else []),
        *(["--constraint", str(REQUIREMENTS / "dev.txt")] if stem not in {"dev"} | APART else []),
    ]
    subprocess.run(command, check=True, text=True, input="\n".join(sorted(requirements)), cwd=ROOT)
    target.write_text(f"{DIGEST_LINE}{digest(requirements)}\n{target.read_text(encoding='utf-8')}", encoding="utf-8")


def stale(files: dict[str, set[str]]) -> list[str]:
    """One sentence for each file that is missing, outdated, or belongs to nothing."""
    problems = []
    for stem, requirements in files.items():
        target = REQUIREMENTS / f"{stem}.txt"
        first = target.read_text(encoding="utf-8").partition("\n")[0] if target.exists() else "(no such file)"
        if first != f"{DIGEST_LINE}{digest(requirements)}":
            problems.append(f"requirements/{stem}.txt is not compiled from the present manifests: make requirements")
    extra = {path.stem for path in REQUIREMENTS.glob("*.txt")} - files.keys()
    return problems + [f"requirements/{stem}.txt belongs to no deployable: delete it" for stem in sorted(extra)]


def main(arguments: list[str]) -> int:
    """0 = done or fresh, 1 = stale, 2 = wrong usage."""
    match arguments:
        case ["compile", *options] if set(options) <= {"--upgrade"}:
            REQUIREMENTS.mkdir(exist_ok=True)
            for stem, requirements in wanted().items():
                compile_file(stem, requirements, upgrade=bool(options))
            return 0
        case ["check"]:
            problems = stale(wanted())
            sys.stderr.writelines(f"{problem}\n" for problem in problems)
            return 1 if problems else 0
        case _:
            sys.stderr.write(f"{__doc__}\n")
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
