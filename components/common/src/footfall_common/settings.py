"""Settings as documented data: one class a concern, read from the environment once, refused when wrong.

A field's docstring is its documentation: `settings_page` makes `docs/settings.md` of it, so a field without one is a
programming error. Variables are named `FOOTFALL_<prefix>_<FIELD>`.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from typing_extensions import override

from footfall_common.errors import SettingsInvalid

_ROOT = "FOOTFALL_"
_SIGNS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<", "min_length": "length >=", "max_length": "length <="}


def split(value: object) -> object:
    """A variable's text, cut at its commas."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


Listed = Annotated[tuple[str, ...], BeforeValidator(split)]
"""Texts separated by commas in a variable."""


class Settings(BaseModel):
    """Base of all settings classes: frozen, closed, every field described."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True)

    prefix: ClassVar[str] = ""
    """The part of the variables' names that says whose they are, such as RECEIVER."""

    @classmethod
    @override
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        silent = [name for name, field in cls.model_fields.items() if not field.description]
        if silent or not cls.prefix:
            raise TypeError(f"{cls.__name__} needs a prefix, and a docstring for each of: {', '.join(silent) or '-'}")

    @classmethod
    def variables(cls) -> dict[str, str]:
        """Variable -> field."""
        return {f"{_ROOT}{cls.prefix}_{name.upper()}": name for name in cls.model_fields}

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> Self:
        """The settings of these variables, defaults for the rest; SettingsInvalid names each variable that is wrong."""
        given = {name: environ[variable] for variable, name in cls.variables().items() if variable in environ}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            problems = [cls._explain(problem, environ) for problem in error.errors(include_url=False)]
            raise SettingsInvalid(" ".join(problems), field=cls._variable(error.errors()[0])) from error

    @classmethod
    def _variable(cls, problem: ErrorDetails) -> str:
        return f"{_ROOT}{cls.prefix}_{str(problem['loc'][0] if problem['loc'] else '').upper()}"

    @classmethod
    def _explain(cls, problem: ErrorDetails, environ: Mapping[str, str]) -> str:
        variable = cls._variable(problem)
        reason = problem["msg"].rstrip(".")
        if not problem["loc"]:  # of several fields together; its input is all of them, secrets too
            return f"{reason.removeprefix('Value error, ')}."
        if problem["type"] == "missing":
            return f"{variable} is not set and has no default; set it."
        shown = "hidden" if _secret(variable) else repr(environ.get(variable, problem["input"]))
        return f"{variable} is {shown}: {reason}; correct it, or leave it out for its default."


def refuse_unknown(
    environ: Mapping[str, str], classes: Sequence[type[Settings]], elsewhere: Iterable[str] = ()
) -> None:
    """Raise SettingsInvalid for `FOOTFALL_*` variables that nothing reads, with the nearest known name.

    `elsewhere` = prefixes that other processes read: several may be started from one environment. Names under one of
    them are theirs to judge, unless one of `classes` has that prefix.
    """
    known = sorted(variable for cls in classes for variable in cls.variables())
    own = {cls.prefix for cls in classes}
    theirs = tuple(f"{_ROOT}{prefix}_" for prefix in elsewhere if prefix not in own)
    named = (name for name in environ if name.startswith(_ROOT) and not name.startswith(theirs))
    unknown = sorted(name for name in named if name not in known)
    if not unknown:
        return
    sentences = []
    for name in unknown:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "take it out; docs/settings.md lists those there are."
        sentences.append(f"{name} is not a setting: {hint}")
    raise SettingsInvalid(" ".join(sentences), code="unknown_setting", field=unknown[0])


def settings_page(classes: Sequence[type[Settings]]) -> str:
    """All settings as a Markdown page, a table a class."""
    lines = [
        "# Settings",
        "",
        "Environment variables, read once at start. Unknown `FOOTFALL_*` names are refused.",
        "",
    ]
    for cls in classes:
        lines += [f"## {cls.__name__}", "", " ".join((cls.__doc__ or "").split()), ""]
        lines += ["| variable | default | allowed | meaning |", "|---|---|---|---|"]
        lines += [_row(variable, cls.model_fields[name]) for variable, name in cls.variables().items()]
        lines.append("")
    return "\n".join(lines)


def _row(variable: str, field: FieldInfo) -> str:
    default = "required" if field.is_required() else f"`{_text(field.get_default(call_default_factory=True))}`"
    meaning = " ".join((field.description or "").split()).replace("|", "\\|")
    return f"| `{variable}` | {default} | {', '.join(_bounds(field)) or 'any'} | {meaning} |"


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _bounds(field: FieldInfo) -> Iterator[str]:
    """What pydantic keeps of `Field(ge=..., le=...)`, in words."""
    for constraint in field.metadata:
        for name, sign in _SIGNS.items():
            if (limit := getattr(constraint, name, None)) is not None:
                yield f"{sign} {limit}"


def _secret(variable: str) -> bool:
    return any(word in variable for word in ("SECRET", "TOKEN", "PASSWORD", "KEY"))
