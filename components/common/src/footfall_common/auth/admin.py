"""The administrator's token: one secret an installation, held by whoever provisions tenants."""

import hashlib
import hmac
from collections.abc import Callable

from footfall_common.errors import Unauthenticated


class AdminToken:
    """Compares with the token as it stands now: `read` is asked each time, so that a new one needs no restart."""

    def __init__(self, read: Callable[[], str]) -> None:
        self._read = read

    def check(self, token: str) -> None:
        """Raise Unauthenticated unless `token` is the administrator's; takes the same time for every wrong one."""
        expected = self._read().strip()
        same = hmac.compare_digest(_digest(token), _digest(expected))
        if not (same and expected):
            raise Unauthenticated("This is not the administrator's token; read it from where it is kept now.")


def _digest(text: str) -> bytes:
    """Equal lengths, so that not even the token's length can be told from the time."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
