"""`footfall dead`: what could not be stored, and why."""

from collections.abc import Iterator
from http import HTTPStatus

import httpx
import msgspec
import typer

from footfall_standalone.addresses import below
from footfall_standalone.choose import run_of
from footfall_standalone.commands.options import DEFAULT_DATA, AsJson, Data
from footfall_standalone.datadir import DataDir
from footfall_standalone.exits import CommandFailed, ExitCode

_PAGE = 500
_SECONDS = 30.0
_SHOWN_BYTES = 100


class Letter(msgspec.Struct, frozen=True):
    """A dead letter: `offset` and `index` tell where it stood on the raw topic, `bytes` (base64) what it was."""

    stage: str
    reason: str
    partition: int
    offset: int
    index: int
    bytes: bytes


class _Page(msgspec.Struct):
    letters: list[Letter]
    after: str | None = None


def command(data: Data = DEFAULT_DATA, *, as_json: AsJson = False) -> None:
    """List events that were accepted and could not be stored: the stage that failed, why, and the bytes as they came.

    Asks the `footfall up` that serves the data directory, so that must be running.

    Examples:

    - `footfall dead`

    - `footfall dead --data /var/lib/footfall --json | jq -r '.[].reason' | sort | uniq -c`
    """
    directory = DataDir(data)
    address = below(run_of(directory.run(), data).local).raw_receiver
    if not directory.running():
        raise CommandFailed(
            f"No `footfall up` serves {data} now; start it with `footfall up --data {data}` and ask again.",
            ExitCode.UNREACHABLE,
        )
    with httpx.Client(timeout=_SECONDS, trust_env=False) as client:
        client.headers["authorization"] = f"Bearer {directory.read_admin_token()}"
        letters = list(_letters(client, f"{address}/admin/v1/dead"))
    typer.echo(_json(letters) if as_json else _text(letters))


def _letters(client: httpx.Client, url: str) -> Iterator[Letter]:
    after: str | None = ""
    while after is not None:
        try:
            answer = client.get(url, params={"limit": _PAGE, "after": after})
        except httpx.TransportError as error:
            raise CommandFailed(f"{url} does not answer ({error}); try again.", ExitCode.UNREACHABLE) from error
        if answer.status_code != HTTPStatus.OK:
            raise CommandFailed(f"{url} answered {answer.status_code}: {answer.text}", ExitCode.UNREACHABLE)
        page = msgspec.json.decode(answer.content, type=_Page)
        yield from page.letters
        after = page.after


def _json(letters: list[Letter]) -> str:
    """A list, with a letter a line."""
    return "[" + ",\n".join(msgspec.json.encode(letter).decode() for letter in letters) + "]"


def _text(letters: list[Letter]) -> str:
    if not letters:
        return "There are no dead letters."
    return "\n".join(_line(letter) for letter in letters)


def _line(letter: Letter) -> str:
    shown = letter.bytes[:_SHOWN_BYTES].decode("utf-8", "backslashreplace")
    return f"{letter.partition}:{letter.offset}:{letter.index} {letter.stage}: {letter.reason}  {shown!r}"
