"""The tracking snippet's template, or what to do where there is none."""

from footfall_common import snippet
from footfall_standalone.exits import CommandFailed, ExitCode


def template() -> str:
    """The template that the tracker's build made."""
    try:
        return snippet.template()
    except FileNotFoundError:
        raise CommandFailed(
            "The tracker is not built on this machine; run `make setup` (or `make setup-tracker`) in the repository.",
            ExitCode.FAILED,
        ) from None
