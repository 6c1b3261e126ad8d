"""The error tree. Errors are named after causes and know neither HTTP nor Kubernetes.

FootfallError
|- InvalidInput        what was sent cannot be used; `field` names it
|- Unauthenticated     no credential, or one that does not hold
|- Forbidden           a credential that holds, for something else
|- NotFound
|- Conflict            the state does not allow it; reading again shows why
|- TooLarge            over a documented limit
|- UnsupportedMedia    a content type or encoding nobody here reads
|- TooMany             over a documented rate; `retry_after` says when to come back
|- Unavailable         a part that must answer does not; nothing was taken; `retry_after`
|  |- BusUnavailable
|  `- StoreUnavailable
`- SettingsInvalid     a setting that is unknown or out of bounds; the process must not start
"""

import msgspec

UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
"""What msgspec raises on bytes that are not the wanted JSON; a ValidationError is a DecodeError. Caught at every edge
where bytes of others are read: leaving one of the three out would let a stranger end a task."""


class FootfallError(Exception):
    """Base of all: `code` is stable and machine-readable, `message` one sentence with the way out."""

    code = "internal"

    def __init__(self, message: str, *, code: str | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.field = field


class InvalidInput(FootfallError):
    """What was sent cannot be used."""

    code = "invalid_input"


class Unauthenticated(FootfallError):
    """No credential, or one that does not hold."""

    code = "unauthenticated"


class Forbidden(FootfallError):
    """A credential that holds, for something else."""

    code = "forbidden"


class NotFound(FootfallError):
    """The named thing does not exist."""

    code = "not_found"


class Conflict(FootfallError):
    """The state does not allow it."""

    code = "conflict"


class TooLarge(FootfallError):
    """Over a documented limit."""

    code = "too_large"


class UnsupportedMedia(FootfallError):
    """A content type or encoding nobody here reads."""

    code = "unsupported_media"


class _Later(FootfallError):
    """Something that may work again after `retry_after` seconds."""

    def __init__(
        self, message: str, *, retry_after: int = 1, code: str | None = None, field: str | None = None
    ) -> None:
        super().__init__(message, code=code, field=field)
        self.retry_after = retry_after


class TooMany(_Later):
    """Over a documented rate."""

    code = "too_many"


class Unavailable(_Later):
    """A part that must answer does not; nothing was taken."""

    code = "unavailable"


class BusUnavailable(Unavailable):
    """The bus did not acknowledge."""

    code = "bus_unavailable"


class StoreUnavailable(Unavailable):
    """The store did not acknowledge."""

    code = "store_unavailable"


class SettingsInvalid(FootfallError):
    """A setting that is unknown or out of bounds."""

    code = "settings_invalid"
