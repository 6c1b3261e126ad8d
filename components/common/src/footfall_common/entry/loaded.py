"""The settings of one process: every class it reads, all of them judged before anything starts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar, cast

from footfall_common.errors import SettingsInvalid
from footfall_common.settings import Settings, refuse_unknown

S = TypeVar("S", bound=Settings)
PREFIXES = (
    "CASSANDRA", "IDENTITY", "KAFKA", "NAMES", "OPERATOR", "PROCESS", "RAW_RECEIVER", "RECEIVER", "REPORT",
    "STANDALONE", "TENANT",
)  # fmt: skip
"""Of all settings there are: components that stand side by side may share one environment."""


class Loaded:
    """Settings by their class. Raises SettingsInvalid that names every variable which is wrong."""

    def __init__(self, environ: Mapping[str, str], classes: Sequence[type[Settings]]) -> None:
        refuse_unknown(environ, classes, PREFIXES)
        self._held: dict[type[Settings], Settings] = {}
        problems: list[SettingsInvalid] = []
        for cls in classes:
            try:
                self._held[cls] = cls.load(environ)
            except SettingsInvalid as error:
                problems.append(error)
        if problems:
            raise SettingsInvalid(" ".join(problem.message for problem in problems), field=problems[0].field)

    def of(self, cls: type[S]) -> S:
        """The settings of that class."""
        return cast("S", self._held[cls])


def listing(classes: Sequence[type[Settings]]) -> str:
    """The variables and their defaults, for a terminal."""
    return "\n".join(line for cls in classes for line in _lines(cls))


def _lines(cls: type[Settings]) -> Iterator[str]:
    yield f"{cls.__name__}:"
    for variable, name in cls.variables().items():
        field = cls.model_fields[name]
        default = "required" if field.is_required() else f"= {_text(field.get_default(call_default_factory=True))}"
        yield f"  {variable} {default}".rstrip()


def _text(value: object) -> str:
    if value is None:
        return ""
    text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


_SHOWN = 48
