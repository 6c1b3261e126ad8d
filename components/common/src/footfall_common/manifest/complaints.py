"""What a model says of wrong input, as one sentence about one field."""

import difflib
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

Path = tuple[str | int, ...]

_REASONS = {
    "missing": "is missing",
    "string_pattern_mismatch": "is not of the form that is allowed",
    "string_type": "should be a text; quote it if it is one",
    "string_unicode": "is no valid Unicode",
}
_SAID_IN_FULL = frozenset(
    {"dedicated", "enum", "literal_error", "nil", "one_of", "order", "partitions", "repeated", "time_zone"}
)


class Complaint(NamedTuple):
    """Which field is at fault, and why, with the way out."""

    path: Path
    message: str


def complaint(error: ValidationError, model: type[BaseModel]) -> Complaint:
    """The first thing to repair: an unknown field before all else, since a misspelt one is missing as well."""
    faults = error.errors(include_url=False, include_input=False)
    fault = next((one for one in faults if one["type"] == "extra_forbidden"), faults[0])
    path: Path = (*fault["loc"], *fault.get("ctx", {}).get("at", ()))
    return Complaint(path, _sentence(fault["type"], fault["msg"], path, model))


def dotted(path: Path) -> str:
    """`spec.sites[1].name`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _sentence(kind: str, message: str, path: Path, model: type[BaseModel]) -> str:
    if kind == "extra_forbidden":
        return f"There is no field {path[-1]} here; {_nearest(str(path[-1]), _fields(path[:-1], model))}"
    hint = "" if kind in _SAID_IN_FULL else _hint(path, model)
    reason = _REASONS.get(kind, message.replace("Input should", "should"))
    return f"{dotted(path)} {reason}{hint}."


def _hint(path: Path, model: type[BaseModel]) -> str:
    """The description of the field, or of the list that holds the item."""
    names = [index for index, part in enumerate(path) if isinstance(part, str)]
    if not names:
        return ""
    field = _fields(path[: names[-1]], model).get(str(path[names[-1]]))
    return f" ({field.description})" if field and field.description else ""


def _nearest(name: str, fields: dict[str, FieldInfo]) -> str:
    near = difflib.get_close_matches(name, fields, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(fields)}."


def _fields(path: Path, model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of the model that lies at that path, by their outside names."""
    inside: type[BaseModel] | None = model
    for part in path:
        if isinstance(part, str) and inside is not None:
            field = _by_alias(inside).get(part)
            inside = _model_in(field.annotation) if field else None
    return _by_alias(inside) if inside else {}


def _by_alias(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
