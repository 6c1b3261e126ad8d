"""Reads a request's body within bounds, gunzipped where it says so."""

import zlib

from starlette.types import Receive

from footfall_common.errors import InvalidInput, TooLarge, UnsupportedMedia

_MEDIA = (b"application/json", b"text/plain")
_GZIP_WINDOW = 31  # zlib's way of asking for a gzip header


class Disconnected(Exception):
    """The client went away before its body was whole."""


async def read(receive: Receive, limit: int) -> bytes:
    """The body as sent; TooLarge as soon as more than `limit` bytes came."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    first: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        return _bounded(first, limit)
    parts = [first]
    held = len(first)
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        parts.append(message.get("body", b""))
        held += len(parts[-1])
        if held > limit:
            raise too_large(limit)
    return _bounded(b"".join(parts), limit)


def unpack(body: bytes, media: bytes, encoding: bytes, limit: int) -> bytes:
    """The JSON text of a body; UnsupportedMedia, InvalidInput or TooLarge with the way out."""
    if media.partition(b";")[0].strip().lower() not in _MEDIA:
        message = "Send the body as application/json or text/plain."
        raise UnsupportedMedia(message, field="content-type")
    match encoding.strip().lower():
        case b"" | b"identity":
            return body
        case b"gzip":
            return _gunzip(body, limit)
        case _:
            message = "Send the body plain or with Content-Encoding: gzip."
            raise UnsupportedMedia(message, field="content-encoding")


def _gunzip(body: bytes, limit: int) -> bytes:
    """Inflates no further than one byte past the limit, so that a bomb costs no more than a full body."""
    inflater = zlib.decompressobj(_GZIP_WINDOW)
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error as error:
        message = f"The body is not gzip ({error}); send it whole or without Content-Encoding."
        raise InvalidInput(message, code="invalid_gzip") from error
    _bounded(plain, limit)
    if not inflater.eof or inflater.unused_data:
        message = "The gzip body is cut short or has something after its end; send one whole gzip member."
        raise InvalidInput(message, code="invalid_gzip")
    return plain


def _bounded(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise too_large(limit)
    return body


def too_large(limit: int) -> TooLarge:
    """The refusal of a body over the limit."""
    return TooLarge(f"A body may hold {limit} bytes, also after gunzip; send fewer events a request.")
