"""The `footfall` command: a subcommand is an entry point of the group `footfall.commands`, from whatever package."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer

from footfall_common.errors import FootfallError
from footfall_standalone.exits import EXITS_HELP, CommandFailed, code_of

GROUP = "footfall.commands"
Command = Callable[..., Any]

_HELP = """Footfall: website and app event tracking in one command.

Start here:  footfall up --demo  and open http://localhost:8080/demo
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with the code of `exits`."""
    arguments = sys.argv[1:] if arguments is None else arguments
    installed = {entry.name: entry for entry in entry_points(group=GROUP)}
    try:
        build(_load(_wanted(installed, arguments)))(args=list(arguments), prog_name="footfall")
    except CommandFailed as error:
        _end(error.message, error.code)
    except FootfallError as error:
        _end(error.message, code_of(error))


def build(commands: Mapping[str, Command]) -> typer.Typer:
    """A Typer application of these subcommands."""
    app = typer.Typer(
        help=_HELP,
        epilog=EXITS_HELP,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
    )
    app.callback()(_root)
    for name, command in commands.items():
        app.command(name, epilog=EXITS_HELP)(command)
    return app


def _root() -> None:
    pass


_root.__doc__ = _HELP


def _wanted(installed: Mapping[str, EntryPoint], arguments: Sequence[str]) -> Iterable[EntryPoint]:
    """The subcommand that was named, alone: `footfall credentials` need not load what `footfall up` serves."""
    named = installed.get(arguments[0]) if arguments else None
    return [named] if named else [installed[name] for name in sorted(installed)]


def _load(wanted: Iterable[EntryPoint]) -> dict[str, Command]:
    return {entry.name: entry.load() for entry in wanted}


def _end(message: str, code: int) -> None:
    typer.echo(f"footfall: {message}", err=True)
    sys.exit(code)
