"""Errors of the receiver's own."""

from footfall_common.errors import FootfallError


class MethodNotAllowed(FootfallError):
    """The door answers, but not this method."""

    code = "method_not_allowed"
