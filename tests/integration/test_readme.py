"""The README's commands do what it says, as a newcomer types them."""

import re
from pathlib import Path

from tests.support.process import Up, footfall

ROOT = Path(__file__).parents[2]
COMMAND = re.compile(r"^\.venv/bin/footfall (?P<words>[^#\n]*)", re.MULTILINE)


def commands() -> list[list[str]]:
    """The words of each `footfall` command in the README."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return [match["words"].split() for match in COMMAND.finditer(text)]


async def test_the_commands_of_the_readme_work_beside_make_run(tmp_path: Path) -> None:
    assert len(commands()) >= 3
    async with Up(tmp_path / "data", "--demo", "-f", ROOT / "examples/tenant.yaml"):
        for words in commands():
            done = footfall(*[str(tmp_path / "data") if word == ".footfall" else word for word in words])
            assert done.code == 0, (words, done.err)
            assert done.out, words
