"""The README's commands do what it says, as a newcomer types them."""

import asyncio
import re
import sys
from pathlib import Path

import pytest

from footfall_common.testing import eventually
from tests.support.components import alone
from tests.support.process import Up, footfall
from tests.support.servers import possible

ROOT = Path(__file__).parents[2]
COMMAND = re.compile(r"^\.venv/bin/footfall (?P<words>[^#\n]*)", re.MULTILINE)
REAL = "### On Kafka and Cassandra"


def commands(section: str) -> list[list[str]]:
    """The words of each `footfall` command of a part of the README."""
    return [match["words"].split() for match in COMMAND.finditer(section)]


def halves() -> tuple[str, str]:
    """What the README says before and after it comes to Kafka and Cassandra."""
    before, _, after = (ROOT / "README.md").read_text(encoding="utf-8").partition(REAL)
    return before, after


async def test_the_commands_of_the_readme_work_beside_make_run(tmp_path: Path) -> None:
    wanted = commands(halves()[0])
    assert len(wanted) >= 3
    async with Up(tmp_path / "data", "--demo", "-f", ROOT / "examples/tenant.yaml"):
        for words in wanted:
            done = footfall(*[str(tmp_path / "data") if word == ".footfall" else word for word in words])
            assert done.code == 0, (words, done.err)
            assert done.out, words


@pytest.mark.kafka
@pytest.mark.cassandra
@pytest.mark.timeout(180)
async def test_the_commands_of_the_readme_work_beside_make_stack(tmp_path: Path) -> None:
    possible()
    text = halves()[1]
    assert 'make stack ARGS="--env ' in text
    wanted = commands(text)
    assert [words[0] for words in wanted] == ["migrate", "replay"]
    variables = tmp_path / "stack.env"
    command = [sys.executable, "-m", "tools.servers.stack", "--env", str(variables)]
    stack = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
    try:
        await eventually(variables.exists, 120)
        said = [line.removeprefix("export ").split("=", 1) for line in variables.read_text("utf-8").splitlines()]
        environ = {pair[0]: pair[1] for pair in said if pair[0].startswith("FOOTFALL_")}
        for words in wanted:
            done = await asyncio.to_thread(footfall, *words, env=environ)
            assert done.code == 0, (words, done.err)
            assert done.out, words
        assert "FOOTFALL_PROCESS_PORT=8081 .venv/bin/python -m footfall_receiver" in text
        async with alone("receiver", tmp_path, environ) as receiver:
            await receiver.ready()
    finally:
        stack.terminate()
        await stack.wait()
