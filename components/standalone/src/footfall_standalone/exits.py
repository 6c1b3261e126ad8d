"""How every `footfall` command ends: one code a cause, and errors that are one sentence with the way out."""

from enum import IntEnum

from footfall_common.errors import FootfallError, InvalidInput, SettingsInvalid


class ExitCode(IntEnum):
    """The exit codes of all commands; a shell's own 130 (Ctrl+C) comes beside them."""

    OK = 0
    FAILED = 1
    INVALID = 2
    IN_USE = 3
    UNREACHABLE = 4


MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.FAILED: "done, but something was refused (the output names it), or an unexpected failure",
    ExitCode.INVALID: "bad option, setting, manifest or input; nothing was done",
    ExitCode.IN_USE: "the port or the data directory is in use by another process",
    ExitCode.UNREACHABLE: "no answer from the process asked, or it could not take what was sent in time",
}

EXITS_HELP = "Exit codes: " + "; ".join(f"{code.value} = {meaning}" for code, meaning in MEANINGS.items()) + "."


class CommandFailed(Exception):
    """Ends a command with this sentence on stderr and this code."""

    def __init__(self, message: str, code: ExitCode) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def code_of(error: FootfallError) -> ExitCode:
    """The exit code of an error that a command did not translate itself."""
    return ExitCode.INVALID if isinstance(error, InvalidInput | SettingsInvalid) else ExitCode.FAILED
