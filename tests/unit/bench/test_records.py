"""The records of `make prove`: a missing one fails, an old one warns, and the hash is git's own."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bench.kit.records import judge, trees


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with one proof and no record."""
    for folder in ("bench/prove", "bench/results", "components/a"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "bench/prove/kills.py").write_text("")
    (tmp_path / "components/a/code.py").write_text("answer = 42\n")
    (tmp_path / ".gitignore").write_text("*.pyc\n")
    return tmp_path


def record(root: Path, **line: Any) -> None:
    """Add a record of the proof."""
    with (root / "bench/results/prove-kills.jsonl").open("a") as file:
        file.write(json.dumps({"date": "2026-11-25", "figures": {"lost": 0, "double": 0}} | line) + "\n")


def test_a_missing_record_is_an_error(root: Path) -> None:
    assert judge(root).errors == (
        "bench/results/prove-kills.jsonl holds no record: make prove NAME=kills ARGS=--keep makes it.",
    )


def test_a_record_of_the_present_code_is_right(root: Path) -> None:
    record(root, tree=trees(["components"], root))
    assert judge(root) == ((), ())


def test_a_record_of_other_code_warns_and_the_newest_counts(root: Path) -> None:
    before = trees(["components"], root)
    record(root, tree=before)
    (root / "components/a/code.py").write_text("answer = 43\n")
    assert judge(root).errors == ()
    assert "components has changed" in judge(root).warnings[0]
    record(root, tree=trees(["components"], root))
    assert judge(root) == ((), ())


@pytest.mark.parametrize("tree", [{}, {"operator": "0" * 40}])
def test_a_record_without_a_hash_or_of_a_folder_that_is_gone_warns(root: Path, tree: dict[str, str]) -> None:
    record(root, tree=tree)
    judged = judge(root)
    assert (judged.errors, len(judged.warnings)) == ((), 1)


def test_a_record_that_says_something_was_lost_is_an_error(root: Path) -> None:
    record(root, tree=trees(["components"], root), figures={"lost": 3, "double": 0})
    assert judge(root).errors == ("bench/results/prove-kills.jsonl: the newest record says lost events.",)


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({"scenarios": 7, "of": 24}, "7 scenarios of 24"),
        ({"scenarios": 24, "of": 24, "failed": 1}, "1 of its scenarios"),
    ],
)
def test_a_proof_of_a_part_warns(root: Path, figures: dict[str, int], said: str) -> None:
    record(root, tree=trees(["components"], root), figures=figures)
    assert judge(root).errors == ()
    assert said in judge(root).warnings[0]


def test_the_hash_is_what_git_gives_the_folder_once_committed(root: Path) -> None:
    (root / "components/a/code.pyc").write_text("ignored")
    found = trees(["components", "bench/prove"], root)
    git = ["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "a"]):
        subprocess.run([*git, *words], check=True)
    for path, tree in found.items():
        shown = subprocess.run([*git, "rev-parse", f"HEAD:{path}"], check=True, capture_output=True, text=True)
        assert shown.stdout.strip() == tree
