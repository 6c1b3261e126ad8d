"""The pages point at what is there."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\[[^\]]*\]\((?!https?:|#|mailto:)([^)#\s]+)")


def pages() -> list[str]:
    """All Markdown that git knows."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return listed.stdout.split()


@pytest.mark.parametrize("page", pages())
def test_every_link_inside_the_project_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    dead = [link for link in LINK.findall(text) if not ((ROOT / page).parent / link).exists()]
    assert not dead


@pytest.mark.parametrize("folder", sorted(path.parent.name for path in (ROOT / "components").glob("*/pyproject.toml")))
def test_every_component_has_a_page(folder: str) -> None:
    assert f"components/{folder}/README.md" in pages()


def test_the_changelog_has_something_to_say() -> None:
    assert "## Unreleased" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
