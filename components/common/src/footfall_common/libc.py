"""What glibc is told of memory. Each call does nothing where the C library knows no such thing."""

import ctypes
from collections.abc import Callable
from typing import Final

_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8


def limit_arenas(count: int) -> None:
    """Let all threads share so many heaps; call before the first one starts."""
    _call("mallopt", _M_ARENA_MAX, count)


def map_from(size: int) -> None:
    """Map pieces of so many bytes and more by themselves, so that they leave whole when they are freed.

    glibc would raise its own threshold to the largest piece it has met, and keep what lies below.
    """
    _call("mallopt", _M_MMAP_THRESHOLD, size)


def trim() -> None:
    """Give back what is freed already and still held; about 2 ms."""
    _call("malloc_trim", 0)


def _call(name: str, *arguments: int) -> None:
    function: Callable[..., int] | None = getattr(ctypes.CDLL(None), name, None)
    if function is not None:
        function(*arguments)
