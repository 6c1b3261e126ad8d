"""Reading request bodies within a limit, and answering with msgspec."""

import re
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from footfall_common.errors import InvalidInput, TooLarge, UnsupportedMedia

T = TypeVar("T")

_PATH = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_NAMED = re.compile(r"(?:required|unknown) field `(?P<name>[^`]+)`")
_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 32


class Reply(Response):
    """A struct, or a list of them, as JSON."""

    media_type = "application/json"

    def __init__(self, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        super().__init__(msgspec.json.encode(content), status_code=status, headers=headers)


async def body(request: Request, type: type[T], limit_bytes: int) -> T:  # noqa: A002 - msgspec's own word for it
    """The JSON body as `type`.

    Raises TooLarge above the limit (before it is held in memory), UnsupportedMedia for a content type that is not
    JSON, and InvalidInput with the field's path for what does not fit.
    """
    _expect(request, "application/json")
    content = await _content(request, limit_bytes)
    try:
        return msgspec.json.decode(content, type=type)
    except msgspec.ValidationError as error:
        message, field = _explain(str(error))
        raise InvalidInput(message, field=field) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The body is not JSON: {error}.", code="invalid_json") from error
    except RecursionError as error:
        raise InvalidInput("The body is nested too deeply to be read.", code="invalid_json") from error


async def form(request: Request, limit_bytes: int) -> dict[str, str]:
    """The fields of a form body; errors as of `body`, and InvalidInput where a field comes twice."""
    _expect(request, _FORM)
    content = await _content(request, limit_bytes)
    try:
        pairs = parse_qsl(content.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise InvalidInput(f"The body is not a form in UTF-8 of at most {_MOST_FIELDS} fields.") from error
    fields = dict(pairs)
    if len(fields) < len(pairs):
        twice = next(name for name, _ in pairs if [other for other, _ in pairs].count(name) > 1)
        raise InvalidInput(f"The field {twice} may be sent once only.", field=twice)
    return fields


def _expect(request: Request, media: str) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != media:
        raise UnsupportedMedia(f"The content type is {given or 'missing'}; send {media}.", field="content-type")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMedia("Compressed bodies are not read here; send it plain.", field="content-encoding")


async def _content(request: Request, limit: int) -> bytes:
    content = bytearray()
    try:
        async for chunk in request.stream():
            content += chunk
            if len(content) > limit:
                raise TooLarge(f"The body is larger than {limit} bytes; send less.")
    except ClientDisconnect as error:
        raise InvalidInput("The connection ended within the body.", code="incomplete_body") from error
    return bytes(content)


def _explain(reason: str) -> tuple[str, str | None]:
    """The sentence of msgspec without its JSON path, and the path of the field that is to blame."""
    place = _PATH.search(reason)
    path = place["path"] if place else ""
    sentence = _PATH.sub("", reason)
    named = _NAMED.search(sentence)
    field = ".".join(part for part in (path, named["name"] if named else "") if part) or None
    return f"{field or 'The body'}: {sentence}.", field
