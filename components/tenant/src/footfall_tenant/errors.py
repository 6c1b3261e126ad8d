"""Errors of this component only."""

from footfall_common.errors import Conflict


class RevisionMismatch(Conflict):
    """The state is not the one that the caller named by If-Match."""

    code = "revision_mismatch"
